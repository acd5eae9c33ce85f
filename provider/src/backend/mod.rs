//! Who builds: one trait, one file per backend, and the one place that chooses.

pub mod build_log;
pub mod buildkit;
pub mod select;

use std::collections::BTreeMap;

use async_trait::async_trait;
use fastcontainer_registry::{CredentialError, Repository, Tag};
use tokio_util::sync::CancellationToken;

use crate::planning::plan::BuildPlan;
use build_log::BuildLog;

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

/// An image that no tag names yet.
#[derive(Debug, Clone)]
pub enum BuiltImage {
    /// In the repository, under its digest only.
    InRepository(String),
    /// On the builder, which has to push it by tag: Docker's classic image store cannot push by digest.
    OnBuilder(fastcontainer_buildkit::LocalImage),
}

/// Somebody who builds images.
#[async_trait]
pub trait BuildBackend: Send + Sync {
    /// Short name as shown to people, such as `buildkit`.
    fn name(&self) -> &'static str;

    /// Runs one build; the image has no tag afterwards.
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
    Build(#[from] fastcontainer_buildkit::BuildError),
    /// No endpoint answers.
    #[error(transparent)]
    Connect(#[from] fastcontainer_buildkit::ConnectError),
    /// The builder's address cannot be used.
    #[error(transparent)]
    Address(#[from] fastcontainer_buildkit::AddressError),
    /// A source of credentials cannot be read.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl BackendError {
    /// Whether the operation ended because it was told to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(
            self,
            Self::Cancelled | Self::Build(fastcontainer_buildkit::BuildError::Cancelled)
        )
    }

    /// The lines of the Dockerfile that the error is about, from 1, when the builder names them.
    #[must_use]
    pub fn dockerfile_lines(&self) -> Option<(usize, usize)> {
        use fastcontainer_buildkit::BuildError;
        match self {
            Self::Build(
                BuildError::StepFailed { dockerfile_lines, .. }
                | BuildError::BaseImageUnavailable { dockerfile_lines, .. },
            ) => dockerfile_lines.map(|lines| (lines.first as usize, lines.last as usize)),
            Self::Build(BuildError::DockerfileRejected { line, .. }) => line.map(|line| (line as usize, line as usize)),
            _ => None,
        }
    }
}
