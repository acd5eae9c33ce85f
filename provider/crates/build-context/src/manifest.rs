//! The file list of one snapshot, kept to say later which files changed.
//!
//! Responsible for a compact serialised form that is either read back exactly or not at all: a version line, SHA-256 of
//! the rest, then the entries with every length written out. A list that is truncated, damaged or from a newer version
//! reads as none. Comparing two lists names files; a directory is named only when nothing below it explains the change.
//!
//! Refuses to decide anything: a list only explains what digests have decided.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::change::{Change, ChangeKind};
use crate::content::ContentId;
use crate::entry::{Entry, EntryKind};

const HEADER: &[u8] = b"fastcontainer manifest 1\n";
const CHECKSUM: usize = 32;

/// Path and counted properties of every entry of a snapshot, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<(String, EntryKind)>,
}

impl Manifest {
    pub(crate) fn of(entries: &[Entry]) -> Self {
        Self {
            entries: entries
                .iter()
                .map(|entry| (entry.path.clone(), entry.kind.clone()))
                .collect(),
        }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the context had no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The differences from this list to a newer one, sorted by path.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        let old: HashMap<&str, &EntryKind> = self.entries.iter().map(|(path, kind)| (path.as_str(), kind)).collect();
        let new: HashSet<&str> = newer.entries.iter().map(|(path, _)| path.as_str()).collect();
        let deleted = self.entries.iter().filter(|(path, _)| !new.contains(path.as_str()));
        let deleted = deleted.map(|(path, kind)| (path, kind, ChangeKind::Deleted));
        let other = newer.entries.iter().filter_map(|(path, kind)| {
            let change = old
                .get(path.as_str())
                .map_or(Some(ChangeKind::Added), |before| difference(before, kind))?;
            Some((path, kind, change))
        });
        let mut found: Vec<_> = deleted.chain(other).collect();
        found.sort_by_key(|(path, ..)| *path);
        let explained: HashSet<&str> = found.iter().flat_map(|(path, ..)| ancestors(path)).collect();
        let telling = found
            .iter()
            .filter(|(path, kind, _)| *kind != &EntryKind::Directory || !explained.contains(path.as_str()));
        telling
            .map(|(path, _, kind)| Change {
                path: (*path).clone(),
                kind: *kind,
            })
            .collect()
    }

    /// Length of the serialised form in bytes, without making it.
    pub(crate) fn size(&self) -> u64 {
        let entry = |(path, kind): &(String, EntryKind)| {
            let payload = match kind {
                EntryKind::Directory => 0,
                EntryKind::File { .. } => 8 + 32,
                EntryKind::Symlink { target } => target.len(),
            };
            1 + 8 + path.len() + 8 + payload
        };
        (HEADER.len() + CHECKSUM + self.entries.iter().map(entry).sum::<usize>()) as u64
    }

    /// The serialised form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(self.entries.len() * 96);
        for (path, kind) in &self.entries {
            let (tag, payload) = match kind {
                EntryKind::Directory => (b'd', Vec::new()),
                EntryKind::File {
                    size,
                    executable,
                    content,
                } => (
                    if *executable { b'x' } else { b'f' },
                    [&size.to_le_bytes()[..], &content.0].concat(),
                ),
                EntryKind::Symlink { target } => (b'l', target.clone().into_bytes()),
            };
            body.push(tag);
            for part in [path.as_bytes(), &payload] {
                body.extend_from_slice(&(part.len() as u64).to_le_bytes());
                body.extend_from_slice(part);
            }
        }
        [HEADER, &Sha256::digest(&body)[..], &body].concat()
    }

    /// Reads the serialised form; `None` for anything that [`Self::to_bytes`] did not write.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (checksum, mut body) = bytes.strip_prefix(HEADER)?.split_at_checked(CHECKSUM)?;
        if Sha256::digest(body)[..] != *checksum {
            return None;
        }
        let mut entries = Vec::new();
        while let Some((tag, rest)) = body.split_first() {
            let (path, rest) = take_part(rest)?;
            let (payload, rest) = take_part(rest)?;
            entries.push((String::from_utf8(path.to_vec()).ok()?, kind_of(*tag, payload)?));
            body = rest;
        }
        Some(Self { entries })
    }
}

fn take_part(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}

fn kind_of(tag: u8, payload: &[u8]) -> Option<EntryKind> {
    Some(match tag {
        b'd' if payload.is_empty() => EntryKind::Directory,
        b'f' | b'x' => {
            let (size, content) = payload.split_first_chunk::<8>()?;
            let content = ContentId(content.try_into().ok()?);
            EntryKind::File {
                size: u64::from_le_bytes(*size),
                executable: tag == b'x',
                content,
            }
        }
        b'l' => EntryKind::Symlink {
            target: String::from_utf8(payload.to_vec()).ok()?,
        },
        _ => return None,
    })
}

/// What happened to a path that both lists hold.
fn difference(old: &EntryKind, new: &EntryKind) -> Option<ChangeKind> {
    match (old, new) {
        (old, new) if old == new => None,
        (EntryKind::File { content: old, .. }, EntryKind::File { content: new, .. }) if old == new => {
            Some(ChangeKind::ModeChanged)
        }
        (EntryKind::Symlink { .. }, EntryKind::Symlink { .. }) => Some(ChangeKind::Retargeted),
        _ => Some(ChangeKind::Modified),
    }
}

/// The directories above a path.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
