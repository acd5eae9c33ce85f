//! What a sketch and the directory digests say about a change, compared with the change that was made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use fastcontainer_build_context::{
    Change, ChangeKind, ChangedDirectories, ContentId, DeletedIn, Difference, Directories, Entry, EntryKind, Sketch,
};
use proptest::prelude::*;

type Tree = BTreeMap<String, EntryKind>;

fn file(content: &str) -> EntryKind {
    EntryKind::File {
        size: content.len() as u64,
        executable: false,
        content: ContentId::of(content.as_bytes()),
    }
}

fn program(content: &str) -> EntryKind {
    let EntryKind::File { size, content, .. } = file(content) else {
        unreachable!("a file is a file")
    };
    EntryKind::File {
        size,
        executable: true,
        content,
    }
}

fn link(target: &str) -> EntryKind {
    EntryKind::Symlink { target: target.into() }
}

/// A tree of files, their directories included.
fn tree(files: impl IntoIterator<Item = (String, EntryKind)>) -> Tree {
    let mut tree = Tree::new();
    for (path, kind) in files {
        for (at, _) in path.match_indices('/') {
            tree.insert(path[..at].to_owned(), EntryKind::Directory);
        }
        tree.insert(path, kind);
    }
    tree
}

fn small() -> Tree {
    let files = [
        ("src/api/a.py", file("a")),
        ("src/api/b.py", file("b")),
        ("src/run.sh", file("run")),
        ("src/latest", link("a")),
        ("old/deep/x", file("x")),
        ("readme", file("r")),
    ];
    tree(files.map(|(path, kind)| (path.to_owned(), kind)))
}

fn large(count: usize) -> Tree {
    tree((0..count).map(|at| (format!("dir{}/part{}/file{at}", at % 7, at % 50), file(&at.to_string()))))
}

fn entries(tree: &Tree) -> Vec<Entry> {
    let entry = |(path, kind): (&String, &EntryKind)| Entry {
        path: path.clone(),
        kind: kind.clone(),
        mtime_ns: 0,
    };
    tree.iter().map(entry).collect()
}

fn difference(old: &Tree, new: &Tree) -> Option<Difference> {
    let stored = Sketch::of(&entries(old)).to_bytes();
    Sketch::from_bytes(&stored).unwrap().difference(&entries(new))
}

fn change(path: &str, kind: ChangeKind) -> Change {
    Change {
        path: path.into(),
        kind,
    }
}

fn deleted_in(directory: Option<&str>, count: usize) -> DeletedIn {
    DeletedIn {
        directory: directory.map(str::to_owned),
        count,
    }
}

#[test]
fn each_kind_of_change_is_told_apart() {
    let mut new = small();
    new.insert("src/api/a.py".into(), file("other"));
    new.insert("src/run.sh".into(), program("run"));
    new.insert("src/latest".into(), link("b"));
    new.insert("src/new/c.py".into(), file("c"));
    new.insert("src/new".into(), EntryKind::Directory);
    new.insert("readme".into(), link("r"));
    let told = difference(&small(), &new).unwrap();
    assert_eq!(
        told.changes,
        [
            change("readme", ChangeKind::Modified),
            change("src/api/a.py", ChangeKind::Modified),
            change("src/latest", ChangeKind::Retargeted),
            change("src/new/c.py", ChangeKind::Added),
            change("src/run.sh", ChangeKind::ModeChanged),
        ]
    );
    assert_eq!(told.deleted, []);
}

#[test]
fn a_deleted_file_is_told_by_its_directory() {
    let mut new = small();
    new.remove("src/api/b.py");
    new.remove("readme");
    let told = difference(&small(), &new).unwrap();
    assert_eq!(told.changes, []);
    assert_eq!(told.deleted, [deleted_in(Some(""), 1), deleted_in(Some("src/api"), 1)]);
}

#[test]
fn files_of_a_deleted_directory_stand_for_the_directory() {
    let mut new = small();
    new.retain(|path, _| !path.starts_with("old"));
    let told = difference(&small(), &new).unwrap();
    assert_eq!(told.deleted, [deleted_in(None, 1)]);
}

#[test]
fn an_empty_directory_is_told_itself() {
    let mut with = small();
    with.insert("src/api/empty".into(), EntryKind::Directory);
    let added = difference(&small(), &with).unwrap();
    assert_eq!(added.changes, [change("src/api/empty", ChangeKind::Added)]);
    let deleted = difference(&with, &small()).unwrap();
    assert_eq!(deleted.deleted, [deleted_in(Some("src/api"), 1)]);
}

#[test]
fn sixty_modified_files_among_fifty_thousand_are_named() {
    let old = large(50_000);
    let mut new = old.clone();
    let paths: Vec<_> = old
        .keys()
        .filter(|path| path.contains("file"))
        .step_by(800)
        .take(60)
        .cloned()
        .collect();
    for path in &paths {
        new.insert(path.clone(), file("modified"));
    }
    let told = difference(&old, &new).unwrap();
    let expected: Vec<_> = paths.iter().map(|path| change(path, ChangeKind::Modified)).collect();
    assert_eq!(told.changes, expected);
    assert_eq!(told.deleted, []);
}

