//! The entries of a snapshot as a tree.
//!
//! Responsible for resolving a selection, and for listing what it covers, without looking at the disk again. Entries
//! are depth first with the names of each directory in order, so a path is found by bisection, and what is not covered
//! is skipped in one step.

use std::cmp::Ordering;
use std::convert::Infallible;

use crate::beneath::{join, split};
use crate::entry::{Entry, EntryKind};
use crate::selection::{Coverage, Kind, Plan, View};

/// A list of entries in the order of a snapshot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory<'m>(&'m [Entry]);

impl<'m> Memory<'m> {
    pub(crate) fn new(entries: &'m [Entry]) -> Self {
        Self(entries)
    }

    /// The entries that the plan covers. A directory that is not selected itself appears only with something below it.
    pub(crate) fn covered(self, plan: &Plan) -> Vec<&'m Entry> {
        let mut covered: Vec<&Entry> = Vec::new();
        let mut open: Vec<Open<'m>> = vec![Open {
            path: "",
            coverage: plan.root(),
            bare: None,
        }];
        let mut at = 0;
        while let Some(entry) = self.0.get(at) {
            while let Some(folder) = open.pop_if(|folder| !is_below(&entry.path, folder.path)) {
                folder.close(&mut covered);
            }
            at += 1;
            let Some((selected, coverage)) = open
                .last()
                .and_then(|folder| plan.below(&folder.coverage, entry.path.as_bytes()))
            else {
                if entry.is_directory() {
                    at = self.after(entry.path.as_bytes());
                }
                continue;
            };
            if selected || entry.is_directory() {
                covered.push(entry);
            }
            if entry.is_directory() {
                open.push(Open {
                    path: &entry.path,
                    coverage,
                    bare: (!selected).then_some(covered.len()),
                });
            }
        }
        while let Some(folder) = open.pop() {
            folder.close(&mut covered);
        }
        covered
    }

    fn find(self, path: &[u8]) -> Option<&'m Entry> {
        let at = self.0.binary_search_by(|entry| order(entry.path.as_bytes(), path));
        at.ok().map(|at| &self.0[at])
    }

    /// The index of the first entry that is behind everything below `folder`.
    fn after(self, folder: &[u8]) -> usize {
        self.0.partition_point(|entry| {
            let path = entry.path.as_bytes();
            is_below_bytes(path, folder) || order(path, folder) != Ordering::Greater
        })
    }
}

/// A directory whose entries are being looked at.
struct Open<'m> {
    path: &'m str,
    coverage: Coverage,
    /// The number of entries up to it, if it is to be removed when nothing follows.
    bare: Option<usize>,
}

impl Open<'_> {
    fn close(self, covered: &mut Vec<&Entry>) {
        if self.bare == Some(covered.len()) {
            covered.pop();
        }
    }
}

impl View for Memory<'_> {
    type Error = Infallible;

    fn look_up(&mut self, folder: &[u8], name: &[u8]) -> Result<Option<Kind>, Infallible> {
        Ok(self.find(&join(folder, name)).map(kind))
    }

    fn list(&mut self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Kind)>, Infallible> {
        let mut names = Vec::new();
        let mut at = self
            .0
            .partition_point(|entry| !folder.is_empty() && order(entry.path.as_bytes(), folder) != Ordering::Greater);
        while let Some(entry) = self
            .0
            .get(at)
            .filter(|entry| is_below_bytes(entry.path.as_bytes(), folder))
        {
            names.push((split(entry.path.as_bytes()).1.to_vec(), kind(entry)));
            at = if entry.is_directory() {
                self.after(entry.path.as_bytes())
            } else {
                at + 1
            };
        }
        Ok(names)
    }
}

fn kind(entry: &Entry) -> Kind {
    match &entry.kind {
        EntryKind::Directory => Kind::Directory,
        EntryKind::Symlink { target } => Kind::Link(target.clone().into_bytes()),
        EntryKind::File { .. } => Kind::File,
    }
}

/// The order of a snapshot: names are compared one by one, so `/` comes before every other byte.
fn order(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { u16::from(*byte) + 1 };
    one.iter().map(rank).cmp(other.iter().map(rank))
}

fn is_below(path: &str, folder: &str) -> bool {
    is_below_bytes(path.as_bytes(), folder.as_bytes())
}

fn is_below_bytes(path: &[u8], folder: &[u8]) -> bool {
    folder.is_empty()
        || path
            .strip_prefix(folder)
            .is_some_and(|rest| rest.first() == Some(&b'/'))
}
