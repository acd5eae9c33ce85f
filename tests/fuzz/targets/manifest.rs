//! Reading a kept file list: read back exactly, or not at all.
//!
//! The input is the entries of a list, without header and checksum: no invented input would ever pass the checksum. Its
//! halves are read as two lists and compared, and the bytes are read as they are, too.

#![no_main]

use fastcontainer_build_context::Manifest;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

fuzz_target!(|data: &[u8]| check(data));

/// What a list begins with, before its checksum.
const HEADER: &[u8] = b"fastcontainer manifest 1\n";

fn check(data: &[u8]) {
    exact(data);
    assert!(exact(&sealed(&[])).is_some(), "the header is no longer the one in use");
    let half = data.len() / 2;
    let (older, newer) = (exact(&sealed(&data[..half])), exact(&sealed(&data[half..])));
    if let (Some(older), Some(newer)) = (older, newer) {
        let changes = older.changes_to(&newer);
        assert!(changes.is_sorted_by_key(|change| &change.path), "{changes:?}");
        assert!(changes.len() <= older.len() + newer.len());
    }
    if let Some(whole) = exact(&sealed(data)) {
        assert_eq!(whole.is_empty(), data.is_empty());
    }
}

fn sealed(body: &[u8]) -> Vec<u8> {
    [HEADER, &Sha256::digest(body)[..], body].concat()
}

/// Reads a list, and demands that writing it gives the same bytes.
fn exact(bytes: &[u8]) -> Option<Manifest> {
    let manifest = Manifest::from_bytes(bytes)?;
    assert_eq!(
        manifest.to_bytes(),
        bytes,
        "a list that was not written by this program was read"
    );
    Some(manifest)
}
