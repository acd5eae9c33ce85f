//! Lists of files: what they say about a change, and that a damaged list is no list.

use std::fs;

use crate::tree::Tree;
use fastcontainer_build_context::{Change, ChangeKind, Manifest, ManifestStore};
use proptest::prelude::*;

fn manifest(tree: &Tree) -> Manifest {
    tree.walk().unwrap().manifest()
}

fn sample() -> Tree {
    let tree = Tree::of(&["a/b/x", "a/y", "empty/", "z"]);
    tree.link("link", "a");
    tree
}

fn changes(what: impl FnOnce(&Tree)) -> Vec<(String, ChangeKind)> {
    let tree = sample();
    let before = manifest(&tree);
    what(&tree);
    let changes = before.changes_to(&manifest(&tree));
    changes.into_iter().map(|Change { path, kind }| (path, kind)).collect()
}

fn one(path: &str, kind: ChangeKind) -> Vec<(String, ChangeKind)> {
    vec![(path.into(), kind)]
}

#[test]
fn equal_contexts_have_no_changes() {
    assert_eq!(changes(|_| {}), []);
}

#[test]
fn each_kind_of_change_has_its_word() {
    assert_eq!(changes(|tree| tree.write("z", "other")), one("z", ChangeKind::Modified));
    assert_eq!(changes(|tree| tree.write("new", "")), one("new", ChangeKind::Added));
    assert_eq!(
        changes(|tree| fs::remove_file(tree.path("a/b/x")).unwrap()),
        one("a/b/x", ChangeKind::Deleted)
    );
    assert_eq!(
        changes(|tree| tree.chmod("z", 0o755)),
        one("z", ChangeKind::ModeChanged)
    );
    assert_eq!(
        changes(|tree| {
            fs::remove_file(tree.path("link")).unwrap();
            tree.link("link", "z");
        }),
        one("link", ChangeKind::Retargeted)
    );
}

#[test]
fn a_file_in_place_of_a_link_is_modified() {
    let replaced = changes(|tree| {
        fs::remove_file(tree.path("link")).unwrap();
        tree.write("link", "");
    });
    assert_eq!(replaced, one("link", ChangeKind::Modified));
}

#[test]
fn a_directory_is_named_only_when_nothing_below_explains_it() {
    assert_eq!(changes(|tree| tree.write("n/e/w", "")), one("n/e/w", ChangeKind::Added));
    assert_eq!(
        changes(|tree| fs::create_dir_all(tree.path("n/e")).unwrap()),
        one("n/e", ChangeKind::Added)
    );
    assert_eq!(
        changes(|tree| fs::remove_dir(tree.path("empty")).unwrap()),
        one("empty", ChangeKind::Deleted)
    );
    let removed = [
        ("a/b/x".to_owned(), ChangeKind::Deleted),
        ("a/y".to_owned(), ChangeKind::Deleted),
    ];
    assert_eq!(changes(|tree| fs::remove_dir_all(tree.path("a")).unwrap()), removed);
}

#[test]
fn a_list_is_read_back_exactly() {
    let written = manifest(&sample());
    assert_eq!(written.len(), 7);
    assert_eq!(Manifest::from_bytes(&written.to_bytes()), Some(written));
    let nothing = manifest(&Tree::new());
    assert!(nothing.is_empty());
    assert_eq!(Manifest::from_bytes(&nothing.to_bytes()), Some(nothing));
}

#[test]
fn a_damaged_or_shortened_list_is_none() {
    let bytes = manifest(&sample()).to_bytes();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(Manifest::from_bytes(&damaged), None, "byte {at}");
        assert_eq!(Manifest::from_bytes(&bytes[..at]), None, "first {at} bytes");
    }
    assert_eq!(Manifest::from_bytes(&[&bytes[..], &[0]].concat()), None);
}

#[test]
fn a_list_of_a_newer_version_is_none() {
    let bytes = manifest(&sample()).to_bytes();
    let at = bytes.iter().position(|byte| *byte == b'1').unwrap();
    let newer = [&bytes[..at], b"2", &bytes[at + 1..]].concat();
    assert_eq!(Manifest::from_bytes(&newer), None);
}

#[test]
fn a_stored_list_is_found_under_its_fingerprint_only() {
    let folder = Tree::new();
    let store = ManifestStore::new(folder.path("manifests"));
    let list = manifest(&sample());
    store.save("00ff", &list);
    store.save("00ff", &list);
    assert_eq!(store.load("00FF"), Some(list.clone()));
    assert_eq!(store.load("00fe"), None);
    store.save("../00aa", &list);
    store.save("", &list);
    assert_eq!(fs::read_dir(folder.path("manifests")).unwrap().count(), 1);
}

#[test]
fn a_stored_list_that_is_damaged_is_removed() {
    let folder = Tree::new();
    let store = ManifestStore::new(folder.root());
    store.save("aa", &manifest(&sample()));
    let file = fs::read_dir(folder.root()).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(store.load("aa"), None);
    assert!(!file.exists());
}

#[test]
fn a_store_that_cannot_be_written_is_no_error() {
    let folder = Tree::of(&["file"]);
    let store = ManifestStore::new(folder.path("file"));
    store.save("aa", &manifest(&sample()));
    assert_eq!(store.load("aa"), None);
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Manifest::from_bytes(&bytes);
    }
}
