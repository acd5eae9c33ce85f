//! Tools of other languages: run to their end, with what they said in the error.

use std::path::PathBuf;
use std::process::Command;

/// Why an SDK could not be packed or installed.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The program is not there.
    #[error("{command}: {source}: install it and put it on PATH")]
    NotStarted {
        /// The command line.
        command: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The program failed.
    #[error("{command}: {status}\n{said}")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// Standard output and standard error.
        said: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Gives an error of the system its path.
pub(crate) fn at(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> ToolError {
    let path = path.into();
    move |source| ToolError::File { path, source }
}

/// Runs a program to its end and returns its standard output.
pub(crate) fn succeed(command: &mut Command) -> Result<String, ToolError> {
    let line = format!("{command:?}");
    let output = command.output().map_err(|source| ToolError::NotStarted {
        command: line.clone(),
        source,
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(ToolError::Failed {
        command: line,
        status: output.status,
        said: text + &String::from_utf8_lossy(&output.stderr),
    })
}
