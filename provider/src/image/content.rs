//! Gathers the content of a build from disk: Dockerfile, ignore rules, one walk of each context.
//!
//! The result serves the fingerprint and the build: what is hashed is what is sent. Nothing but stats is remembered
//! between two calls, since a resource of the same program may write into a context between them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fastcontainer_build_context::{
    ContextError, IgnoreRules, Selection, Snapshot, StatCache, find_ignore_file, read_dockerfile, walk,
};
use fastcontainer_dockerfile::{Dockerfile, ParseError};
use fastcontainer_property::PropertyPath;
use tokio_util::sync::CancellationToken;

use super::inputs::ImageInputs;
use crate::planning::fingerprint::{ContentDigests, context_digest};
use crate::planning::needs::Needs;

/// Name under which an inline Dockerfile appears in messages.
const INLINE_NAME: &str = "dockerfileInline";
/// The input that names the directory.
const CONTEXT: &str = "context";

/// The content of one build.
#[derive(Debug, Clone)]
pub struct Content {
    /// The Dockerfile.
    pub dockerfile: DockerfileText,
    /// What the build needs.
    pub needs: Arc<Needs>,
    /// What the build sees of the context.
    pub context: Arc<Snapshot>,
    /// What excludes files from the context.
    pub rules: Arc<IgnoreRules>,
    /// What the build sees of each directory among the named contexts that it reads.
    pub named: BTreeMap<String, Arc<Snapshot>>,
}

/// A Dockerfile as it was found.
#[derive(Debug, Clone)]
pub struct DockerfileText {
    /// Its instructions.
    pub parsed: Arc<Dockerfile>,
    /// Its name in messages.
    pub name: String,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl Content {
    /// Digests of what the build reads. `base_images` are those that are tracked.
    #[must_use]
    pub fn digests(&self, base_images: Option<[u8; 32]>) -> ContentDigests {
        let named = self.named.iter();
        let named = named.map(|(name, snapshot)| (name.as_str(), *snapshot.digest().as_bytes()));
        ContentDigests {
            context: context_digest(self.context.digest().as_bytes(), named),
            dockerfile: self.needs.dockerfile_digest(),
            base_images,
        }
    }
}

/// One thing on disk that makes a build impossible, with the input that names it.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub struct ContentProblem {
    /// The input to look at.
    pub property: PropertyPath,
    /// What is wrong.
    pub source: ContentError,
}

impl ContentProblem {
    pub(super) fn new(property: PropertyPath, source: impl Into<ContentError>) -> Self {
        Self {
            property,
            source: source.into(),
        }
    }

    pub(super) fn of(input: &str, source: impl Into<ContentError>) -> Self {
        Self::new(PropertyPath::key(input), source)
    }

    /// Whether the reading was told to end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(&self.source, ContentError::Context(error) if error.is_cancelled())
    }

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

/// How the disk is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// What is known of files whose stat has not changed.
    pub stats: &'a StatCache,
    /// Ends the reading early.
    pub cancel: &'a CancellationToken,
}

