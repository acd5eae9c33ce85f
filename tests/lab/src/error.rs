//! What can go wrong while tools are installed or a lab is set up and used.
//!
//! Variants are named by what happened; each carries the object it happened to. Messages speak for their own level
//! only, the cause is the `source`. Nothing here decides what to do about an error.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

/// The result of everything in this crate.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

/// A step of setting up or using the lab that did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The file system refused something.
    #[error("cannot {action} `{path}`")]
    Io {
        /// Verb of what was tried, such as `read`.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A program could not be started at all.
    #[error("`{program}` cannot be started")]
    NotStarted {
        /// Program name or path.
        program: String,
        /// The operating system's answer.
        source: io::Error,
    },
    /// A program ended with another status than success.
    #[error("{what} ended with {status}; its last lines:\n{tail}")]
    CommandFailed {
        /// What the program was run for.
        what: String,
        /// Exit status in words.
        status: String,
        /// End of its output.
        tail: String,
    },
    /// Something that has to be on the machine is not there.
    #[error("{what} is missing: {remedy}")]
    Missing {
        /// The missing thing.
        what: String,
        /// What to install or run.
        remedy: String,
    },
    /// A service did not become ready, or ended while it was waited for.
    #[error("{service} was not ready after {seconds} s; its last lines:\n{tail}")]
    NotReady {
        /// Which service.
        service: String,
        /// How long it was waited for.
        seconds: u64,
        /// End of its log.
        tail: String,
    },
    /// A service answered with an error.
    #[error("{operation} was answered with status {status}: {body}")]
    Refused {
        /// Method and path.
        operation: String,
        /// HTTP status.
        status: u16,
        /// Body as text, shortened.
        body: String,
    },
    /// Data that was read is not what it has to be.
    #[error("{subject} is malformed: {reason}")]
    Malformed {
        /// What was read.
        subject: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A registry or AWS call failed.
    #[error("registry request for `{reference}`")]
    Registry {
        /// Image reference or host.
        reference: String,
        /// The client's error.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl LabError {
    /// True when the machine lacks something that its owner has to install.
    #[must_use]
    pub fn is_missing_prerequisite(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    pub(crate) fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Missing {
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    pub(crate) fn malformed(subject: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed {
            subject: subject.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn registry(reference: &str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Registry {
            reference: reference.to_owned(),
            source: source.into(),
        }
    }
}

/// Turns an [`io::Error`] into [`LabError::Io`]; made for `map_err`.
pub(crate) fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LabError {
    let path = path.to_owned();
    move |source| LabError::Io { action, path, source }
}

/// Error and causes in one line, outermost first; for the edge of a program.
#[must_use]
pub fn render(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
