//! Puts what the tasks found into the order of BuildKit's file sync.
//!
//! Depth first, the names of each directory sorted by their bytes, a directory before what it holds. A directory that
//! is excluded itself appears only if something below it does. Works without recursion, for trees of any depth.

use crate::entry::Entry;

/// Something that a task found in a directory.
#[derive(Debug)]
pub(super) enum Found {
    /// An entry that holds no others.
    Leaf(Entry),
    /// A directory, by its number.
    Folder {
        entry: Entry,
        number: usize,
        /// It is excluded: it counts only with something below it.
        excluded: bool,
    },
}

impl Found {
    fn entry(&self) -> &Entry {
        match self {
            Self::Leaf(entry) | Self::Folder { entry, .. } => entry,
        }
    }
}

/// All entries in order; `found` lists finds by the number of their directory, the root being 0 of `folders`.
pub(super) fn arrange(folders: usize, found: Vec<(usize, Vec<Found>)>) -> Vec<Entry> {
    let total = found.iter().map(|(_, finds)| finds.len()).sum();
    let mut children: Vec<Vec<Found>> = Vec::new();
    children.resize_with(folders, Vec::new);
    for (folder, finds) in found {
        children[folder].extend(finds);
    }
    let mut entries: Vec<Entry> = Vec::with_capacity(total);
    let mut open = vec![OpenFolder::new(std::mem::take(&mut children[0]), None)];
    while let Some(folder) = open.last_mut() {
        match folder.left.next() {
            Some(Found::Leaf(entry)) => entries.push(entry),
            Some(Found::Folder {
                entry,
                number,
                excluded,
            }) => {
                let removable = excluded.then_some(entries.len());
                entries.push(entry);
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
    /// Paths of one directory share all but the name, so comparing paths compares names.
    fn new(mut finds: Vec<Found>, removable: Option<usize>) -> Self {
        finds.sort_unstable_by(|one, other| one.entry().path.cmp(&other.entry().path));
        Self {
            left: finds.into_iter(),
            removable,
        }
    }
}
