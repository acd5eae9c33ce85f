//! What the digest of a context counts and what it does not, as facts.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::chown;
use std::time::{Duration, SystemTime};

use crate::tree::Tree;

fn sample() -> Tree {
    let tree = Tree::new();
    tree.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    tree.write("src/main.py", "print('hello')\n");
    tree.write("src/run.sh", "#!/bin/sh\n");
    tree.chmod("src/run.sh", 0o755);
    tree.write("src-old/x", "");
    fs::create_dir(tree.path("empty")).unwrap();
    tree.link("current", "src/main.py");
    tree.link("dangling", "/nowhere");
    tree
}

/// Does something to the sample and tells whether its digest changed.
fn changes(what: impl FnOnce(&Tree)) -> bool {
    let tree = sample();
    let before = tree.digest();
    what(&tree);
    tree.digest() != before
}

fn set_times(tree: &Tree, path: &str, time: SystemTime) {
    let file = File::open(tree.path(path)).unwrap();
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time))
        .unwrap();
}

/// This digest must never change: it is part of the fingerprints in users' states. A new way to hash is a new version.
#[test]
fn the_digest_of_the_sample_is_the_one_of_version_1() {
    let digest = sample().digest().to_string();
    assert_eq!(
        digest,
        "b2c0614d85946010746c5a7721237ce820ffd34c7f5d365c2c4a50e1de3e6384"
    );
}

#[test]
fn the_same_tree_elsewhere_has_the_same_digest() {
    assert_eq!(sample().digest(), sample().digest());
}

#[test]
fn content_counts() {
    assert!(changes(|tree| tree.write("src/main.py", "print('hallo')\n")));
    assert!(changes(|tree| tree.write("src-old/x", "\0")));
    assert!(changes(|tree| tree.write("src-old/x", " ")));
}

#[test]
fn content_counts_with_the_same_size_and_modification_time() {
    assert!(changes(|tree| {
        let time = fs::metadata(tree.path("src/main.py")).unwrap().modified().unwrap();
        tree.write("src/main.py", "print('hallo')\n");
        set_times(tree, "src/main.py", time);
    }));
}

#[test]
fn the_executable_bit_of_the_owner_counts() {
    assert!(changes(|tree| tree.chmod("src/main.py", 0o744)));
    assert!(changes(|tree| tree.chmod("src/run.sh", 0o655)));
}

#[test]
fn other_mode_bits_do_not_count() {
    assert!(!changes(|tree| tree.chmod("src/main.py", 0o600)));
    assert!(!changes(|tree| tree.chmod("src/main.py", 0o666)));
    assert!(!changes(|tree| tree.chmod("src/main.py", 0o655)));
    assert!(!changes(|tree| tree.chmod("src/run.sh", 0o4700)));
    assert!(!changes(|tree| tree.chmod("src", 0o700)));
}

#[test]
fn times_do_not_count() {
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
    assert!(!changes(|tree| set_times(tree, "src/main.py", long_ago)));
    assert!(!changes(|tree| set_times(tree, "src", long_ago)));
}

#[test]
fn owners_do_not_count() {
    let root = rustix::process::geteuid().is_root();
    let (user, group) = if root {
        (Some(12_345), Some(12_346))
    } else {
        (None, Some(rustix::process::getegid().as_raw()))
    };
    assert!(!changes(|tree| chown(tree.path("src/main.py"), user, group).unwrap()));
}

#[test]
fn the_text_of_a_link_counts() {
    assert!(changes(|tree| {
        fs::remove_file(tree.path("dangling")).unwrap();
        tree.link("dangling", "/elsewhere");
    }));
}

#[test]
fn the_target_of_a_link_does_not_count_through_the_link() {
    assert!(!changes(|tree| {
        let outside = Tree::of(&["x"]);
        fs::remove_file(tree.path("dangling")).unwrap();
        tree.link("dangling", outside.path("x").to_str().unwrap());
        let before = tree.digest();
        outside.write("x", "something else");
        assert_eq!(tree.digest(), before);
        fs::remove_file(tree.path("dangling")).unwrap();
        tree.link("dangling", "/nowhere");
    }));
}

#[test]
fn a_link_in_place_of_an_equal_file_counts() {
    assert!(changes(|tree| {
        fs::rename(tree.path("src/main.py"), tree.path("src/real.py")).unwrap();
        tree.link("src/main.py", "real.py");
        fs::remove_file(tree.path("src/real.py")).unwrap();
    }));
}

#[test]
fn a_name_counts() {
    assert!(changes(|tree| fs::rename(
        tree.path("src/main.py"),
        tree.path("src/main2.py")
    )
    .unwrap()));
    assert!(changes(|tree| fs::rename(
        tree.path("src/main.py"),
        tree.path("main.py")
    )
    .unwrap()));
}

#[test]
fn empty_directories_count() {
    assert!(changes(|tree| fs::remove_dir(tree.path("empty")).unwrap()));
    assert!(changes(|tree| fs::create_dir(tree.path("src/new")).unwrap()));
}

#[test]
fn a_hard_link_is_a_file_with_equal_content() {
    let (copied, linked) = (sample(), sample());
    fs::copy(copied.path("src/main.py"), copied.path("again.py")).unwrap();
    fs::hard_link(linked.path("src/main.py"), linked.path("again.py")).unwrap();
    assert_eq!(copied.digest(), linked.digest());
}

#[test]
fn odd_names_count_as_they_are() {
    let names = [
        "a b",
        "é",
        "e\u{301}",
        "-x",
        "a\nb",
        "#",
        "'",
        "\"",
        "\\",
        "*",
        "日本",
        ".hidden",
        "a\u{202e}b",
    ];
    let digests: std::collections::HashSet<_> = names
        .iter()
        .map(|name| {
            let tree = Tree::new();
            tree.write(name, "");
            assert_eq!(crate::tree::paths(&tree.walk().unwrap()), [*name]);
            tree.digest().to_string()
        })
        .collect();
    assert_eq!(digests.len(), names.len());
}

/// These two trees give equal bytes to a hash of contents, paths and modes without lengths.
#[test]
fn moving_bytes_between_a_name_and_a_content_counts() {
    let (one, other) = (Tree::new(), Tree::new());
    one.write("a", "bc");
    other.write("ab", "c");
    assert_ne!(one.digest(), other.digest());
}

#[test]
fn what_is_excluded_does_not_count() {
    let tree = sample();
    let before = tree.walk_ignoring("src-old\n*.log").unwrap().digest();
    tree.write("src-old/x", "other");
    tree.write("new.log", "x");
    assert_eq!(tree.walk_ignoring("src-old\n*.log").unwrap().digest(), before);
    assert_ne!(tree.walk_ignoring("src-old").unwrap().digest(), before);
}
