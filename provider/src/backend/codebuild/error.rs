//! What can go wrong around a remote build.

use fastcontainer_aws::AwsError;
use fastcontainer_build_context::ContextError;
use fastcontainer_buildkit::BuildError;
use fastcontainer_registry::CredentialError;

use super::failure::{EndReason, Ended};
use super::placement::Unsuitable;
use super::sealed::NotForBuild;

/// Why a build on CodeBuild did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CodeBuildError {
    /// AWS did not do what it was asked.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// No machine of CodeBuild can build this.
    #[error("project `{project}`: {source}")]
    Unsuitable {
        /// The project.
        project: String,
        /// Why.
        source: Unsuitable,
    },
    /// A build began, and nobody can see how it goes on.
    #[error("CodeBuild build {id} cannot be followed any more{}", if *.stopped { "; it was stopped" } else { " and may still run" })]
    Lost {
        /// The build.
        id: String,
        /// Whether it was ended.
        stopped: bool,
        /// Why.
        source: AwsError,
    },
    /// A file is not what was fingerprinted, or cannot be read.
    #[error(transparent)]
    Files(#[from] ContextError),
    /// The archive cannot be written on this machine.
    #[error("the archive of the build's files cannot be written to `{directory}`")]
    Spool {
        /// Where.
        directory: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// CodeBuild cannot hand a secret to the build.
    #[error("secret `{id}` cannot be handed to a build of CodeBuild: {source}")]
    SecretNotForBuild {
        /// Id of the secret.
        id: String,
        /// Why.
        source: NotForBuild,
    },
    /// Programs take no more.
    #[error("build arguments, labels and other options have {size} bytes, and CodeBuild's machines pass on {limit}")]
    OptionsTooLong {
        /// Bytes of all options.
        size: usize,
        /// Bytes that may be.
        limit: usize,
    },
    /// A source of credentials cannot be read.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The build ended without success.
    #[error(transparent)]
    Ended(Box<Ended>),
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl CodeBuildError {
    /// What BuildKit says about the failure.
    #[must_use]
    pub fn of_buildkit(&self) -> Option<&BuildError> {
        match self {
            Self::Ended(ended) => match &ended.reason {
                EndReason::BuildKit(error) => Some(error),
                _ => None,
            },
            _ => None,
        }
    }

    /// The same error with every text that a builder or a step has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Ended(ended) => {
                let Ended { reason, build } = *ended;
                let reason = match reason {
                    EndReason::BuildKit(error) => EndReason::BuildKit(error.map_texts(change)),
                    other => other,
                };
                Self::Ended(Box::new(Ended { reason, build }))
            }
            other => other,
        }
    }

    /// Whether the operation ended because it was told to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled | Self::Aws(AwsError::Cancelled { .. }) => true,
            Self::Files(error) => error.is_cancelled(),
            _ => false,
        }
    }
}
