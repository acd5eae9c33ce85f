//! One entry of a build context: a directory, a file or a symbolic link.
//!
//! Responsible for naming what counts about an entry. Owner, group, times and mode bits other than "its owner may
//! execute it" do not count, and are not here; the modification time is carried along because the order of the files'
//! times matters when they are sent, but it never enters a digest.

use crate::content::ContentId;

/// One entry of a [`Snapshot`](crate::Snapshot).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the context, `/` between the names, no leading `/`.
    pub path: String,
    /// What the entry is and what it holds.
    pub kind: EntryKind,
    /// Modification time on this machine, in nanoseconds since 1970. Never part of a digest.
    pub mtime_ns: i64,
}

/// What an entry is, with everything about it that counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Whether its owner may execute it.
        executable: bool,
        /// Identity of its bytes.
        content: ContentId,
    },
    /// A symbolic link; never followed.
    Symlink {
        /// Its text, as it stands in the link.
        target: String,
    },
}

impl Entry {
    /// Whether this is a directory.
    #[must_use]
    pub fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }
}
