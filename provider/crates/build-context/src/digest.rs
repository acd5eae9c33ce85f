//! One digest of everything that counts in a build context.
//!
//! SHA-256 over a domain and version line, the number of entries, and the digests of blocks of 1,024 entries, so that
//! several cores can work on a long list. A block is SHA-256 over each entry in order: kind, path, and what that kind
//! holds. Every variable part is preceded by its length as eight bytes, least significant first, so that two different
//! contexts never give the same bytes. Counts path, kind, size, content, executable bit and symlink text.
//!
//! Refuses to count times, owners, other mode bits, the context's own location and anything about this machine.

use std::borrow::Borrow;
use std::fmt;

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use sha2::{Digest, Sha256};

use crate::entry::{Entry, EntryKind};

/// Entries of a block.
const BLOCK: usize = 1024;

/// Bytes that are hashed at a time: they stay in the nearest cache.
const PIECE: usize = 8 * 1024;

const DOMAIN: &[u8] = b"fastcontainer build context 1\n";

/// Digest of a build context; equal contexts have equal digests on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ContextDigest([u8; 32]);

impl ContextDigest {
    /// The digest as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn of<E: Borrow<Entry> + Sync>(entries: &[E]) -> Self {
        let block = |entries: &[E]| -> [u8; 32] {
            let mut hash = Sha256::new();
            let mut bytes = Vec::with_capacity(2 * PIECE);
            for entry in entries {
                append(&mut bytes, entry.borrow());
                if bytes.len() >= PIECE {
                    hash.update(&bytes);
                    bytes.clear();
                }
            }
            hash.update(&bytes);
            hash.finalize().into()
        };
        let blocks: Vec<[u8; 32]> = if entries.len() > BLOCK {
            entries.par_chunks(BLOCK).map(block).collect()
        } else {
            entries.chunks(BLOCK).map(block).collect()
        };
        let mut hash = Sha256::new_with_prefix(DOMAIN);
        hash.update(length(entries.len()));
        hash.update(blocks.as_flattened());
        Self(hash.finalize().into())
    }
}

fn append(bytes: &mut Vec<u8>, entry: &Entry) {
    let kind = match &entry.kind {
        EntryKind::Directory => b'd',
        EntryKind::File { executable: true, .. } => b'x',
        EntryKind::File { .. } => b'f',
        EntryKind::Symlink { .. } => b'l',
    };
    bytes.push(kind);
    bytes.extend_from_slice(&length(entry.path.len()));
    bytes.extend_from_slice(entry.path.as_bytes());
    match &entry.kind {
        EntryKind::Directory => {}
        EntryKind::File { size, content, .. } => {
            bytes.extend_from_slice(&size.to_le_bytes());
            bytes.extend_from_slice(&content.0);
        }
        EntryKind::Symlink { target } => {
            bytes.extend_from_slice(&length(target.len()));
            bytes.extend_from_slice(target.as_bytes());
        }
    }
}

fn length(bytes: usize) -> [u8; 8] {
    (bytes as u64).to_le_bytes()
}

impl fmt::Display for ContextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContextDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContextDigest({self})")
    }
}
