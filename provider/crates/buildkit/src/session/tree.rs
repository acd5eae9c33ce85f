//! A directory as the builder sees it.
//!
//! Responsible for one list of entries in the order of the file sync, with normalised metadata (files 0644 or 0755,
//! directories 0755, owner 0:0, no extended attributes) and given times, and for opening the content of a file by
//! its index. Modes are Go's `FileMode`, not those of `stat`.
//!
//! Refuses to read any file itself: bytes come from the snapshot, which checks them, or from memory.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use bollard_buildkit_proto::fsutil::types::Stat;
use fastcontainer_build_context::{ContextError, Entry, EntryKind, Snapshot};
use sha2::{Digest, Sha256};

use super::file_sync::SessionFailure;
use crate::request::DockerfileSource;
use crate::send_times::Candidate;

/// Go's bit for a directory.
const GO_DIRECTORY: u32 = 1 << 31;
/// Go's bit for a symbolic link.
const GO_SYMLINK: u32 = 1 << 27;

/// Where content comes from.
pub(crate) trait ContentSource: Send + Sync {
    /// Opens the content of the entry with that index.
    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send>>;
}

/// Entries and their content.
pub(crate) struct Tree {
    stats: Vec<Stat>,
    source: Box<dyn ContentSource>,
}

impl Tree {
    /// A tree of any source; `stats` are in the order of the file sync.
    pub(crate) fn new(stats: Vec<Stat>, source: impl ContentSource + 'static) -> Self {
        Self {
            stats,
            source: Box::new(source),
        }
    }

    /// No entries at all.
    pub(crate) fn empty() -> Self {
        Self::new(Vec::new(), Memory(Vec::new()))
    }

    /// One file with the Dockerfile's bytes. No step ever sees its time, so the time is taken from the content:
    /// another content is always another file for the sync.
    pub(crate) fn of_dockerfile(dockerfile: &DockerfileSource) -> Self {
        let digest = Sha256::digest(&dockerfile.bytes);
        let time = digest
            .iter()
            .take(7)
            .fold(0, |time, byte| (time << 8) | i64::from(*byte));
        let stat = Stat {
            path: dockerfile.name.clone(),
            mode: 0o644,
            size: i64::try_from(dockerfile.bytes.len()).unwrap_or(i64::MAX),
            mod_time: time,
            ..Stat::default()
        };
        Self::new(vec![stat], Memory(dockerfile.bytes.clone()))
    }

    /// The build context with a time for each of its entries.
    pub(crate) fn of_context(snapshot: Arc<Snapshot>, times: &[i64]) -> Self {
        let stats = snapshot
            .entries()
            .iter()
            .zip(times)
            .map(|(entry, time)| stat(entry, *time))
            .collect();
        Self::new(stats, Context(snapshot))
    }

    /// What the times of a context are decided by, in the order of its entries.
    pub(crate) fn candidates(snapshot: &Snapshot) -> Vec<Candidate> {
        snapshot.entries().iter().map(candidate).collect()
    }

    /// All entries.
    pub(super) fn stats(&self) -> &[Stat] {
        &self.stats
    }

    /// Whether the index is one of a regular file.
    pub(super) fn is_file(&self, index: usize) -> bool {
        self.stats
            .get(index)
            .is_some_and(|stat| stat.mode & (GO_DIRECTORY | GO_SYMLINK) == 0)
    }

    /// Opens the content of a file.
    pub(super) fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        self.source.open(index)
    }

    /// What a failure to read the content of a file means.
    pub(super) fn failure(&self, index: usize, error: io::Error) -> SessionFailure {
        let path = self.stats.get(index).map(|stat| stat.path.clone()).unwrap_or_default();
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<ContextError>());
        if matches!(cause, Some(ContextError::ChangedDuringBuild { .. })) {
            SessionFailure::ContextChanged { path }
        } else {
            SessionFailure::Unreadable { path, source: error }
        }
    }
}

/// The bytes of a single file.
struct Memory(Vec<u8>);

impl ContentSource for Memory {
    fn open(&self, _: usize) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor::new(self.0.clone())))
    }
}

/// A snapshot of a build context.
struct Context(Arc<Snapshot>);

impl ContentSource for Context {
    fn open(&self, index: usize) -> io::Result<Box<dyn Read + Send>> {
        let entry = self.0.entries().get(index).ok_or(io::ErrorKind::NotFound)?;
        let content = self.0.open(entry).map_err(io::Error::other)?;
        Ok(Box::new(content))
    }
}

fn stat(entry: &Entry, time: i64) -> Stat {
    let base = Stat {
        path: entry.path.clone(),
        mod_time: time,
        ..Stat::default()
    };
    match &entry.kind {
        EntryKind::Directory => Stat {
            mode: GO_DIRECTORY | 0o755,
            ..base
        },
        EntryKind::Symlink { target } => Stat {
            mode: GO_SYMLINK | 0o777,
            linkname: target.clone(),
            ..base
        },
        EntryKind::File { size, executable, .. } => Stat {
            mode: if *executable { 0o755 } else { 0o644 },
            size: i64::try_from(*size).unwrap_or(i64::MAX),
            ..base
        },
    }
}

fn candidate(entry: &Entry) -> Candidate {
    let mark = match &entry.kind {
        EntryKind::Directory => "d".to_owned(),
        EntryKind::Symlink { target } => format!("l:{}", hex::encode(Sha256::digest(target.as_bytes()))),
        EntryKind::File { content, .. } => format!("f:{}", hex::encode(content.0)),
    };
    Candidate {
        path: entry.path.clone(),
        mark,
        own_time: entry.mtime_ns,
    }
}
