//! Identity of a file's bytes.
//!
//! A file of up to 1 MiB is one leaf, SHA-256 over the byte `0` and its content. A larger file is cut into chunks of
//! 1 MiB, and its identity is SHA-256 over the byte `1` and the leaves of all chunks, so that several cores can work on
//! one file. The leading byte keeps a small file whose content looks like a list of leaves apart from the large file.
//!
//! Refuses to read files: bytes come in, an identity comes out.

use std::fmt;

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;
use sha2::{Digest, Sha256};

/// Length of a chunk in bytes.
pub(crate) const CHUNK: usize = 1024 * 1024;

const LEAF: [u8; 1] = [0];
const NODE: [u8; 1] = [1];

/// Identity of a file's bytes: equal for equal content, whatever the name, times or mode.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContentId(pub [u8; 32]);

impl ContentId {
    /// The identity of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let mut hasher = ContentHasher::new();
        hasher.update(content);
        hasher.finish()
    }

    /// The identity as bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The identity of `content`, computed on all cores.
    pub(crate) fn on_all_cores(content: &[u8]) -> Self {
        if content.len() <= CHUNK {
            return Self::of(content);
        }
        let chunks: Vec<Self> = content.par_chunks(CHUNK).map(Self::of).collect();
        Self::of_chunks(&chunks)
    }

    /// The identity of a file whose chunks have the identities `chunks`.
    pub(crate) fn of_chunks(chunks: &[Self]) -> Self {
        if let [only] = chunks {
            return *only;
        }
        let mut node = Sha256::new_with_prefix(NODE);
        chunks.iter().for_each(|chunk| node.update(chunk.0));
        Self(node.finalize().into())
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentId({self})")
    }
}

/// Computes a [`ContentId`] from pieces of any size.
#[derive(Debug, Clone)]
pub(crate) struct ContentHasher {
    leaf: Sha256,
    filled: usize,
    chunks: Vec<ContentId>,
}

impl ContentHasher {
    pub(crate) fn new() -> Self {
        Self {
            leaf: Sha256::new_with_prefix(LEAF),
            filled: 0,
            chunks: Vec::new(),
        }
    }

    pub(crate) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.filled == CHUNK {
                self.close_chunk();
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.filled));
            self.leaf.update(now);
            self.filled += now.len();
            bytes = later;
        }
    }

    pub(crate) fn finish(mut self) -> ContentId {
        self.close_chunk();
        ContentId::of_chunks(&self.chunks)
    }

    fn close_chunk(&mut self) {
        let leaf = std::mem::replace(&mut self.leaf, Sha256::new_with_prefix(LEAF));
        self.chunks.push(ContentId(leaf.finalize().into()));
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| hash.update(part));
        hash.finalize().into()
    }

    #[test]
    fn up_to_one_mebibyte_is_one_leaf() {
        assert_eq!(ContentId::of(b"").0, sha256(&[&[0]]));
        let full = vec![7; CHUNK];
        assert_eq!(ContentId::of(&full).0, sha256(&[&[0], &full]));
    }

    #[test]
    fn a_larger_file_is_a_node_over_its_chunks() {
        let bytes = vec![7; CHUNK + 1];
        let leaves = [sha256(&[&[0], &bytes[..CHUNK]]), sha256(&[&[0], &[7]])];
        assert_eq!(ContentId::of(&bytes).0, sha256(&[&[1], &leaves[0], &leaves[1]]));
    }

    #[test]
    fn a_small_file_that_spells_out_chunk_identities_is_another_content() {
        let bytes = vec![7; 2 * CHUNK];
        let spelled: Vec<u8> = bytes.chunks(CHUNK).flat_map(|chunk| ContentId::of(chunk).0).collect();
        assert_ne!(ContentId::of(&bytes), ContentId::of(&spelled));
        assert_ne!(ContentId::of(&bytes), ContentId::of(&[&[1], &spelled[..]].concat()));
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let bytes: Vec<u8> = (0..3 * CHUNK + 5).map(|at| (at % 251) as u8).collect();
        for size in [1000, 65_536, CHUNK, CHUNK + 1] {
            let mut hasher = ContentHasher::new();
            bytes.chunks(size).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish(), ContentId::of(&bytes), "pieces of {size}");
        }
    }
}
