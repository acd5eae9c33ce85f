//! Gathers the content of a build from disk: Dockerfile, ignore rules, one walk of the context.
//!
//! The result serves the fingerprint and the build: what is hashed is what is sent. Nothing is remembered between two
//! calls, since a resource of the same program may write into a context between them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastcontainer_build_context::{ContextError, Snapshot, find_ignore_file, read_dockerfile, walk};
use fastcontainer_dockerfile::{Dockerfile, ParseError, Resolved, platform_args};
use tokio_util::sync::CancellationToken;

use super::inputs::ImageInputs;
use crate::planning::fingerprint::{ContentDigests, dockerfile_digest};
use crate::planning::options::BuildOptions;

/// Name under which an inline Dockerfile appears in messages.
const INLINE_NAME: &str = "dockerfileInline";

/// The content of one build.
#[derive(Debug, Clone)]
pub struct Content {
    /// The parsed Dockerfile.
    pub dockerfile: Arc<Dockerfile>,
    /// Its name in messages.
    pub dockerfile_name: String,
    /// Its bytes.
    pub dockerfile_bytes: Arc<[u8]>,
    /// The files that the build sees.
    pub snapshot: Arc<Snapshot>,
}

impl Content {
    /// The stages and images that a build with `options` needs.
    ///
    /// # Errors
    /// When the target names no stage, or a base name cannot be expanded.
    pub fn resolve(&self, options: &BuildOptions) -> Result<Resolved<'_>, ContentProblem> {
        // The builder's own platform is not known here and decides nothing about which stages are needed.
        let platform = platform_args(&options.platform, &options.platform);
        self.dockerfile
            .resolve(options.target.as_deref(), &options.build_args, &platform)
            .map_err(|error| {
                let property = if error.is_unknown_target() {
                    "target"
                } else {
                    "dockerfile"
                };
                ContentProblem {
                    property,
                    source: error.into(),
                }
            })
    }

    /// Digests of what a build with `options` reads.
    ///
    /// # Errors
    /// See [`Self::resolve`].
    pub fn digests(&self, options: &BuildOptions) -> Result<ContentDigests, ContentProblem> {
        let instructions = self.resolve(options)?.canonical_instructions();
        Ok(ContentDigests {
            context: *self.snapshot.digest().as_bytes(),
            dockerfile: dockerfile_digest(instructions.iter().map(|one| one.text.as_str())),
        })
    }
}

/// One thing on disk that makes a build impossible, with the input that names it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ContentProblem {
    /// The input to look at.
    pub property: &'static str,
    /// What is wrong.
    pub source: ContentError,
}

impl ContentProblem {
    fn is_not_found(&self) -> bool {
        matches!(&self.source, ContentError::Context(error) if error.is_not_found())
    }
}

/// What can be wrong on disk.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The context or a file in it.
    #[error(transparent)]
    Context(#[from] ContextError),
    /// The text of the Dockerfile, or a target that it does not have.
    #[error(transparent)]
    Dockerfile(#[from] ParseError),
}

/// Reads everything that `inputs` name. Blocks; may be cancelled.
///
/// # Errors
/// Every problem that was found, not only the first.
pub fn gather(inputs: &ImageInputs, cancel: &CancellationToken) -> Result<Content, Vec<ContentProblem>> {
    let context = PathBuf::from(inputs.context_or_default());
    let source = DockerfileSource::locate(inputs, &context);
    let (parsed, walked) = (source.read(), source.walk(&context, cancel));
    let (name, bytes, dockerfile, snapshot) = match (parsed, walked) {
        (Ok((name, bytes, dockerfile)), Ok(snapshot)) => (name, bytes, dockerfile, snapshot),
        // Without the directory its default Dockerfile is missing too; once is enough.
        (Err(_), Err(missing)) if source.is_default() && missing.is_not_found() => return Err(vec![missing]),
        (parsed, walked) => return Err(parsed.err().into_iter().chain(walked.err()).collect()),
    };
    Ok(Content {
        dockerfile: Arc::new(dockerfile),
        dockerfile_name: name,
        dockerfile_bytes: bytes.into(),
        snapshot: Arc::new(snapshot),
    })
}

/// Where the Dockerfile comes from.
enum DockerfileSource<'a> {
    Inline(&'a str),
    File(PathBuf),
    /// `Dockerfile` in the context, or `dockerfile` when only that exists, as BuildKit's frontend has it.
    Default(PathBuf),
}

impl<'a> DockerfileSource<'a> {
    fn locate(inputs: &'a ImageInputs, context: &Path) -> Self {
        match (&inputs.dockerfile_inline, &inputs.dockerfile) {
            (Some(text), _) => Self::Inline(text),
            (None, Some(path)) => Self::File(PathBuf::from(path)),
            (None, None) => Self::Default(context.join("Dockerfile")),
        }
    }

    fn is_default(&self) -> bool {
        matches!(self, Self::Default(_))
    }

    fn read(&self) -> Result<(String, Vec<u8>, Dockerfile), ContentProblem> {
        let (name, bytes, property) = match self {
            Self::Inline(text) => (INLINE_NAME.to_owned(), text.as_bytes().to_vec(), INLINE_NAME),
            Self::File(path) => read_file(path)?,
            Self::Default(path) => {
                let lower = path.with_file_name("dockerfile");
                read_file(if !path.exists() && lower.exists() { &lower } else { path })?
            }
        };
        let parsed = Dockerfile::parse(&name, &bytes);
        let dockerfile = parsed.map_err(|error| ContentProblem {
            property,
            source: error.into(),
        })?;
        Ok((name, bytes, dockerfile))
    }

    fn walk(&self, context: &Path, cancel: &CancellationToken) -> Result<Snapshot, ContentProblem> {
        // The ignore file is named after the Dockerfile that was asked for, whatever the one found is called.
        let asked_for = match self {
            Self::Inline(_) => None,
            Self::File(path) | Self::Default(path) => Some(path.as_path()),
        };
        find_ignore_file(context, asked_for)
            .and_then(|rules| walk(context, &rules, cancel))
            .map_err(|error| ContentProblem {
                property: "context",
                source: error.into(),
            })
    }
}

fn read_file(path: &Path) -> Result<(String, Vec<u8>, &'static str), ContentProblem> {
    let property = "dockerfile";
    let bytes = read_dockerfile(path).map_err(|error| ContentProblem {
        property,
        source: error.into(),
    })?;
    Ok((path.display().to_string(), bytes, property))
}
