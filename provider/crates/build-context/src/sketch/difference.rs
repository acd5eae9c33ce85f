//! The elements that differ, told as changes of files.
//!
//! What exists today has a name; what is gone is known by its directory only, if that still exists. A directory is named
//! only when nothing below it explains the change, as in lists of files.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::element::{DirectoryId, Element, PathId, directory_id, parent};
use crate::change::{Change, ChangeKind};
use crate::entry::Entry;

/// What differs between an earlier context and today's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Paths that exist today, sorted.
    pub changes: Vec<Change>,
    /// Entries that are gone, and whose names are not known.
    pub deleted: Vec<DeletedIn>,
}

/// Entries that are gone from one directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeletedIn {
    /// The directory, empty for the context itself; absent when it is gone as well.
    pub directory: Option<String>,
    /// How many entries.
    pub count: usize,
}

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.deleted.is_empty()
    }

    /// Tells `differing`, elements of one side only, with the names of `today`.
    pub(super) fn tell(differing: &BTreeSet<Element>, today: &[(Element, &Entry)]) -> Self {
        let mut gone = differing.clone();
        let new: Vec<_> = today.iter().filter(|(element, _)| gone.remove(element)).collect();
        let mut replaced: HashMap<PathId, Element> = gone.iter().map(|old| (old.path(), *old)).collect();
        let mut changes = Vec::with_capacity(new.len());
        for (element, entry) in new {
            let old = replaced.remove(&element.path());
            let kind = old.map_or(ChangeKind::Added, |old| old.change_to(*element));
            changes.push((kind, *entry));
        }
        Self {
            changes: telling(&changes),
            deleted: deleted(&replaced.into_values().collect::<Vec<_>>(), today),
        }
    }
}

fn telling(changes: &[(ChangeKind, &Entry)]) -> Vec<Change> {
    let explained: HashSet<&str> = changes.iter().flat_map(|(_, entry)| ancestors(&entry.path)).collect();
    let mut told: Vec<_> = changes
        .iter()
        .filter(|(_, entry)| !entry.is_directory() || !explained.contains(entry.path.as_str()))
        .map(|(kind, entry)| Change {
            path: entry.path.clone(),
            kind: *kind,
        })
        .collect();
    told.sort();
    told
}

fn deleted(gone: &[Element], today: &[(Element, &Entry)]) -> Vec<DeletedIn> {
    if gone.is_empty() {
        return Vec::new();
    }
    let directories = directories(today);
    let place = |element: &Element| directories.get(&element.directory()).copied();
    // Files below a directory that is gone explain why the directory is.
    let explained = gone
        .iter()
        .any(|element| !element.is_directory() && place(element).is_none());
    let mut counts: BTreeMap<Option<&str>, usize> = BTreeMap::new();
    for element in gone {
        let place = place(element);
        if !element.is_directory() || !explained && place.is_some() {
            *counts.entry(place).or_default() += 1;
        }
    }
    let told = counts.into_iter().map(|(directory, count)| DeletedIn {
        directory: directory.map(str::to_owned),
        count,
    });
    told.collect()
}

/// Every directory of today by its id.
fn directories<'a>(today: &[(Element, &'a Entry)]) -> HashMap<DirectoryId, &'a str> {
    let mut known = HashSet::from([""]);
    for (_, entry) in today {
        let mut directory = if entry.is_directory() {
            entry.path.as_str()
        } else {
            parent(&entry.path)
        };
        while known.insert(directory) {
            directory = parent(directory);
        }
    }
    known.into_iter().map(|path| (directory_id(path), path)).collect()
}

/// The directories above a path.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(at, _)| &path[..at])
}
