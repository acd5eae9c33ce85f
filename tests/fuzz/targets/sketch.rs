//! Reading a sketch of a context: read back exactly, or not at all, and never a name that nobody has.
//!
//! The input is a list of entries, a NUL byte, and a sketch. A line of the list is `f path content`, `x path content`,
//! `l path target` or `d path`. What must hold: a sketch of the entries finds no difference to them, and finds exactly
//! the one that is missing; a sketch from elsewhere names entries of today only, each once.

#![no_main]

use std::collections::BTreeMap;

use fastcontainer_build_context::{ContentId, Directories, Entry, EntryKind, Sketch};
use fuzz::{parts, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [list, sketch] = parts(data);
    if let Some(list) = text(list) {
        check(&entries(list), sketch);
    }
});

fn check(today: &[Entry], bytes: &[u8]) {
    let own = Sketch::of(today);
    assert_eq!(Sketch::from_bytes(&own.to_bytes()).as_ref(), Some(&own));
    assert!(own.difference(today).is_some_and(|difference| difference.is_empty()));
    let directories = Directories::of(today);
    assert_eq!(
        Directories::from_bytes(&directories.to_bytes()).as_ref(),
        Some(&directories)
    );
    assert_eq!(directories.difference(today), Directories::default().difference([]));
    if let Some((new, before)) = today.split_last() {
        let difference = Sketch::of(before).difference(today);
        let difference = difference.unwrap_or_else(|| panic!("one new entry cannot be told"));
        assert_eq!(
            difference.changes.iter().map(|change| &change.path).collect::<Vec<_>>(),
            [&new.path]
        );
        assert!(difference.deleted.is_empty(), "{difference:?}");
    }
    foreign(today, bytes);
}

/// Compares with a sketch that anybody may have written.
fn foreign(today: &[Entry], bytes: &[u8]) {
    if let Some(directories) = Directories::from_bytes(bytes) {
        assert_eq!(directories.to_bytes(), bytes);
        assert!(directories.difference(today).names.is_sorted());
    }
    let Some(sketch) = Sketch::from_bytes(bytes) else {
        return;
    };
    assert_eq!(sketch.to_bytes(), bytes);
    if let Some(difference) = sketch.difference(today) {
        let named: Vec<&str> = difference.changes.iter().map(|change| change.path.as_str()).collect();
        assert!(named.is_sorted_by(|one, other| one < other), "{named:?}");
        assert!(
            named.iter().all(|path| today.iter().any(|entry| entry.path == *path)),
            "{named:?}"
        );
    }
}

/// The entries of a list; a path that comes twice counts once.
fn entries(list: &str) -> Vec<Entry> {
    let lines = list.lines().filter_map(|line| {
        let (kind, rest) = line.split_once(' ')?;
        let (path, payload) = rest.split_once(' ').unwrap_or((rest, ""));
        let kind = match kind {
            "d" => EntryKind::Directory,
            "l" => EntryKind::Symlink {
                target: payload.to_owned(),
            },
            "f" | "x" => EntryKind::File {
                size: payload.len() as u64,
                executable: kind == "x",
                content: ContentId::of(payload.as_bytes()),
            },
            _ => return None,
        };
        Some((path.to_owned(), kind))
    });
    let entry = |(path, kind)| Entry {
        path,
        kind,
        mtime_ns: 0,
    };
    lines.collect::<BTreeMap<_, _>>().into_iter().map(entry).collect()
}
