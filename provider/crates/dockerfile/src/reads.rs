//! What a target can read of the build contexts: the answer's types.
//!
//! An [`Extent`] is never too small. Whatever cannot be decided from the Dockerfile makes it the whole context and says
//! on which line and why. It says nothing about which files exist: wildcards stay as written, symbolic links are the
//! walker's business. Two things are not in the Dockerfile and therefore not here: `ONBUILD` triggers of base images, and
//! the ignore file. Specification: the Dockerfile reference, and what BuildKit's frontend makes of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::expand::ExpandError;

/// What a target can read of each build context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reads {
    /// Of the main context.
    pub context: Extent,
    /// Of each named context that is a directory and that the target reaches.
    pub named: BTreeMap<String, Extent>,
    pub(crate) follow: BTreeMap<Option<String>, FollowPaths>,
}

impl Reads {
    /// Returns what the builder will ask for in a context: the main one, or a named one.
    #[must_use]
    pub fn follow_paths(&self, context: Option<&str>) -> FollowPaths {
        self.follow
            .get(&context.map(str::to_owned))
            .cloned()
            .unwrap_or_default()
    }
}

/// How much of a context is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extent {
    /// Everything that the ignore file leaves, because these things cannot be decided.
    Whole(Vec<Undecided>),
    /// These paths and nothing else; none at all when the list is empty.
    Paths(Vec<Source>),
}

impl Extent {
    /// Answers whether nothing is read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Paths(sources) if sources.is_empty())
    }
}

/// One path that an instruction reads from a context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Clean path relative to the context, separated by `/`; empty for all of it. May hold the wildcards of Go's
    /// `filepath.Match`; with `parents` also `**`. A directory means everything below it.
    pub path: String,
    /// Values of `--exclude` as written. The builder matches them below the directory that `path` matches, or below
    /// `parents`; they never exclude what `path` itself names.
    pub excludes: Vec<String>,
    /// With `COPY --parents`, the directory to which the rest of `path` is relative (the part before `/./`).
    pub parents: Option<String>,
    /// The named context that is read; nothing for the main context.
    pub context: Option<String>,
    /// 1-based line of the instruction.
    pub line: usize,
    /// Index among [`Resolved::steps`](crate::Resolved::steps).
    pub step: usize,
}

/// Something that the Dockerfile alone does not tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct Undecided {
    /// 1-based line of the instruction; 0 when a build argument is the cause.
    pub line: usize,
    /// What is not known.
    pub why: Why,
}

/// Why a path cannot be decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The file is read by a frontend of its own.
    #[error("syntax image `{0}` is not the official one")]
    CustomSyntax(String),
    /// Only the base image may set the variable.
    #[error("variable `{0}` may be set by the base image")]
    UnknownVariable(String),
    /// The variable tells the builder's own platform.
    #[error("variable `{0}` depends on the builder")]
    BuilderVariable(String),
    /// The word is faulty; the build will fail here.
    #[error("`{word}` cannot be expanded: {error}")]
    CannotExpand {
        /// The word as written, shortened.
        word: String,
        /// What is wrong with it.
        error: Box<ExpandError>,
    },
    /// A flag that this analysis does not know.
    #[error("unknown flag `--{0}`")]
    UnknownFlag(String),
    /// A field of `RUN --mount` that this analysis does not know.
    #[error("unknown mount field `{0}`")]
    UnknownMountField(String),
    /// A mount type that this analysis does not know.
    #[error("unknown mount type `{0}`")]
    UnknownMountType(String),
    /// A path with a backslash, an odd bracket expression, or a wildcard where the builder takes none.
    #[error("path `{0}` can be read in more than one way")]
    AmbiguousPath(String),
    /// A path that is not valid UTF-8 in the file.
    #[error("path `{0}` is not UTF-8")]
    NotUtf8(String),
    /// Paths of Windows images follow other rules.
    #[error("paths for platform `{0}`")]
    WindowsPlatform(String),
    /// The scan of the whole context for a bill of materials is asked for.
    #[error("`BUILDKIT_SBOM_SCAN_CONTEXT` is set")]
    SbomScan,
    /// The build time is taken from a context or stage.
    #[error("`SOURCE_DATE_EPOCH` is `{0}`, expected a number")]
    SourceDateEpoch(String),
    /// A stage has the name with which the builder means an empty file system.
    #[error("stage named `scratch`")]
    ScratchStage,
    /// The file costs more to analyse than is spent on it.
    #[error("file too large to analyse")]
    TooLarge,
}

/// The `followpaths` lists that a builder may send for one context.
///
/// The builder asks for the paths of every instruction together, as written and cleaned, wildcards and links unresolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FollowPaths {
    /// Everything is read, so any list is fine.
    pub whole: bool,
    /// The list may be empty, which asks for everything; a tmpfs mount is enough for that.
    pub everything: bool,
    /// Patterns that the list may hold.
    pub paths: BTreeSet<String>,
}

impl FollowPaths {
    /// Answers whether a list that the builder sent is one that this Dockerfile explains.
    #[must_use]
    pub fn covers<'a>(&self, asked: impl IntoIterator<Item = &'a str>) -> bool {
        let mut asked = asked.into_iter().peekable();
        match asked.peek() {
            _ if self.whole => true,
            None => self.everything,
            Some(_) => asked.all(|path| self.paths.contains(path)),
        }
    }

    /// Adds the path of one instruction.
    pub(crate) fn add(&mut self, path: String) {
        if path.is_empty() {
            self.everything = true;
        } else {
            self.paths.insert(path);
        }
    }
}
