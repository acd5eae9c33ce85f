//! What can go wrong at a registry, and the kinds that callers decide on.
//!
//! Every message begins with the request, method and address, and ends with what the registry said about it. Addresses
//! carry no credentials because none are ever put into one. What a registry says is data: it is cut to a length that
//! fits a message, and control characters are neutralised.

use std::fmt;
use std::time::Duration;

use crate::credentials::CredentialError;
use crate::reference::{Digest, ReferenceError};
use crate::request::Action;

const SAID_MAX: usize = 1000;

/// A request as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    method: &'static str,
    url: String,
}

impl Call {
    pub(crate) fn new(method: &'static str, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`", self.method, self.url)
    }
}

/// What a registry said, safe to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics(String);

impl Diagnostics {
    pub(crate) fn new(said: &str) -> Self {
        let clean = said
            .trim()
            .chars()
            .map(|character| if character.is_control() { ' ' } else { character });
        let mut text: String = clean.take(SAID_MAX + 1).collect();
        if let Some((cut, _)) = text.char_indices().nth(SAID_MAX) {
            text.truncate(cut);
            text.push('…');
        }
        Self(text)
    }

    /// The words of the registry; empty when it said nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " (the registry says: {})", self.0)
        }
    }
}

/// Why a question to a registry has no answer.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The repository itself does not exist.
    #[error("{call}: the repository does not exist{said}")]
    RepositoryMissing {
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// There are no credentials, or they were refused.
    #[error("{call}: {}{said}", if *.presented { "the credentials were refused" } else { "credentials are needed and there are none" })]
    Unauthenticated {
        /// Whether credentials were presented.
        presented: bool,
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// The credentials are good and do not allow this.
    #[error("{call}: access denied for action `{action}`{said}")]
    Denied {
        /// What was attempted.
        action: Action,
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// The registry limits the rate of requests, also after several tries.
    #[error("{call}: too many requests{said}")]
    RateLimited {
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// The registry failed, also after several tries.
    #[error("{call}: the registry failed with status {status}{said}")]
    ServerFailed {
        /// The HTTP status.
        status: u16,
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// The connection could not be made or was lost, also after several tries.
    #[error("{call}: no complete answer")]
    Unreachable {
        /// The request.
        call: Call,
        /// What happened to the connection.
        #[source]
        source: reqwest::Error,
    },
    /// No answer came in time.
    #[error("{call}: no answer within {} s", after.as_secs())]
    TimedOut {
        /// How long was waited.
        after: Duration,
        /// The request.
        call: Call,
    },
    /// The registry refused the request itself.
    #[error("{call}: refused with status {status}{said}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The request.
        call: Call,
        /// What the registry said.
        said: Diagnostics,
    },
    /// The answer is not one of the distribution protocol.
    #[error("{call}: the answer breaks the distribution protocol: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
        /// The request.
        call: Call,
    },
    /// The bytes are not those that the digest names.
    #[error("{call}: what came has the digest `{actual}` instead of `{expected}`")]
    DigestMismatch {
        /// The digest that was asked for or announced.
        expected: Digest,
        /// The digest of what came.
        actual: Digest,
        /// The request.
        call: Call,
    },
    /// The bytes are no manifest of the media type that they are stored under.
    #[error("the manifest is not what its media type `{media_type}` says")]
    InvalidManifest {
        /// The media type.
        media_type: String,
        /// Where the bytes deviate.
        #[source]
        source: serde_json::Error,
    },
    /// A name is invalid.
    #[error(transparent)]
    InvalidReference(#[from] ReferenceError),
    /// A source of credentials failed.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The certificates in `AWS_CA_BUNDLE` cannot be read.
    #[error("the certificates in `{path}`, which `AWS_CA_BUNDLE` names, cannot be read")]
    CertificatesUnreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    NoHttpClient {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistryErrorKind {
    /// Create the repository.
    RepositoryMissing,
    /// Log in.
    Unauthenticated,
    /// Get permission.
    Denied {
        /// For what.
        action: Action,
    },
    /// Ask less often.
    RateLimited,
    /// Try again later.
    Unavailable,
    /// Try again later; the time ran out.
    TimedOut,
    /// Correct the request, the registry or the configuration.
    Invalid,
}

impl RegistryError {
    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> RegistryErrorKind {
        match self {
            Self::RepositoryMissing { .. } => RegistryErrorKind::RepositoryMissing,
            Self::Unauthenticated { .. } | Self::Credentials(_) => RegistryErrorKind::Unauthenticated,
            Self::Denied { action, .. } => RegistryErrorKind::Denied { action: *action },
            Self::RateLimited { .. } => RegistryErrorKind::RateLimited,
            Self::ServerFailed { .. } | Self::Unreachable { .. } => RegistryErrorKind::Unavailable,
            Self::TimedOut { .. } => RegistryErrorKind::TimedOut,
            Self::Refused { .. }
            | Self::Malformed { .. }
            | Self::DigestMismatch { .. }
            | Self::InvalidManifest { .. }
            | Self::InvalidReference(_)
            | Self::CertificatesUnreadable { .. }
            | Self::NoHttpClient { .. } => RegistryErrorKind::Invalid,
        }
    }

    /// Whether the repository itself does not exist.
    #[must_use]
    pub fn is_repository_missing(&self) -> bool {
        self.kind() == RegistryErrorKind::RepositoryMissing
    }

    /// Whether good credentials do not allow this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.kind(), RegistryErrorKind::Denied { .. })
    }

    /// Whether credentials are missing, refused or cannot be obtained.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == RegistryErrorKind::Unauthenticated
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use RegistryErrorKind::{RateLimited, TimedOut, Unavailable};
        matches!(self.kind(), RateLimited | TimedOut | Unavailable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_cut_and_has_no_control_characters() {
        assert_eq!(Diagnostics::new(" a\u{1b}[31mb\r\nc ").as_str(), "a [31mb  c");
        assert_eq!(
            Diagnostics::new(&"ä".repeat(5000)).as_str().chars().count(),
            SAID_MAX + 1
        );
        assert_eq!(Diagnostics::new("").to_string(), "");
    }
}
