//! Who builds: one trait, one file or folder per backend, and the one place that chooses.

pub mod build_log;
pub mod buildkit;
pub mod codebuild;
pub mod select;
pub mod settings;

use std::collections::BTreeMap;

use async_trait::async_trait;
use fastcontainer_aws::AwsError;
use fastcontainer_buildkit::BuildError;
use fastcontainer_registry::{CredentialError, Repository, Tag};
use tokio_util::sync::CancellationToken;

use crate::planning::cache::CacheMode;
use crate::planning::plan::BuildPlan;
use build_log::BuildLog;
use codebuild::CodeBuildError;

/// What came back from a build.
#[derive(Debug, Clone)]
pub struct BuildOutcome {
    /// Where the image is now.
    pub image: BuiltImage,
    /// What it took.
    pub effort: Effort,
    /// Reference of an image that the build read from, as the plan has it → the digest that was used. Images that the
    /// builder does not name are missing.
    pub base_images: BTreeMap<String, String>,
    /// The build at a service, if one ran it.
    pub remote: Option<RemoteBuild>,
}

/// A build at a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteBuild {
    /// The service's id of it.
    pub id: String,
    /// Where people read its log; there is none of a build that never had a machine.
    pub log_url: Option<String>,
}

/// What a build took; nothing at all when there was none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Effort {
    /// Steps of the Dockerfile that the build needed.
    pub steps: u32,
    /// Steps that were cached.
    pub cached_steps: u32,
    /// File bytes that were sent to the builder.
    pub context_bytes_sent: u64,
}

impl std::ops::AddAssign for Effort {
    fn add_assign(&mut self, other: Self) {
        self.steps += other.steps;
        self.cached_steps += other.cached_steps;
        self.context_bytes_sent += other.context_bytes_sent;
    }
}

/// How a builder runs the programs of a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Execution {
    /// On a processor made for them, as far as can be told.
    Native,
    /// Under emulation, which is slow.
    Emulated,
    /// Not at all.
    Missing {
        /// The builder.
        builder: String,
        /// The platforms whose programs it runs.
        offered: Vec<String>,
    },
}

/// Where a built image is.
#[derive(Debug, Clone)]
pub enum BuiltImage {
    /// In the repository, under this digest.
    InRepository(String),
    /// On the builder, which has to push it by tag: Docker's classic image store cannot push by digest.
    OnBuilder(fastcontainer_buildkit::LocalImage),
}

/// Somebody who builds images.
#[async_trait]
pub trait BuildBackend: Send + Sync {
    /// Short name as shown to people, such as `buildkit`.
    fn name(&self) -> &'static str;

    /// The platform that `BUILDPLATFORM` means in a build for `platform`. By default each platform is built on its own.
    fn build_platform(&self, platform: &str) -> String {
        platform.to_owned()
    }

    /// How programs of `platform` run in RUN steps. By default each platform is built on its own.
    ///
    /// # Errors
    /// When the builder cannot be asked.
    async fn execution(&self, platform: &str, cancel: &CancellationToken) -> Result<Execution, BackendError> {
        let _ = (platform, cancel);
        Ok(Execution::Native)
    }

    /// Whether what it builds can be joined to an image for several platforms.
    ///
    /// # Errors
    /// [`BackendError`] that says why not.
    fn joins_platforms(&self) -> Result<(), BackendError> {
        Ok(())
    }

    /// How much of a build is cached outside of the builder when the program does not say. By default nothing.
    fn cache_habit(&self) -> CacheMode {
        CacheMode::Off
    }

    /// Runs one build for one platform. The image has no tag afterwards, or the plan's.
    ///
    /// # Errors
    /// See [`BackendError`].
    async fn build(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, BackendError>;

    /// Pushes an image that is still on the builder under `tag` and returns its manifest digest.
    ///
    /// # Errors
    /// See [`BackendError`].
    async fn push(
        &self,
        image: &fastcontainer_buildkit::LocalImage,
        repository: &Repository,
        tag: &Tag,
        cancel: &CancellationToken,
    ) -> Result<String, BackendError>;
}

/// Why a backend could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The build itself failed, or the endpoint refused it.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// No endpoint answers.
    #[error(transparent)]
    Connect(#[from] fastcontainer_buildkit::ConnectError),
    /// The builder's address cannot be used.
    #[error(transparent)]
    Address(#[from] fastcontainer_buildkit::AddressError),
    /// A source of credentials cannot be read.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// From a build on CodeBuild.
    #[error(transparent)]
    CodeBuild(#[from] CodeBuildError),
    /// The value of a secret cannot be had.
    #[error("secret `{id}` cannot be read")]
    Secret {
        /// Its id.
        id: String,
        /// Why.
        source: AwsError,
    },
    /// What the build needs would travel to another machine in plain text.
    #[error("{what} is not sent to `{builder}`: the connection is not encrypted and leads to another machine")]
    Exposed {
        /// The builder's address.
        builder: String,
        /// What it would get.
        what: String,
    },
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl BackendError {
    /// Whether the operation ended because it was told to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled | Self::Build(BuildError::Cancelled) => true,
            Self::CodeBuild(error) => error.is_cancelled(),
            _ => false,
        }
    }

    /// What BuildKit says about the failure, wherever it ran.
    #[must_use]
    pub fn of_buildkit(&self) -> Option<&BuildError> {
        match self {
            Self::Build(error) => Some(error),
            Self::CodeBuild(error) => error.of_buildkit(),
            _ => None,
        }
    }

    /// The same error with every text that a builder or a step has written passed through `change`.
    #[must_use]
    pub fn map_texts(self, change: &dyn Fn(&str) -> String) -> Self {
        match self {
            Self::Build(error) => Self::Build(error.map_texts(change)),
            Self::CodeBuild(error) => Self::CodeBuild(error.map_texts(change)),
            other => other,
        }
    }

    /// The lines of the Dockerfile that the error is about, from 1, when the builder names them.
    #[must_use]
    pub fn dockerfile_lines(&self) -> Option<(usize, usize)> {
        match self.of_buildkit()? {
            BuildError::StepFailed { dockerfile_lines, .. }
            | BuildError::BaseImageUnavailable { dockerfile_lines, .. } => {
                dockerfile_lines.map(|lines| (lines.first as usize, lines.last as usize))
            }
            BuildError::DockerfileRejected { line, .. } => line.map(|line| (line as usize, line as usize)),
            _ => None,
        }
    }
}
