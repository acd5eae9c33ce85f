//! What can go wrong with an image: one variant per step of its life.

use std::path::{Path, PathBuf};

use fastcontainer_build_context::Change;
use fastcontainer_dockerfile::Dockerfile;
use fastcontainer_registry::{ReferenceError, RegistryError};

use super::content::ContentProblem;
use super::outputs::ImageOutputs;
use super::secrets::SecretError;
use crate::backend::BackendError;
use crate::registries::RegistryFailure;
use crate::sharing::Cancelled;

/// Why an operation on an image failed.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The content cannot be read.
    #[error("the content of the image cannot be read")]
    Content(Vec<ContentProblem>),
    /// The disk holds something else than what Check saw.
    #[error("the content changed after it was checked")]
    ContentMoved {
        /// The changed files, as far as they are known.
        changes: Vec<Change>,
    },
    /// Tracked base images cannot be asked for, and nothing is known that could stand for them.
    #[error("tracked base images cannot be looked up: {images}")]
    BaseImagesUnknown {
        /// Which ones and why.
        images: String,
    },
    /// A tracked base image is another one than Check saw.
    #[error("a tracked base image moved after it was checked")]
    BaseImageMoved,
    /// A name of a repository, tag or digest is invalid.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A registry did not do what it was asked.
    #[error(transparent)]
    Registry(#[from] RegistryFailure),
    /// No builder.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The build failed.
    #[error("the build failed")]
    Build {
        /// Why.
        source: BackendError,
        /// The platform whose build failed, when the image is for several.
        platform: Option<String>,
        /// Name of the Dockerfile.
        dockerfile: String,
        /// The lines of the failing instruction.
        snippet: Option<String>,
        /// The whole log.
        log: PathBuf,
    },
    /// Secrets of the build are missing.
    #[error("the build cannot have its secrets")]
    Secrets(Vec<SecretError>),
    /// Something that is no image of ours is under a content tag.
    #[error("`{reference}` is not an image that can be adopted: its media type is `{media_type}`")]
    ForeignTag {
        /// Repository and tag.
        reference: String,
        /// What is there.
        media_type: String,
    },
    /// An image is for other platforms than the wanted ones.
    #[error("`{reference}` is for {found}, not for {wanted}")]
    OtherPlatforms {
        /// Repository with tag or digest.
        reference: String,
        /// What it is for.
        found: String,
        /// What is wanted.
        wanted: String,
    },
    /// An index whose image for one platform is definitely not there any more.
    #[error("`{reference}` is incomplete: its image for `{platform}` (`{digest}`) is gone from the registry")]
    PlatformGone {
        /// Repository and tag.
        reference: String,
        /// The platform without an image.
        platform: String,
        /// The image's digest.
        digest: String,
    },
    /// A step needs programs that the builder cannot run.
    #[error("line {line} of `{dockerfile}` runs programs of `{platform}`, which {builder} cannot: it runs {offered}")]
    CannotRun {
        /// The platform.
        platform: String,
        /// Name of the Dockerfile.
        dockerfile: String,
        /// Line of the first such step.
        line: usize,
        /// The builder.
        builder: String,
        /// The platforms whose programs it runs.
        offered: String,
    },
    /// An extra tag may not be moved.
    #[error("`{reference}` exists and is immutable, so it cannot be moved to this image")]
    ImmutableTag {
        /// Repository and tag.
        reference: String,
    },
    /// There is no such image.
    #[error("there is no image `{reference}`")]
    NoSuchImage {
        /// Repository and tag or digest.
        reference: String,
    },
    /// A manifest that was accepted cannot be read.
    #[error("`{reference}` was pushed, but the registry does not show it")]
    NotReadBack {
        /// Repository and tag or digest.
        reference: String,
    },
    /// The image was published and something after it failed.
    #[error("the image was published, but not everything after it succeeded")]
    AfterPush {
        /// Outputs that are true already.
        outputs: Box<ImageOutputs>,
        /// What failed.
        source: Box<ImageError>,
    },
    /// An update without a fingerprint from Check.
    #[error("the image has no fingerprint")]
    NotChecked,
    /// The operating system gives no random bytes.
    #[error("the operating system gives no random bytes")]
    NoRandomness,
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl ImageError {
    /// A failed build whose whole log is at `log`.
    #[must_use]
    pub fn build(source: BackendError, dockerfile: &Dockerfile, name: &str, log: &Path) -> Self {
        let lines = source.dockerfile_lines();
        let snippet = lines.map(|(first, last)| dockerfile.snippet(first, last));
        Self::Build {
            source,
            platform: None,
            dockerfile: name.to_owned(),
            snippet,
            log: log.to_owned(),
        }
    }

    /// The same error with the platform that it is about, if it is that of a build.
    #[must_use]
    pub fn on(mut self, name: &str) -> Self {
        if let Self::Build { platform, .. } = &mut self {
            *platform = Some(name.to_owned());
        }
        self
    }

    /// Whether the operation ended because it was told to.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Cancelled | Self::Registry(RegistryFailure::Cancelled) => true,
            Self::Backend(error) | Self::Build { source: error, .. } => error.is_cancelled(),
            Self::AfterPush { source, .. } => source.is_cancelled(),
            Self::Content(problems) => problems.iter().any(ContentProblem::is_cancelled),
            _ => false,
        }
    }
}

impl From<Cancelled> for ImageError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<Vec<ContentProblem>> for ImageError {
    fn from(problems: Vec<ContentProblem>) -> Self {
        Self::Content(problems)
    }
}

impl From<RegistryError> for ImageError {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error.into())
    }
}
