//! Throw-away build contexts for the tests of this crate.
//!
//! Responsible for making trees out of short literals and for looking at what a walk makes of them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use fastcontainer_build_context::{
    ContextDigest, ContextError, Entry, IgnoreRules, Selection, Snapshot, StatCache, walk,
};
use tokio_util::sync::CancellationToken;

/// A directory that is removed at the end of the test.
pub(crate) struct Tree(tempfile::TempDir);

impl Tree {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A tree of files that hold their own path; a name that ends in `/` is an empty directory.
    pub(crate) fn of(paths: &[&str]) -> Self {
        let tree = Self::new();
        for path in paths {
            match path.strip_suffix('/') {
                Some(folder) => fs::create_dir_all(tree.path(folder)).unwrap(),
                None => tree.write(path, path),
            }
        }
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        symlink(target, self.path(path)).unwrap();
    }

    pub(crate) fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn walk(&self) -> Result<Snapshot, ContextError> {
        self.walk_ignoring("")
    }

    pub(crate) fn walk_ignoring(&self, patterns: &str) -> Result<Snapshot, ContextError> {
        let rules = IgnoreRules::parse(".dockerignore", patterns.as_bytes())?;
        walk(
            self.root(),
            &rules,
            &Selection::whole(),
            &StatCache::disabled(),
            &CancellationToken::new(),
        )
    }

    pub(crate) fn digest(&self) -> ContextDigest {
        self.walk().unwrap().digest()
    }
}

pub(crate) fn paths(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.entries().iter().map(|entry| entry.path.as_str()).collect()
}

pub(crate) fn entry<'s>(snapshot: &'s Snapshot, path: &str) -> &'s Entry {
    snapshot.entries().iter().find(|entry| entry.path == path).unwrap()
}
