//! One entry of a context as eleven bytes: what a [`Sketch`](super::Sketch) is a set of.
//!
//! | bytes | hold |
//! |---|---|
//! | 3 | id of the directory that the entry is in |
//! | 4 | id of its path |
//! | 4 | its kind (two bits) and the id of its content (thirty bits) |
//!
//! The directory has bytes of its own so that "a file of `src/api` is gone" can be said although nobody knows the
//! file's name any more. The content's id leaves the executable bit out, so that a mode change can be told from an edit.
//! Ids are the first bytes of SHA-256: equal on every machine, short enough to keep, and never used to decide anything.

use sha2::{Digest, Sha256};

use crate::change::ChangeKind;
use crate::entry::{Entry, EntryKind};

/// Length of an element in bytes.
pub(super) const SIZE: usize = 11;
/// How many of them identify the directory.
const DIRECTORY: usize = 3;
/// How many of them identify the path.
const PATH: usize = 7;

/// Where the kind stands in the first byte of the content's id.
const KIND_BITS: u8 = 0b1100_0000;
const IS_DIRECTORY: u8 = 0b0000_0000;
const IS_FILE: u8 = 0b0100_0000;
const IS_EXECUTABLE: u8 = 0b1000_0000;
const IS_SYMLINK: u8 = 0b1100_0000;

/// An entry of a context, shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Element(pub(super) [u8; SIZE]);

/// Identity of a directory.
pub(super) type DirectoryId = [u8; DIRECTORY];
/// Identity of a path.
pub(super) type PathId = [u8; PATH];

impl Element {
    fn new(directory: DirectoryId, entry: &Entry) -> Self {
        let (kind, mut content) = match &entry.kind {
            EntryKind::Directory => (IS_DIRECTORY, [0; 4]),
            EntryKind::File {
                executable, content, ..
            } => (
                if *executable { IS_EXECUTABLE } else { IS_FILE },
                prefix(content.as_bytes()),
            ),
            EntryKind::Symlink { target } => (IS_SYMLINK, digest(b"link", target)),
        };
        content[0] = content[0] & !KIND_BITS | kind;
        let mut bytes = [0; SIZE];
        bytes[..DIRECTORY].copy_from_slice(&directory);
        bytes[DIRECTORY..PATH].copy_from_slice(&digest::<4>(b"path", &entry.path));
        bytes[PATH..].copy_from_slice(&content);
        Self(bytes)
    }

    /// Which directory the entry is in.
    pub(super) fn directory(self) -> DirectoryId {
        prefix(&self.0)
    }

    /// Which path it has.
    pub(super) fn path(self) -> PathId {
        prefix(&self.0)
    }

    /// Whether it is a directory itself.
    pub(super) fn is_directory(self) -> bool {
        self.kind() == IS_DIRECTORY
    }

    /// What happened to a path that was `self` and is `new`.
    pub(super) fn change_to(self, new: Self) -> ChangeKind {
        let same_content =
            self.0[PATH] & !KIND_BITS == new.0[PATH] & !KIND_BITS && self.0[PATH + 1..] == new.0[PATH + 1..];
        match (self.kind(), new.kind()) {
            (IS_SYMLINK, IS_SYMLINK) => ChangeKind::Retargeted,
            (IS_FILE, IS_EXECUTABLE) | (IS_EXECUTABLE, IS_FILE) if same_content => ChangeKind::ModeChanged,
            _ => ChangeKind::Modified,
        }
    }

    /// Eight well-mixed bytes that depend on every bit of the element; each `salt` gives other ones.
    pub(super) fn hash(self, salt: u64) -> u64 {
        let word = |bytes: &[u8]| bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte));
        mix(mix(word(&self.0[..8]) ^ mix(salt)) ^ word(&self.0[8..]))
    }

    fn kind(self) -> u8 {
        self.0[PATH] & KIND_BITS
    }
}

/// The elements of `entries`, each with its entry.
pub(super) fn elements<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> impl Iterator<Item = (Element, &'a Entry)> {
    let mut last = ("", directory_id(""));
    entries.into_iter().map(move |entry| {
        let parent = parent(&entry.path);
        if last.0 != parent {
            last = (parent, directory_id(parent));
        }
        (Element::new(last.1, entry), entry)
    })
}

/// The id of the directory `path`, empty for the context itself.
pub(super) fn directory_id(path: &str) -> DirectoryId {
    digest(b"directory", path)
}

/// The directory that `path` is in.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn digest<const N: usize>(domain: &[u8], text: &str) -> [u8; N] {
    let whole = Sha256::new_with_prefix(domain)
        .chain_update([0])
        .chain_update(text)
        .finalize();
    prefix(&whole)
}

fn prefix<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| bytes[at])
}

/// The finaliser of SplitMix64.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}
