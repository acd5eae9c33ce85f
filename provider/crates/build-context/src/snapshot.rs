//! The one list of entries that is hashed and sent.
//!
//! Responsible for keeping what a walk found, in the order of BuildKit's file sync (depth first, the names of each
//! directory sorted by their bytes), and for giving each file's bytes out again only if they are still the same.
//!
//! Refuses to look at the disk but through [`Snapshot::open`]: a file that appears after the walk does not exist here.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::digest::ContextDigest;
use crate::entry::Entry;
use crate::error::ContextError;
use crate::manifest::Manifest;
use crate::memory::Memory;
use crate::reader::EntryReader;
use crate::selection::{Selection, resolve};

/// A build context as one walk found it.
#[derive(Debug, Clone)]
pub struct Snapshot {
    root: PathBuf,
    entries: Vec<Entry>,
    warnings: Vec<Warning>,
    digest: ContextDigest,
}

impl Snapshot {
    pub(crate) fn new(root: PathBuf, entries: Vec<Entry>, warnings: Vec<Warning>) -> Self {
        let digest = ContextDigest::of(&entries);
        Self {
            root,
            entries,
            warnings,
            digest,
        }
    }

    /// The context: an absolute path without symbolic links.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All entries, in the order in which they are hashed and sent. A directory comes before what it holds.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The digest of everything that counts.
    #[must_use]
    pub fn digest(&self) -> ContextDigest {
        self.digest
    }

    /// The entries that a selection covers, in order. Says what [`walk`](crate::walk) would find with it.
    #[must_use]
    pub fn select(&self, selection: &Selection) -> Vec<&Entry> {
        if selection.is_whole() {
            return self.entries.iter().collect();
        }
        let Ok(plan) = resolve(selection, &mut Memory::new(&self.entries));
        Memory::new(&self.entries).covered(&plan)
    }

    /// The same context with nothing in it but what a selection covers.
    #[must_use]
    pub fn narrowed(&self, selection: &Selection) -> Self {
        let entries = self.select(selection).into_iter().cloned().collect();
        Self::new(self.root.clone(), entries, Vec::new())
    }

    /// The digest of the entries that a selection covers.
    #[must_use]
    pub fn digest_of(&self, selection: &Selection) -> ContextDigest {
        if selection.is_whole() {
            return self.digest;
        }
        ContextDigest::of(&self.select(selection))
    }

    /// What the user should know although it stops nothing.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The list to keep, to say later what changed.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        Manifest::of(&self.entries)
    }

    /// Opens a file of this snapshot. The reader compares all bytes with what the walk saw. Blocks.
    ///
    /// # Errors
    /// [`ContextError::ChangedDuringBuild`] if `entry` is no such file any more, [`ContextError::Unreadable`] if the
    /// system refuses.
    pub fn open(&self, entry: &Entry) -> Result<EntryReader, ContextError> {
        EntryReader::open(&self.root, entry)
    }
}

/// Something to tell the user that stops nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// Two names in one directory that are the same on file systems that ignore case.
    NamesDifferOnlyByCase {
        /// The path that sorts first.
        first: String,
        /// The other path.
        second: String,
    },
    /// A pattern that BuildKit reads as a regular expression of its own: it excludes nothing here, or re-includes all.
    PatternNotModelled {
        /// Name of the ignore file.
        file: String,
        /// Line, counted from 1.
        line: usize,
        /// The pattern.
        pattern: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NamesDifferOnlyByCase { first, second } => {
                let (first, second) = (first.escape_debug(), second.escape_debug());
                write!(
                    f,
                    "`{first}` and `{second}` differ only by case and are one file on some systems"
                )
            }
            Self::PatternNotModelled { file, line, pattern } => {
                let pattern = pattern.escape_debug();
                write!(
                    f,
                    "`{file}:{line}`: the pattern `{pattern}` is not understood, so it excludes nothing"
                )
            }
        }
    }
}
