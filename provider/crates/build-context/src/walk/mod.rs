//! From a directory to a snapshot.
//!
//! Responsible for one pass over a context: directories are tasks that run on all cores, the ignore rules are applied
//! while names are listed so that excluded directories are not even opened, and whatever goes wrong with an entry is
//! collected and reported together. Tasks are queued, never nested, so that no tree is too deep for the stack; large
//! files come last, one after the other, each on all cores.
//!
//! Refuses to follow symbolic links inside the context and to skip anything that was not excluded.

mod arrange;
mod folder;
mod hash;
mod names;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::beneath::{open_folder_at, open_root, split};
use crate::entry::Entry;
use crate::error::{ContextError, EntryProblem, EntryProblems, ProblemKind};
use crate::ignore::IgnoreRules;
use crate::snapshot::{Snapshot, Warning};
use crate::source_file::absolute;
use arrange::{Found, arrange};
use folder::Visit;
use hash::{Hashed, Trouble, hash_on_all_cores};

/// Reads the context at `root` without what `rules` exclude. Blocks; ends soon after `cancel` is cancelled.
///
/// # Errors
/// [`ContextError::ContextMissing`], [`ContextError::ContextNotADirectory`] and [`ContextError::ContextUnreadable`]
/// with the absolute path; [`ContextError::Entries`] with everything in it that cannot be sent;
/// [`ContextError::IgnorePattern`] for a pattern that turns out to be invalid; [`ContextError::Cancelled`].
pub fn walk(root: &Path, rules: &IgnoreRules, cancel: &CancellationToken) -> Result<Snapshot, ContextError> {
    let root = resolve(root)?;
    let walker = Walker::new(&root, rules, cancel);
    rayon::scope(|scope| walker.visit(scope, Visit::of_root()));
    walker.hash_large_files();
    walker.finish()
}

/// The absolute path of the context, without symbolic links.
fn resolve(root: &Path) -> Result<PathBuf, ContextError> {
    let path = absolute(root);
    let resolved = match path.canonicalize() {
        Ok(resolved) => resolved,
        Err(source) => {
            return Err(match source.kind() {
                std::io::ErrorKind::NotFound => ContextError::ContextMissing { path },
                std::io::ErrorKind::NotADirectory => ContextError::ContextNotADirectory { path },
                _ => ContextError::ContextUnreadable { path, source },
            });
        }
    };
    match open_root(&resolved) {
        Ok(_) => Ok(resolved),
        Err(Errno::NOTDIR) => Err(ContextError::ContextNotADirectory { path }),
        Err(errno) => Err(ContextError::ContextUnreadable {
            path,
            source: errno.into(),
        }),
    }
}

/// A file that is hashed after the walk.
#[derive(Debug)]
struct LargeFile {
    folder: usize,
    path: String,
}

/// What all tasks of one walk share.
#[derive(Debug)]
struct Walker<'w> {
    root: &'w Path,
    rules: &'w IgnoreRules,
    cancel: &'w CancellationToken,
    /// Directories that got a number so far; the root is 0.
    folders: AtomicUsize,
    stopped: AtomicBool,
    found: Mutex<Vec<(usize, Vec<Found>)>>,
    large: Mutex<Vec<LargeFile>>,
    problems: Mutex<Vec<EntryProblem>>,
    warnings: Mutex<Vec<Warning>>,
    invalid: Mutex<Option<ContextError>>,
}

impl<'w> Walker<'w> {
    fn new(root: &'w Path, rules: &'w IgnoreRules, cancel: &'w CancellationToken) -> Self {
        Self {
            root,
            rules,
            cancel,
            folders: AtomicUsize::new(1),
            stopped: AtomicBool::new(false),
            found: Mutex::default(),
            large: Mutex::default(),
            problems: Mutex::default(),
            warnings: Mutex::new(rules.warnings()),
            invalid: Mutex::default(),
        }
    }

    /// Whether there is no point in going on.
    fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.cancel.is_cancelled()
    }

    fn problem(&self, path: &[u8], kind: ProblemKind) {
        lock(&self.problems).push(EntryProblem {
            path: String::from_utf8_lossy(path).into_owned(),
            kind,
        });
    }

    /// An ignore pattern is invalid: nothing that was found can be trusted.
    fn stop(&self, error: ContextError) {
        self.stopped.store(true, Ordering::Relaxed);
        lock(&self.invalid).get_or_insert(error);
    }

    fn trouble(&self, path: &[u8], trouble: Trouble) {
        match trouble {
            Trouble::Problem(kind) => self.problem(path, kind),
            Trouble::Over => {}
        }
    }

    fn hash_large_files(&self) {
        for LargeFile { folder, path } in std::mem::take(&mut *lock(&self.large)) {
            if self.is_over() {
                return;
            }
            let (parent, name) = split(path.as_bytes());
            let hashed = open_folder_at(self.root, parent)
                .map_err(Trouble::from)
                .and_then(|parent| hash_on_all_cores(&parent, name, self.cancel));
            match hashed {
                Ok(Hashed { kind, mtime_ns }) => {
                    lock(&self.found).push((folder, vec![Found::Leaf(Entry { path, kind, mtime_ns })]));
                }
                Err(trouble) => self.trouble(path.as_bytes(), trouble),
            }
        }
    }

    fn finish(self) -> Result<Snapshot, ContextError> {
        if let Some(error) = take(self.invalid) {
            return Err(error);
        }
        if self.cancel.is_cancelled() {
            return Err(ContextError::Cancelled);
        }
        let mut problems = take(self.problems);
        if !problems.is_empty() {
            problems.sort_by(|one, other| one.path.cmp(&other.path));
            return Err(ContextError::Entries {
                root: self.root.to_owned(),
                problems: EntryProblems(problems),
            });
        }
        let entries = arrange(self.folders.into_inner(), take(self.found));
        let mut warnings = take(self.warnings);
        warnings.sort_by_cached_key(ToString::to_string);
        Ok(Snapshot::new(self.root.to_owned(), entries, warnings))
    }
}

/// A task that panicked has been reported by the pool; what it shared is still whole.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(shared: Mutex<T>) -> T {
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}
