//! Which part of a context a build can read.
//!
//! A Dockerfile names what it copies or mounts; the rest of the context cannot influence the image. A [`Selection`] is
//! that list, independent of any disk. [`resolve`] finds out what it means in one tree: BuildKit matches wildcards per
//! component as Go's `filepath.Match` does, and follows symbolic links on the way to a source but not below it.
//!
//! Wherever two readings are possible, the larger one is taken: a file too many costs a rebuild, a file too few gives
//! an image that is out of date. A wildcard whose meaning depends on which of BuildKit's matchers sees it selects all.

mod component;
mod plan;
mod resolve;

use std::sync::Arc;

use crate::ignore::IgnoreRules;
use component::{Component, components};
pub(crate) use plan::{Coverage, Plan};
pub(crate) use resolve::{Kind, View, resolve};

/// One source of a `COPY`, `ADD` or bind mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pattern {
    /// Path relative to the context, `/` between the names, empty or `.` for everything. A component may hold the
    /// wildcards of Go's `filepath.Match`; the component `**` stands for any number of directories.
    pub path: String,
    /// Patterns in the syntax of an ignore file, relative to each directory that `path` matches, as `COPY --exclude`
    /// takes them. Their base is another one with `COPY --parents`: there, give none.
    pub excludes: Vec<String>,
}

/// The part of a context that a build can read.
#[derive(Debug, Clone)]
pub struct Selection {
    /// None stands for everything.
    sources: Option<Arc<[Source]>>,
}

/// A pattern, read.
#[derive(Debug)]
pub(crate) struct Source {
    components: Vec<Component>,
    /// What is left out below a directory that the components lead to.
    excludes: Option<Arc<IgnoreRules>>,
}

impl Selection {
    /// Everything.
    #[must_use]
    pub fn whole() -> Self {
        Self { sources: None }
    }

    /// What any of the patterns selects; no patterns select nothing.
    #[must_use]
    pub fn of(patterns: Vec<Pattern>) -> Self {
        let sources: Option<Vec<Source>> = patterns.iter().map(Source::of).collect();
        let sources = sources.filter(|sources| !sources.iter().any(Source::is_whole));
        Self {
            sources: sources.map(Arc::from),
        }
    }

    /// Whether everything is selected, in every context.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.sources.is_none()
    }
}

impl Source {
    /// None for a pattern that has no single meaning.
    fn of(pattern: &Pattern) -> Option<Self> {
        let components = components(&pattern.path)?;
        // Behind `**`, nobody can say which directory the excludes are relative to.
        let certain = !pattern.path.contains("**");
        let excludes = if certain { &pattern.excludes[..] } else { &[] };
        let excludes = IgnoreRules::of_excludes(excludes).map(Arc::new);
        Some(Self { components, excludes })
    }

    fn is_whole(&self) -> bool {
        self.components.is_empty() && self.excludes.is_none()
    }
}
