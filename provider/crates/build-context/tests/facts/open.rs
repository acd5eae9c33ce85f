//! A reader gives the bytes that were fingerprinted, or an error.

use std::fs;
use std::io::{Read, Write};

use crate::tree::{Tree, entry};
use fastcontainer_build_context::{ContextError, Snapshot};

const CONTENT: &[u8] = b"what was fingerprinted";

fn fingerprinted() -> (Tree, Snapshot) {
    let tree = Tree::new();
    tree.write("dir/file", CONTENT);
    let snapshot = tree.walk().unwrap();
    (tree, snapshot)
}

/// Reads `dir/file` whole after `change`; true if that is refused because the file changed.
fn is_refused(change: impl FnOnce(&Tree)) -> bool {
    let (tree, snapshot) = fingerprinted();
    change(&tree);
    let named = |error: &ContextError| matches!(error, ContextError::ChangedDuringBuild { path } if path == "dir/file");
    let mut bytes = Vec::new();
    match snapshot.open(entry(&snapshot, "dir/file")) {
        Err(error) => named(&error),
        Ok(mut reader) => match reader.read_to_end(&mut bytes) {
            Ok(_) => false,
            Err(error) => named(error.get_ref().unwrap().downcast_ref().unwrap()),
        },
    }
}

#[test]
fn an_unchanged_file_is_read_in_pieces_of_any_size() {
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 255) as u8).collect();
    let tree = Tree::new();
    tree.write("x", &bytes);
    tree.write("empty", "");
    let snapshot = tree.walk().unwrap();
    for size in [1000, 32 * 1024, 4_000_000] {
        let (mut reader, mut piece, mut read) =
            (snapshot.open(entry(&snapshot, "x")).unwrap(), vec![0; size], Vec::new());
        while let length @ 1.. = reader.read(&mut piece).unwrap() {
            read.extend_from_slice(&piece[..length]);
        }
        assert!(read == bytes && reader.read(&mut piece).unwrap() == 0);
    }
    let mut nothing = Vec::new();
    assert_eq!(
        snapshot
            .open(entry(&snapshot, "empty"))
            .unwrap()
            .read_to_end(&mut nothing)
            .unwrap(),
        0
    );
}

#[test]
fn other_bytes_of_the_same_size_and_time_are_refused() {
    assert!(is_refused(|tree| {
        let time = fs::metadata(tree.path("dir/file")).unwrap().modified().unwrap();
        tree.write("dir/file", "what was fingerprintex");
        fs::File::options()
            .append(true)
            .open(tree.path("dir/file"))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }));
}

#[test]
fn a_file_of_another_size_is_refused() {
    assert!(is_refused(|tree| tree.write("dir/file", "what")));
    assert!(is_refused(|tree| tree.write("dir/file", "")));
    assert!(is_refused(|tree| tree.write("dir/file", [CONTENT, b"!"].concat())));
}

#[test]
fn a_file_that_vanished_is_refused() {
    assert!(is_refused(|tree| fs::remove_file(tree.path("dir/file")).unwrap()));
    assert!(is_refused(|tree| fs::remove_dir_all(tree.path("dir")).unwrap()));
}

#[test]
fn a_link_to_equal_bytes_is_refused() {
    assert!(is_refused(|tree| {
        fs::rename(tree.path("dir/file"), tree.path("dir/real")).unwrap();
        tree.link("dir/file", "real");
    }));
    assert!(is_refused(|tree| {
        fs::rename(tree.path("dir"), tree.path("real")).unwrap();
        tree.link("dir", "real");
    }));
}

#[test]
fn a_directory_or_fifo_in_its_place_is_refused() {
    assert!(is_refused(|tree| {
        fs::remove_file(tree.path("dir/file")).unwrap();
        fs::create_dir(tree.path("dir/file")).unwrap();
    }));
    assert!(is_refused(|tree| {
        fs::remove_file(tree.path("dir/file")).unwrap();
        let mode = rustix::fs::Mode::from(0o644);
        rustix::fs::mknodat(
            rustix::fs::CWD,
            tree.path("dir/file"),
            rustix::fs::FileType::Fifo,
            mode,
            0,
        )
        .unwrap();
    }));
}

#[test]
fn another_executable_bit_is_refused() {
    assert!(is_refused(|tree| tree.chmod("dir/file", 0o755)));
}

#[test]
fn other_times_and_mode_bits_are_not_refused() {
    assert!(!is_refused(|tree| tree.chmod("dir/file", 0o600)));
    assert!(!is_refused(|tree| tree.write("dir/file", CONTENT)));
}

#[test]
fn a_change_after_opening_is_refused_before_the_last_bytes_are_given() {
    type Change = fn(&mut fs::File);
    let changes: [Change; 3] = [
        |file| file.set_len(3).unwrap(),
        |file| file.write_all(b"W").unwrap(),
        |file| {
            file.set_len(CONTENT.len() as u64 + 1).unwrap();
        },
    ];
    for change in changes {
        let (tree, snapshot) = fingerprinted();
        let mut reader = snapshot.open(entry(&snapshot, "dir/file")).unwrap();
        change(&mut fs::File::options().write(true).open(tree.path("dir/file")).unwrap());
        let mut exact = vec![0; CONTENT.len()];
        assert!(reader.read_exact(&mut exact).is_err());
        assert!(reader.read(&mut exact).is_err(), "the end stays an error");
    }
}

#[test]
fn what_is_no_file_cannot_be_opened() {
    let (_tree, snapshot) = fingerprinted();
    assert!(snapshot.open(entry(&snapshot, "dir")).is_err());
}