#[test]
fn too_many_changes_leave_the_directories() {
    let old = large(1000);
    let mut new = old.clone();
    for (path, kind) in &mut new {
        if path.contains("file") && (path.starts_with("dir1") || path.starts_with("dir4")) {
            *kind = file("modified");
        }
    }
    assert_eq!(difference(&old, &new), None);
    let expected = ChangedDirectories {
        names: vec!["dir1".into(), "dir4".into()],
        ..Default::default()
    };
    assert_eq!(Directories::of(&entries(&old)).difference(&entries(&new)), expected);
}

#[test]
fn the_top_gone_and_new_directories_are_told() {
    let mut new = small();
    new.retain(|path, _| !path.starts_with("old"));
    new.insert("lib".into(), EntryKind::Directory);
    new.insert("readme".into(), file("other"));
    let expected = ChangedDirectories {
        names: vec!["lib".into(), "old".into()],
        top: true,
        others: false,
    };
    assert_eq!(Directories::of(&entries(&small())).difference(&entries(&new)), expected);
}

#[test]
fn many_directories_share_a_digest() {
    let old = tree((0..100).map(|at| (format!("{}{at:03}/f", "d".repeat(40)), file("x"))));
    let digests = Directories::of(&entries(&old));
    assert!(digests.to_bytes().len() < 700);
    let mut new = old.clone();
    new.insert(format!("{}099/f", "d".repeat(40)), file("y"));
    let expected = ChangedDirectories {
        others: true,
        ..Default::default()
    };
    assert_eq!(digests.difference(&entries(&new)), expected);
    assert_eq!(digests.difference(&entries(&old)), ChangedDirectories::default());
}

#[test]
fn the_size_is_bounded_whatever_the_context() {
    for count in [0, 1, 100, 230, 300, 5_000] {
        let length = Sketch::of(&entries(&large(count))).to_bytes().len();
        assert!(length < 2_700, "{count} files: {length} bytes");
    }
    assert!(Sketch::of(&entries(&small())).to_bytes().len() < 130);
}

/// A tree of at most `files` files: the names are few, so that two trees have some in common.
fn any_tree(files: usize) -> impl Strategy<Value = Tree> {
    let file = (0..6_u8, 0..9_u8, 0..9_u8, 0..4_u8);
    proptest::collection::vec(file, 0..files).prop_map(|files| {
        tree(files.into_iter().map(|(a, b, name, content)| {
            let kind = match content {
                0 => program("zero"),
                1 => link("one"),
                _ => self::file(&content.to_string()),
            };
            (format!("d{a}/e{b}/f{name}"), kind)
        }))
    })
}

proptest! {
    #[test]
    fn whatever_is_told_is_true_and_complete(old in any_tree(400), new in any_tree(400)) {
        let Some(told) = difference(&old, &new) else {
            prop_assert!(old.len() > 240, "small contexts always have an answer");
            return Ok(());
        };
        let is_file = |tree: &Tree, path: &str| tree.get(path).is_some_and(|kind| *kind != EntryKind::Directory);
        for change in told.changes.iter().filter(|change| is_file(&new, &change.path)) {
            let (before, now) = (old.get(&change.path), new.get(&change.path));
            prop_assert_ne!(before, now);
            prop_assert_eq!(before.is_none(), change.kind == ChangeKind::Added);
        }
        let changed = new.iter().filter(|(path, kind)| is_file(&new, path) && old.get(*path) != Some(kind)).count();
        prop_assert_eq!(told.changes.iter().filter(|change| is_file(&new, &change.path)).count(), changed);
        let gone: Vec<_> = old.keys().filter(|path| is_file(&old, path) && !new.contains_key(*path)).collect();
        prop_assert_eq!(told.deleted.iter().map(|deleted| deleted.count).sum::<usize>(), gone.len());
        for deleted in &told.deleted {
            let directory = deleted.directory.as_deref();
            let inside = gone.iter().filter(|path| {
                let parent = path.rsplit_once('/').map(|(parent, _)| parent);
                if new.contains_key(parent.unwrap()) { parent == directory } else { directory.is_none() }
            });
            prop_assert_eq!(inside.count(), deleted.count);
        }
    }

    #[test]
    fn noise_is_no_sketch_and_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), version in 0..3_u8) {
        if let Some(first) = bytes.first_mut() {
            *first = [0x01, 0x41, *first][usize::from(version)];
        }
        if let Some(sketch) = Sketch::from_bytes(&bytes) {
            prop_assert_eq!(&sketch.to_bytes(), &bytes);
            let _ = sketch.difference(&entries(&small()));
        }
        if let Some(directories) = Directories::from_bytes(&bytes) {
            prop_assert_eq!(&directories.to_bytes(), &bytes);
        }
    }
}
