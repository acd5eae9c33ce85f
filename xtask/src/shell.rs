//! Running other programs, and finding our own files.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) use fastcontainer_lab::workspace_root;

/// Result of a command.
pub(crate) type Outcome = Result<(), Box<dyn Error>>;
/// Result of a check: one sentence per finding.
pub(crate) type Problems = Result<Vec<String>, Box<dyn Error>>;

/// Runs a command in the checkout and demands success.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = command
        .current_dir(workspace_root())
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed: {status}").into())
    }
}

/// Runs a command in the checkout and returns its standard output.
pub(crate) fn output(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let output = command
        .current_dir(workspace_root())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// All Rust files below `directory` but build output.
pub(crate) fn rust_files(directory: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if path.is_dir() && !hidden && !path.ends_with("target") {
            found.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