impl Reading<'_> {
    /// Reads everything that `inputs` name. Blocks; may be cancelled.
    ///
    /// # Errors
    /// Every problem that was found, not only the first.
    pub fn gather(self, inputs: &ImageInputs) -> Result<Content, Vec<ContentProblem>> {
        let directory = PathBuf::from(inputs.context_or_default());
        let source = DockerfileSource::locate(inputs, &directory);
        let read = source.read().and_then(|text| Ok((needs(&text.parsed, inputs)?, text)));
        // Without a Dockerfile nothing is selected, and yet a missing directory is found.
        let selection = match &read {
            Ok((needs, _)) => needs.selection(None),
            Err(_) => Selection::of(Vec::new()),
        };
        let walked = self.walk(&directory, source.asked_for(), &selection, PropertyPath::key(CONTEXT));
        let named = match &read {
            Ok((needs, _)) => self.walk_named(inputs, needs),
            Err(_) => Ok(BTreeMap::new()),
        };
        match (read, walked, named) {
            (Ok((needs, dockerfile)), Ok((context, rules)), Ok(named)) => Ok(Content {
                dockerfile,
                needs: Arc::new(needs),
                context: Arc::new(context),
                rules: Arc::new(rules),
                named,
            }),
            // Without the directory its default Dockerfile is missing too; once is enough.
            (Err(_), Err(missing), _) if source.is_default() && missing.is_not_found() => Err(vec![missing]),
            (read, walked, named) => {
                let first = read.err().into_iter().chain(walked.err());
                Err(first.chain(named.err().into_iter().flatten()).collect())
            }
        }
    }

    /// Finds what is wrong on disk while it is not known yet which stages are built.
    ///
    /// # Errors
    /// Every problem that was found.
    pub fn validate(self, inputs: &ImageInputs) -> Result<(), Vec<ContentProblem>> {
        let directory = PathBuf::from(inputs.context_or_default());
        let source = DockerfileSource::locate(inputs, &directory);
        let walked = self.walk(
            &directory,
            source.asked_for(),
            &Selection::of(Vec::new()),
            PropertyPath::key(CONTEXT),
        );
        match (source.read(), walked) {
            (Ok(_), Ok(_)) => Ok(()),
            (Err(_), Err(missing)) if source.is_default() && missing.is_not_found() => Err(vec![missing]),
            (read, walked) => Err(read.err().into_iter().chain(walked.err()).collect()),
        }
    }

    fn walk(
        self,
        directory: &Path,
        dockerfile: Option<&Path>,
        selection: &Selection,
        property: PropertyPath,
    ) -> Result<(Snapshot, IgnoreRules), ContentProblem> {
        find_ignore_file(directory, dockerfile)
            .and_then(|rules| Ok((walk(directory, &rules, selection, self.stats, self.cancel)?, rules)))
            .map_err(|error| ContentProblem::new(property, error))
    }

    /// Each directory has an ignore file of its own.
    fn walk_named(
        self,
        inputs: &ImageInputs,
        needs: &Needs,
    ) -> Result<BTreeMap<String, Arc<Snapshot>>, Vec<ContentProblem>> {
        let directories: BTreeMap<_, _> = inputs.named_directories().collect();
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        for name in needs.named_directories() {
            let directory = Path::new(directories.get(name).copied().unwrap_or("."));
            let property = PropertyPath::key("namedContexts").child(name);
            match self.walk(directory, None, &needs.selection(Some(name)), property) {
                Ok((snapshot, _)) => drop(found.insert(name.to_owned(), Arc::new(snapshot))),
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() { Ok(found) } else { Err(problems) }
    }
}

fn needs(dockerfile: &Dockerfile, inputs: &ImageInputs) -> Result<Needs, ContentProblem> {
    let mode = inputs.fingerprint_mode.unwrap_or_default();
    Needs::of(dockerfile, &inputs.build_options(), mode).map_err(|error| {
        let property = if error.is_unknown_target() {
            "target"
        } else {
            "dockerfile"
        };
        ContentProblem::of(property, error)
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

    /// The path that was asked for, whatever the file found is called: the ignore file is named after it.
    fn asked_for(&self) -> Option<&Path> {
        match self {
            Self::Inline(_) => None,
            Self::File(path) | Self::Default(path) => Some(path),
        }
    }

    fn read(&self) -> Result<DockerfileText, ContentProblem> {
        let (name, bytes, property) = match self {
            Self::Inline(text) => (INLINE_NAME.to_owned(), text.as_bytes().to_vec(), INLINE_NAME),
            Self::File(path) => read_file(path)?,
            Self::Default(path) => {
                let lower = path.with_file_name("dockerfile");
                read_file(if !path.exists() && lower.exists() { &lower } else { path })?
            }
        };
        let parsed = Dockerfile::parse(&name, &bytes).map_err(|error| ContentProblem::of(property, error))?;
        Ok(DockerfileText {
            parsed: Arc::new(parsed),
            name,
            bytes: bytes.into(),
        })
    }
}

fn read_file(path: &Path) -> Result<(String, Vec<u8>, &'static str), ContentProblem> {
    let property = "dockerfile";
    let bytes = read_dockerfile(path).map_err(|error| ContentProblem::of(property, error))?;
    Ok((path.display().to_string(), bytes, property))
}
