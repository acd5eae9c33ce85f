//! What a walk finds, in which order, and what it refuses.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::tree::{Tree, entry, paths};
use fastcontainer_build_context::{
    ContentId, ContextError, EntryKind, EntryProblems, IgnoreRules, ProblemKind, Selection, StatCache, Warning,
    explain_ignored, walk,
};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tokio_util::sync::CancellationToken;

fn problems(error: ContextError) -> Vec<(String, ProblemKind)> {
    match error {
        ContextError::Entries {
            problems: EntryProblems(problems),
            ..
        } => problems.into_iter().map(|one| (one.path, one.kind)).collect(),
        other => panic!("{other:?}"),
    }
}

fn fifo(tree: &Tree, path: &str) {
    mknodat(CWD, tree.path(path), FileType::Fifo, Mode::from(0o644), 0).unwrap();
}

/// Runs the test `name` of this file again as a user without privileges if this one has them. True in that run.
fn is_unprivileged(name: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        return true;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let run = again
        .args([name, "--exact"])
        .env("TMPDIR", "/tmp")
        .uid(65_534)
        .gid(65_534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(
        run.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&run.stderr)
    );
    false
}

#[test]
fn entries_are_depth_first_with_each_directory_sorted_by_bytes() {
    let tree = Tree::of(&[
        "a/b", "a-b", "a.b/c", "a/b.c", "a/A", "B", "é", "z/", "a/x/y/z", "a/x-y",
    ]);
    let expected = [
        "B", "a", "a/A", "a/b", "a/b.c", "a/x", "a/x/y", "a/x/y/z", "a/x-y", "a-b", "a.b", "a.b/c", "z", "é",
    ];
    assert_eq!(paths(&tree.walk().unwrap()), expected);
}

