//! Puts what the tasks found into the order of BuildKit's file sync.
//!
//! Depth first, the names of each directory sorted by their bytes, a directory before what it holds. A directory that
//! is excluded or not selected itself appears only if something below it does. Works without recursion, for trees of any depth.

use std::collections::BTreeSet;

use crate::entry::Entry;

/// Something that a task found in a directory.
#[derive(Debug)]
pub(super) enum Found {
    /// An entry that holds no others.
    Leaf { place: usize, entry: Entry },
    /// A directory, by its number.
    Folder {
        place: usize,
        /// Without its time, which its own task finds.
        entry: Entry,
        number: usize,
        /// It counts only with something below it.
        bare: bool,
    },
}

/// What one task found in one directory.
#[derive(Debug)]
pub(super) struct Finds {
    /// Number of the directory; the root is 0.
    pub(super) folder: usize,
    /// The directory's own time; none if another task finds it.
    pub(super) mtime_ns: Option<i64>,
    /// In order.
    pub(super) list: Vec<Found>,
}

impl Found {
    /// Its position among the sorted names of the directory.
    pub(super) fn place(&self) -> usize {
        match self {
            Self::Leaf { place, .. } | Self::Folder { place, .. } => *place,
        }
    }
}

/// All entries in order, of so many directories.
pub(super) fn arrange(folders: usize, found: Vec<Finds>) -> Vec<Entry> {
    let total = found.iter().map(|finds| finds.list.len()).sum();
    let mut children: Vec<Vec<Found>> = Vec::new();
    children.resize_with(folders, Vec::new);
    let mut times = vec![0; folders];
    let mut several = BTreeSet::new();
    for Finds {
        folder,
        mtime_ns,
        mut list,
    } in found
    {
        if let Some(mtime_ns) = mtime_ns {
            times[folder] = mtime_ns;
        }
        let known = &mut children[folder];
        if known.is_empty() {
            *known = list;
        } else {
            known.append(&mut list);
            several.insert(folder);
        }
    }
    // Each piece is in order; a stable sort merges such runs.
    for folder in several {
        children[folder].sort_by_key(Found::place);
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(total);
    let mut open = vec![OpenFolder::new(std::mem::take(&mut children[0]), None)];
    while let Some(folder) = open.last_mut() {
        match folder.left.next() {
            Some(Found::Leaf { entry, .. }) => entries.push(entry),
            Some(Found::Folder {
                entry, number, bare, ..
            }) => {
                let removable = bare.then_some(entries.len());
                entries.push(Entry {
                    mtime_ns: times[number],
                    ..entry
                });
                open.push(OpenFolder::new(std::mem::take(&mut children[number]), removable));
            }
            None => {
                if folder.removable.is_some_and(|at| at + 1 == entries.len()) {
                    entries.pop();
                }
                open.pop();
            }
        }
    }
    entries
}

/// A directory whose finds are being listed.
struct OpenFolder {
    left: std::vec::IntoIter<Found>,
    /// The index of its entry, to be removed if nothing follows it.
    removable: Option<usize>,
}

impl OpenFolder {
    fn new(finds: Vec<Found>, removable: Option<usize>) -> Self {
        Self {
            left: finds.into_iter(),
            removable,
        }
    }
}
