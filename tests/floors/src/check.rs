//! Our side: what a provider does with a context directory to know its fingerprint.
//!
//! Ignore file, walk and digest; the whole context is selected, so that it is the tree that the floors go through.

use std::path::Path;

use fastcontainer_build_context::{
    ContextDigest, ContextError, EntryKind, Selection, Snapshot, StatCache, find_ignore_file, walk,
};
use tokio_util::sync::CancellationToken;

/// The digest of everything in `tree`.
pub(crate) fn check(tree: &Path, cache: &StatCache) -> Result<ContextDigest, ContextError> {
    Ok(snapshot(tree, cache)?.digest())
}

/// How many files and symbolic links a check covers.
pub(crate) fn files(tree: &Path, cache: &StatCache) -> Result<usize, ContextError> {
    let snapshot = snapshot(tree, cache)?;
    let folder = |kind: &EntryKind| matches!(kind, EntryKind::Directory);
    Ok(snapshot.entries().iter().filter(|entry| !folder(&entry.kind)).count())
}

fn snapshot(tree: &Path, cache: &StatCache) -> Result<Snapshot, ContextError> {
    let rules = find_ignore_file(tree, None)?;
    walk(tree, &rules, &Selection::whole(), cache, &CancellationToken::new())
}
