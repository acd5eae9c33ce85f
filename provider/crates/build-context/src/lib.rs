//! What a build may see of a directory, read once, exactly, and named by content.
//!
//! A build context is a directory minus what `.dockerignore` excludes. [`walk`] reads the part of it that a [`Selection`]
//! names, without opening what a [`StatCache`] knows to be unchanged, into a [`Snapshot`]: one list of entries in the
//! order of BuildKit's file sync, each file with the identity of its bytes. That one list serves every purpose. Its
//! [`ContextDigest`] says whether anything that counts has changed; its entries are what the builder is shown;
//! [`Snapshot::open`] gives a file's bytes out and fails rather than give others than were fingerprinted; its
//! [`Manifest`], kept in a [`ManifestStore`], names the files that changed the next time.
//!
//! What counts about an entry is its path, its kind, its bytes, whether its owner may execute it, and a link's text.
//! Times, owners, the other mode bits and hard links do not, so that a checkout on another machine, by another user or
//! under another umask is the same context.
//!
//! Two rules hold everywhere. Symbolic links inside the context are never followed: every name is opened relative to
//! its directory. And nothing is skipped in silence: a socket, an unreadable file or a name that is not UTF-8 is an
//! error that names it, together with all others, unless the ignore file excludes it.
//!
//! [`IgnoreRules`] follow BuildKit's own matcher, oddities included; gitignore's rules are different ones.

mod archive;
mod beneath;
mod change;
mod content;
mod digest;
mod entry;
mod error;
mod ignore;
mod manifest;
mod manifest_store;
mod memory;
mod reader;
mod selection;
mod shelf;
mod sketch;
mod snapshot;
mod source_file;
mod stat_cache;
mod walk;

pub use archive::{ArchiveContents, ArchiveFacts, ArchiveView, archive};
pub use change::{Change, ChangeKind};
pub use content::ContentId;
pub use digest::ContextDigest;
pub use entry::{Entry, EntryKind};
pub use error::{ContextError, EntryProblem, EntryProblems, ProblemKind};
pub use ignore::IgnoreRules;
pub use manifest::Manifest;
pub use manifest_store::ManifestStore;
pub use reader::EntryReader;
pub use selection::{Pattern, Selection};
pub use sketch::{ChangedDirectories, DeletedIn, Difference, Directories, Sketch};
pub use snapshot::{Snapshot, Warning};
pub use source_file::{find_ignore_file, read_dockerfile};
pub use stat_cache::StatCache;
pub use walk::{Ignored, explain_ignored, walk};
