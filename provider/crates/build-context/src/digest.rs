//! One digest of everything that counts in a build context.
//!
//! SHA-256 over a domain and version line, the number of entries, and each entry in order: kind, path, and what that
//! kind holds. Every variable part is preceded by its length as eight bytes, least significant first, so that two
//! different contexts never give the same bytes. Counts path, kind, size, content, executable bit and symlink text.
//!
//! Refuses to count times, owners, other mode bits, the context's own location and anything about this machine.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::entry::{Entry, EntryKind};

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

    pub(crate) fn of(entries: &[Entry]) -> Self {
        let mut hash = Sha256::new_with_prefix(DOMAIN);
        hash.update(length(entries.len()));
        for entry in entries {
            hash_entry(&mut hash, entry);
        }
        Self(hash.finalize().into())
    }
}

fn hash_entry(hash: &mut Sha256, entry: &Entry) {
    let framed_path = |hash: &mut Sha256| {
        hash.update(length(entry.path.len()));
        hash.update(&entry.path);
    };
    match &entry.kind {
        EntryKind::Directory => {
            hash.update(b"d");
            framed_path(hash);
        }
        EntryKind::File {
            size,
            executable,
            content,
        } => {
            hash.update(if *executable { b"x" } else { b"f" });
            framed_path(hash);
            hash.update(size.to_le_bytes());
            hash.update(content.0);
        }
        EntryKind::Symlink { target } => {
            hash.update(b"l");
            framed_path(hash);
            hash.update(length(target.len()));
            hash.update(target);
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