#[test]
fn files_carry_size_executable_bit_content_and_time() {
    let tree = Tree::new();
    tree.write("x", "abc");
    tree.chmod("x", 0o700);
    let snapshot = tree.walk().unwrap();
    let expected = EntryKind::File {
        size: 3,
        executable: true,
        content: ContentId::of(b"abc"),
    };
    assert_eq!(entry(&snapshot, "x").kind, expected);
    let modified = fs::metadata(tree.path("x")).unwrap().modified().unwrap();
    let since = modified.duration_since(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(
        i128::from(entry(&snapshot, "x").mtime_ns),
        i128::try_from(since.as_nanos()).unwrap()
    );
}

#[test]
fn large_files_have_the_identity_of_their_bytes() {
    let tree = Tree::new();
    for size in [1024 * 1024, 1024 * 1024 + 1, 16 * 1024 * 1024, 17 * 1024 * 1024 + 3] {
        let bytes: Vec<u8> = (0..size).map(|at| (at % 253) as u8).collect();
        tree.write("deep/er/large", &bytes);
        let snapshot = tree.walk().unwrap();
        let EntryKind::File { content, .. } = entry(&snapshot, "deep/er/large").kind else {
            panic!()
        };
        assert_eq!(content, ContentId::of(&bytes), "{size}");
    }
}

#[test]
fn more_files_than_one_task_takes_are_all_found() {
    let names: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    let tree = Tree::of(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(paths(&tree.walk().unwrap()), names);
}

#[test]
fn links_are_text_and_are_not_followed() {
    let tree = Tree::of(&["dir/x"]);
    for (path, target) in [
        ("endless", "/dev/zero"),
        ("loop", "loop"),
        ("none", "/no/where"),
        ("to-dir", "dir"),
        ("up", "../.."),
    ] {
        tree.link(path, target);
    }
    let snapshot = tree.walk().unwrap();
    assert_eq!(
        paths(&snapshot),
        ["dir", "dir/x", "endless", "loop", "none", "to-dir", "up"]
    );
    assert_eq!(
        entry(&snapshot, "up").kind,
        EntryKind::Symlink { target: "../..".into() }
    );
}

#[test]
fn an_excluded_directory_appears_only_with_something_below_it() {
    let tree = Tree::of(&["a/b/keep", "a/b/drop", "a/c/d/drop", "e/drop"]);
    assert_eq!(
        paths(&tree.walk_ignoring("*\n!**/keep").unwrap()),
        ["a", "a/b", "a/b/keep"]
    );
    assert_eq!(
        paths(&tree.walk_ignoring("a\n!a/b").unwrap()),
        ["a", "a/b", "a/b/drop", "a/b/keep", "e", "e/drop"]
    );
}

#[test]
fn an_excluded_directory_is_not_opened_when_nothing_in_it_can_return() {
    let tree = Tree::of(&["a/x", "b/x"]);
    fifo(&tree, "a/fifo");
    tree.chmod("a", 0o000);
    assert_eq!(paths(&tree.walk_ignoring("a\n!b/x").unwrap()), ["b", "b/x"]);
    tree.chmod("a", 0o755);
}

#[test]
fn special_files_are_all_named_at_once() {
    let tree = Tree::of(&["dir/ok"]);
    fifo(&tree, "dir/pipe");
    let _socket = UnixListener::bind(tree.path("socket")).unwrap();
    let error = tree.walk().unwrap_err();
    let message = error.to_string();
    assert!(
        message.ends_with("holds what cannot be sent: `dir/pipe` is a FIFO; `socket` is a socket"),
        "{message}"
    );
    assert_eq!(problems(error).len(), 2);
}

#[test]
fn a_message_lists_ten_entries_and_counts_the_rest() {
    let tree = Tree::new();
    (0..13).for_each(|number| fifo(&tree, &format!("pipe{number:02}")));
    let message = tree.walk().unwrap_err().to_string();
    assert!(
        message.contains("`pipe09` is a FIFO; and 3 more") && !message.contains("pipe10"),
        "{message}"
    );
}

#[test]
fn special_files_that_are_excluded_do_no_harm() {
    let tree = Tree::of(&["ok"]);
    fifo(&tree, "pipe");
    assert_eq!(paths(&tree.walk_ignoring("pipe").unwrap()), ["ok"]);
}

#[test]
fn unreadable_files_and_directories_are_all_named() {
    if !is_unprivileged("walk::unreadable_files_and_directories_are_all_named") {
        return;
    }
    let tree = Tree::of(&["closed/x", "dir/file", "open"]);
    tree.chmod("closed", 0o000);
    tree.chmod("dir/file", 0o000);
    let (failed, ignored) = (tree.walk(), tree.walk_ignoring("closed\ndir/file"));
    let deep = tree.walk_ignoring("closed\n!**/open\ndir/file");
    tree.chmod("closed", 0o755);
    let error = failed.unwrap_err();
    assert!(error.is_denied() && !error.is_transient());
    let paths_of: Vec<_> = problems(error)
        .into_iter()
        .map(|(path, kind)| (path, kind.to_string()))
        .collect();
    let denied = "may not be read: permission denied".to_owned();
    assert_eq!(
        paths_of,
        [("closed".to_owned(), denied.clone()), ("dir/file".to_owned(), denied)]
    );
    assert_eq!(paths(&ignored.unwrap()), ["dir", "open"]);
    assert_eq!(paths(&deep.unwrap()), ["dir", "open"]);
}

#[test]
fn a_context_that_may_not_be_read_is_named() {
    if !is_unprivileged("walk::a_context_that_may_not_be_read_is_named") {
        return;
    }
    let tree = Tree::of(&["context/x"]);
    tree.chmod("context", 0o000);
    let walked = walk(
        &tree.path("context"),
        &IgnoreRules::none(),
        &Selection::whole(),
        &StatCache::disabled(),
        &CancellationToken::new(),
    );
    tree.chmod("context", 0o755);
    assert!(walked.unwrap_err().is_denied());
}

#[test]
fn names_and_links_that_are_not_utf8_are_refused_unless_excluded() {
    let tree = Tree::of(&["ok"]);
    fs::write(tree.root().join(OsStr::from_bytes(b"b\xff")), "").unwrap();
    fs::create_dir(tree.root().join(OsStr::from_bytes(b"d\xff"))).unwrap();
    std::os::unix::fs::symlink(OsStr::from_bytes(b"\xff"), tree.path("link")).unwrap();
    let found = problems(tree.walk().unwrap_err());
    assert!(
        found.iter().all(|(_, kind)| matches!(kind, ProblemKind::NotUtf8)),
        "{found:?}"
    );
    assert_eq!(
        found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["b\u{fffd}", "d\u{fffd}", "link"]
    );
    assert_eq!(paths(&tree.walk_ignoring("b?\nd*\nlink").unwrap()), ["ok"]);
    assert_eq!(paths(&tree.walk_ignoring("*\n!ok\n!**/none").unwrap()), ["ok"]);
}

#[test]
fn a_missing_context_is_named_with_its_absolute_path() {
    let error = walk(
        Path::new("no/such/context"),
        &IgnoreRules::none(),
        &Selection::whole(),
        &StatCache::disabled(),
        &CancellationToken::new(),
    )
    .unwrap_err();
    assert!(error.is_not_found());
    let ContextError::ContextMissing { path } = error else {
        panic!("{error:?}")
    };
    assert_eq!(path, std::env::current_dir().unwrap().join("no/such/context"));
}

#[test]
fn a_context_that_is_a_file_is_refused() {
    let tree = Tree::of(&["file"]);
    for path in [tree.path("file"), tree.path("file/below")] {
        let error = walk(
            &path,
            &IgnoreRules::none(),
            &Selection::whole(),
            &StatCache::disabled(),
            &CancellationToken::new(),
        )
        .unwrap_err();
        assert!(
            matches!(&error, ContextError::ContextNotADirectory { path: named } if *named == path),
            "{error:?}"
        );
    }
}

#[test]
fn a_context_given_as_a_link_is_resolved() {
    let tree = Tree::of(&["real/x"]);
    tree.link("link", "real");
    let snapshot = walk(
        &tree.path("link"),
        &IgnoreRules::none(),
        &Selection::whole(),
        &StatCache::disabled(),
        &CancellationToken::new(),
    )
    .unwrap();
    assert_eq!(paths(&snapshot), ["x"]);
    assert_eq!(snapshot.root(), tree.path("real").canonicalize().unwrap());
}

#[test]
fn names_that_differ_only_by_case_give_a_warning() {
    let tree = Tree::of(&["d/README", "d/readme", "d/x", "É", "é", "other/readme"]);
    let snapshot = tree.walk().unwrap();
    let pair = |first: &str, second: &str| Warning::NamesDifferOnlyByCase {
        first: first.into(),
        second: second.into(),
    };
    assert_eq!(snapshot.warnings(), [pair("d/README", "d/readme"), pair("É", "é")]);
    assert_eq!(tree.walk_ignoring("*/readme\né").unwrap().warnings(), []);
}

#[test]
fn an_invalid_pattern_that_is_tried_fails_the_walk() {
    let tree = Tree::of(&["a/b"]);
    let error = tree.walk_ignoring("x\n[z-a]").unwrap_err();
    assert!(
        matches!(&error, ContextError::IgnorePattern { line: 2, pattern, .. } if pattern == "[z-a]"),
        "{error:?}"
    );
    assert!(Tree::new().walk_ignoring("x\n[z-a]").is_ok());
}

#[test]
fn a_tree_of_5000_levels_is_walked() {
    const DEPTH: usize = 5000;
    let tree = Tree::new();
    let flags = rustix::fs::OFlags::DIRECTORY;
    let open = |at: &std::os::fd::OwnedFd, name: &str| rustix::fs::openat(at, name, flags, Mode::empty()).unwrap();
    let mut at = rustix::fs::openat(CWD, tree.root(), flags, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        rustix::fs::mkdirat(&at, "d", Mode::from(0o755)).unwrap();
        at = open(&at, "d");
    }
    let snapshot = tree.walk();
    for _ in 0..DEPTH {
        at = open(&at, "..");
        rustix::fs::unlinkat(&at, "d", rustix::fs::AtFlags::REMOVEDIR).unwrap();
    }
    let snapshot = snapshot.unwrap();
    assert_eq!(snapshot.entries().len(), DEPTH);
    assert_eq!(snapshot.entries()[DEPTH - 1].path.len(), 2 * DEPTH - 1);
}

#[test]
fn more_waiting_directories_than_may_be_open_are_all_walked() {
    let tree = Tree::new();
    let mut path = String::from("a");
    for _ in 0..400 {
        for side in ["b", "c"] {
            tree.write(&format!("{path}/{side}/x"), "");
        }
        path.push_str("/a");
    }
    let snapshot = tree.walk().unwrap();
    assert_eq!(snapshot.entries().len(), 400 * 5);
}

#[test]
fn a_cancelled_walk_ends_soon() {
    let tree = Tree::new();
    fs::File::create(tree.path("sparse"))
        .unwrap()
        .set_len(64 << 30)
        .unwrap();
    let cancel = CancellationToken::new();
    let (root, token) = (tree.root().to_owned(), cancel.clone());
    let walking = std::thread::spawn(move || {
        walk(
            &root,
            &IgnoreRules::none(),
            &Selection::whole(),
            &StatCache::disabled(),
            &token,
        )
    });
    std::thread::sleep(Duration::from_millis(100));
    let cancelled = Instant::now();
    cancel.cancel();
    assert!(walking.join().unwrap().unwrap_err().is_cancelled());
    assert!(
        cancelled.elapsed() < Duration::from_secs(1),
        "took {:?}",
        cancelled.elapsed()
    );
}

#[test]
fn names_of_255_bytes_are_walked() {
    let long = "é".repeat(127) + "x";
    let tree = Tree::of(&[&format!("{long}/{long}")]);
    assert_eq!(paths(&tree.walk().unwrap()), [long.clone(), format!("{long}/{long}")]);
}

#[test]
fn a_file_that_grows_without_end_is_named_in_bounded_time() {
    let tree = Tree::of(&["log"]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let walked = std::thread::scope(|scope| {
        scope.spawn(|| {
            use std::io::Write;
            let mut log = fs::File::options().append(true).open(tree.path("log")).unwrap();
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                log.write_all(&[b'x'; 256]).unwrap();
            }
        });
        std::thread::sleep(Duration::from_millis(50));
        let started = Instant::now();
        let walked = tree.walk();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        walked
    });
    // A reader may meet the writer between two of its turns.
    if let Err(error) = walked {
        assert!(
            error.is_transient() && error.to_string().contains("`log` changes"),
            "{error}"
        );
    }
}

#[test]
fn files_that_come_and_go_give_a_right_answer_or_are_named() {
    let tree = Tree::of(&["stays"]);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                tree.write("comes/and/goes", "whole");
                fs::remove_dir_all(tree.path("comes")).unwrap();
            }
        });
        for _ in 0..100 {
            match tree.walk() {
                Ok(snapshot) => {
                    let whole = ContentId::of(b"whole");
                    let empty = ContentId::of(b"");
                    for entry in snapshot.entries().iter().filter(|entry| entry.path.ends_with("goes")) {
                        let EntryKind::File { content, .. } = entry.kind else {
                            panic!()
                        };
                        assert!(content == whole || content == empty);
                    }
                }
                Err(error) => assert!(error.is_transient(), "{error:?}"),
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn what_is_ignored_is_listed_with_the_rule_that_decided() {
    let tree = Tree::of(&["a/keep", "a/drop/x", "b/log", "node_modules/deep/x"]);
    let rules = IgnoreRules::parse(".dockerignore", b"# all\n**/drop\nnode_modules/\n*/log\n").unwrap();
    let ignored = explain_ignored(tree.root(), &rules, &CancellationToken::new()).unwrap();
    let told: Vec<_> = ignored
        .iter()
        .map(|one| (one.path.as_str(), one.rule.as_str(), one.line, one.is_directory))
        .collect();
    let expected = [
        ("a/drop", "**/drop", 2, true),
        ("b/log", "*/log", 4, false),
        ("node_modules", "node_modules", 3, true),
    ];
    assert_eq!(told, expected);
    assert_eq!(rules.file_name(), ".dockerignore");
}

#[test]
fn below_an_ignored_directory_only_what_may_return_is_looked_at() {
    let tree = Tree::of(&["a/b/x", "a/c", "d/x"]);
    let rules = IgnoreRules::parse("i", b"*\n!a/b\n").unwrap();
    let ignored = explain_ignored(tree.root(), &rules, &CancellationToken::new()).unwrap();
    let told: Vec<_> = ignored.iter().map(|one| (one.path.as_str(), one.line)).collect();
    assert_eq!(told, [("a", 1), ("a/c", 1), ("d", 1)]);
}
