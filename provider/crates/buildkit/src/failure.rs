//! Build errors, by what happened.
//!
//! Responsible for [`BuildError`] and for the questions that callers decide by: denied, transient, cancelled.
//! Messages are fragments for the level above; advice to the user belongs there.
//!
//! Refuses to carry credentials: what a builder or a registry says is kept, what we told them is not.

use std::io;

use crate::session::SessionFailure;

/// Lines of a Dockerfile, counted from 1, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

/// Why a build or a push did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A step of the Dockerfile failed.
    #[error("step `{step}` failed: {message}")]
    StepFailed {
        /// Name of the step with its `[2/4]`.
        step: String,
        /// Where the step is written; old builders do not say.
        dockerfile_lines: Option<LineRange>,
        /// The last lines of its output.
        log_tail: Vec<String>,
        /// The builder's error.
        message: String,
    },
    /// The Dockerfile cannot be understood.
    #[error("the Dockerfile was rejected: {message}")]
    DockerfileRejected {
        /// The line that is wrong, from 1.
        line: Option<u32>,
        /// The builder's error.
        message: String,
    },
    /// An image that the Dockerfile starts from or copies from cannot be had.
    #[error("image `{image}` cannot be resolved: {message}")]
    BaseImageUnavailable {
        /// The image's reference.
        image: String,
        /// Where it is named.
        dockerfile_lines: Option<LineRange>,
        /// The builder's error.
        message: String,
    },
    /// A file of the context is not what was fingerprinted.
    #[error("`{path}` changed while it was being built")]
    ContextChanged {
        /// Path inside the context.
        path: String,
    },
    /// A file of the context cannot be read any more.
    #[error("`{path}` cannot be read")]
    ContextUnreadable {
        /// Path inside the context.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The builder asks for files that the fingerprint does not cover. Either the Dockerfile was read otherwise than
    /// the builder reads it, or an `ONBUILD` instruction of a base image asks, which the Dockerfile cannot tell.
    #[error("the builder asks for {asked} of {context}, which the fingerprint does not cover")]
    OutsideFingerprint {
        /// The directory.
        context: String,
        /// What is asked for.
        asked: String,
    },
    /// The builder used another image than the one that was pinned.
    #[error("`{image}` was pinned to `{pinned}`, but the builder used `{used}`")]
    PinIgnored {
        /// The image's reference.
        image: String,
        /// The digest that was asked for.
        pinned: String,
        /// The digest that was used.
        used: String,
    },
    /// The caller cancelled.
    #[error("the build was cancelled")]
    Cancelled,
    /// The builder cannot be reached, or was lost.
    #[error("the connection to {endpoint} failed")]
    Unavailable {
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The endpoint cannot do what is asked for.
    #[error("{endpoint} does not support {what}")]
    Unsupported {
        /// What was asked for.
        what: String,
        /// The endpoint.
        endpoint: String,
    },
    /// The registry refuses the push.
    #[error("pushing to `{reference}` was denied: {message}")]
    PushDenied {
        /// Repository or reference.
        reference: String,
        /// The registry's error.
        message: String,
    },
    /// The push failed for another reason.
    #[error("pushing to `{reference}` failed: {message}")]
    PushFailed {
        /// Repository or reference.
        reference: String,
        /// The error.
        message: String,
    },
    /// Anything else that the builder reports.
    #[error("{endpoint} failed: {message}")]
    BuilderFailed {
        /// The endpoint.
        endpoint: String,
        /// The builder's error.
        message: String,
    },
}

impl BuildError {
    /// The same error with every text that the builder or a step has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::StepFailed {
                step,
                dockerfile_lines,
                log_tail,
                message,
            } => Self::StepFailed {
                step: change(&step),
                dockerfile_lines,
                log_tail: log_tail.iter().map(|line| change(line)).collect(),
                message: change(&message),
            },
            Self::DockerfileRejected { line, message } => Self::DockerfileRejected {
                line,
                message: change(&message),
            },
            Self::BaseImageUnavailable {
                image,
                dockerfile_lines,
                message,
            } => Self::BaseImageUnavailable {
                image,
                dockerfile_lines,
                message: change(&message),
            },
            Self::PushDenied { reference, message } => Self::PushDenied {
                reference,
                message: change(&message),
            },
            Self::PushFailed { reference, message } => Self::PushFailed {
                reference,
                message: change(&message),
            },
            Self::BuilderFailed { endpoint, message } => Self::BuilderFailed {
                endpoint,
                message: change(&message),
            },
            Self::Unavailable { endpoint, source } => Self::Unavailable {
                endpoint,
                source: io::Error::new(source.kind(), change(&source.to_string())),
            },
            Self::ContextChanged { .. }
            | Self::ContextUnreadable { .. }
            | Self::OutsideFingerprint { .. }
            | Self::PinIgnored { .. }
            | Self::Cancelled
            | Self::Unsupported { .. } => self,
        }
    }

    /// The caller lacks a permission, or a credential.
    pub fn is_denied(&self) -> bool {
        match self {
            Self::PushDenied { .. } => true,
            Self::BaseImageUnavailable { message, .. } => speaks_of_denial(message),
            _ => false,
        }
    }

    /// Trying again later may help without any change.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::PushFailed { .. })
    }

    /// The caller wanted it so.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled)
    }
}

impl From<SessionFailure> for BuildError {
    fn from(failure: SessionFailure) -> Self {
        match failure {
            SessionFailure::ContextChanged { path } => Self::ContextChanged { path },
            SessionFailure::Unreadable { path, source } => Self::ContextUnreadable { path, source },
            SessionFailure::OutsideFingerprint { context, asked } => Self::OutsideFingerprint { context, asked },
            SessionFailure::Protocol { what } => Self::BuilderFailed {
                endpoint: "the file sync with the builder".to_owned(),
                message: what,
            },
        }
    }
}

/// Whether a registry's text means "you may not".
pub(crate) fn speaks_of_denial(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let signs = [
        "401 unauthorized",
        "403 forbidden",
        "denied",
        "authentication required",
        "no basic auth credentials",
        "insufficient_scope",
    ];
    signs.iter().any(|sign| message.contains(sign))
}
