//! The content of files that nobody touched since it was last read.
//!
//! Responsible for the one shortcut of a walk: a file whose size, times, inode, device and mode are those of a file that
//! was read before holds the same bytes, so it is not opened. The time of the last status change, which no program can
//! set, is among them, so that an edit with restored times is seen.
//!
//! Only what cannot be wrong is remembered. A file that was touched within the granularity of its time stamps could
//! change again without a trace; such a file is read only after it has rested, and one whose times lie in the future
//! is not remembered. File systems whose stamps come from another machine's clock or from a program (network, FUSE) are
//! not remembered at all. What remains is what git and make share: stores through a memory mapping that stays open.
//!
//! Refuses to fail or to stop its caller: without its directory, the cache lives as long as the process.

mod directory;
mod root;
mod trust;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub(crate) use directory::{Directory, Fresh};
pub(crate) use root::{Lesson, RootCache, RootKey};
pub(crate) use trust::{Clock, is_local};

use crate::shelf::{Bounds, Shelf};

const EXTENSION: &str = "stat-1";
const BOUNDS: Bounds = Bounds {
    files: 2000,
    bytes: 512 << 20,
};
/// So many new files are written down without being asked, at most this often.
const PATIENCE: (usize, Duration) = (5000, Duration::from_secs(10));

/// What is known of files from earlier walks; shared by all walks of a process and kept for later ones.
#[derive(Debug, Clone)]
pub struct StatCache(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    shelf: Shelf,
    roots: Mutex<HashMap<RootKey, Arc<OnceLock<Arc<RootCache>>>>>,
}

impl StatCache {
    /// A cache in `directory`, which is created when there is something to write.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(Some(Arc::new(Inner {
            shelf: Shelf::new(directory.into(), EXTENSION, BOUNDS),
            roots: Mutex::default(),
        })))
    }

    /// No cache: every file is read.
    #[must_use]
    pub fn disabled() -> Self {
        Self(None)
    }

    /// Writes what is new. Blocks. A cache also writes by itself after much has been learned, and when its last clone
    /// goes out of scope.
    pub fn persist(&self) {
        if let Some(inner) = &self.0 {
            inner.persist();
        }
    }

    /// What is known of a context.
    pub(crate) fn root(&self, key: RootKey) -> Option<Arc<RootCache>> {
        let inner = self.0.as_ref()?;
        let place = {
            let mut roots = inner.roots.lock().unwrap_or_else(PoisonError::into_inner);
            roots.entry(key.clone()).or_default().clone()
        };
        Some(
            place
                .get_or_init(|| Arc::new(RootCache::open(key, &inner.shelf)))
                .clone(),
        )
    }

    /// Remembers what a walk found out about a context.
    pub(crate) fn learn(&self, root: &RootCache, lessons: Vec<Lesson>) {
        let Some(inner) = &self.0 else { return };
        if !lessons.is_empty() && root.learn(lessons, PATIENCE) {
            inner.save(root);
        }
    }
}

impl Inner {
    fn persist(&self) {
        let roots: Vec<_> = {
            let roots = self.roots.lock().unwrap_or_else(PoisonError::into_inner);
            roots.values().filter_map(|root| root.get().cloned()).collect()
        };
        let mut written = false;
        for root in roots {
            written |= self.save(&root);
        }
        if written {
            self.shelf.prune();
        }
    }

    fn save(&self, root: &RootCache) -> bool {
        root.save(&self.shelf).unwrap_or_else(|error| {
            tracing::debug!(context = %root.path().display(), %error, "the stat cache could not be written");
            false
        })
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.persist();
    }
}
