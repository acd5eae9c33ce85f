//! Changed files as a person reads them: how many, and at most ten names, the most telling ones first.
//!
//! An edit says more than a new file, a file of one's own more than a lock file, a file near the top more than one deep
//! down.

use std::cmp::Reverse;
use std::fmt;

use fastcontainer_build_context::{Change, ChangeKind, ChangedDirectories, DeletedIn, Difference};

use super::reason::{NAMES_SHOWN, and, on_one_line};

/// Names of files that tools write.
const LOCK_FILES: [&str; 5] = [".lock", "-lock.json", "-lock.yaml", "lock.hcl", "go.sum"];

/// Files that changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileChanges {
    /// Those with names, most telling first.
    named: Vec<Change>,
    /// Those that are gone and have no name any more.
    deleted: Vec<DeletedIn>,
}

impl FileChanges {
    /// Puts the most telling changes first.
    #[must_use]
    pub fn new(mut named: Vec<Change>, mut deleted: Vec<DeletedIn>) -> Self {
        named.sort_by_cached_key(telling);
        deleted.sort_by_key(|deleted| (Reverse(deleted.count), deleted.directory.clone()));
        Self { named, deleted }
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.deleted.is_empty()
    }

    /// How many files changed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.named.len() + self.deleted.iter().map(|deleted| deleted.count).sum::<usize>()
    }
}

impl From<Vec<Change>> for FileChanges {
    fn from(changes: Vec<Change>) -> Self {
        Self::new(changes, Vec::new())
    }
}

impl From<Difference> for FileChanges {
    fn from(Difference { changes, deleted }: Difference) -> Self {
        Self::new(changes, deleted)
    }
}

/// Sorts by what happened, who writes the file, how deep it lies, and its path.
fn telling(change: &Change) -> (usize, bool, usize, String) {
    let happened = match change.kind {
        ChangeKind::Modified => 0,
        ChangeKind::Added => 1,
        ChangeKind::Deleted => 2,
        ChangeKind::Retargeted => 3,
        ChangeKind::ModeChanged => 4,
    };
    let lock_file = LOCK_FILES.iter().any(|end| change.path.ends_with(end));
    let depth = change.path.matches('/').count();
    (happened, lock_file, depth, change.path.clone())
}

impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.len();
        let named = self
            .named
            .iter()
            .map(|change| (1, format!("{} {}", on_one_line(&change.path), verb(change.kind))));
        let deleted = self.deleted.iter().map(|deleted| (deleted.count, gone(deleted)));
        let shown: Vec<_> = named.chain(deleted).take(NAMES_SHOWN).collect();
        let more = count - shown.iter().map(|(count, _)| count).sum::<usize>();
        let noun = if count == 1 { "file" } else { "files" };
        let texts: Vec<_> = shown.into_iter().map(|(_, text)| text).collect();
        write!(f, "{count} {noun} changed: {}", texts.join(", "))?;
        match more {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn verb(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Added => "added",
        ChangeKind::Modified => "modified",
        ChangeKind::Deleted => "deleted",
        ChangeKind::ModeChanged => "mode changed",
        ChangeKind::Retargeted => "link retargeted",
    }
}

fn gone(deleted: &DeletedIn) -> String {
    let count = deleted.count;
    match deleted.directory.as_deref() {
        Some("") => format!("{count} deleted at the top of the context"),
        Some(directory) => format!("{count} deleted in {}", on_one_line(directory)),
        None => format!("{count} deleted with their directories"),
    }
}

/// Where files changed that are too many to be named: ` under src/ and lib/`; empty when it is not known.
pub(super) fn places(changed: &ChangedDirectories) -> String {
    let shown = changed.names.iter().take(NAMES_SHOWN);
    let mut places: Vec<_> = shown.map(|name| format!("{}/", on_one_line(name))).collect();
    if let Some(first) = places.first_mut() {
        first.insert_str(0, "under ");
    }
    if changed.others || changed.names.len() > NAMES_SHOWN {
        places.push("in other directories".to_owned());
    }
    if changed.top {
        places.push("at the top of the context".to_owned());
    }
    and(&places)
}
