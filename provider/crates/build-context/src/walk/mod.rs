//! From a directory to a snapshot.
//!
//! Responsible for one pass over a context: directories are tasks that run on all cores, the ignore rules are applied
//! while names are listed so that excluded directories are not even opened, and whatever goes wrong with an entry is
//! collected and reported together. Tasks are queued, never nested, so that no tree is too deep for the stack; large
//! files come last, one after the other, each on all cores.
//!
//! Refuses to follow symbolic links inside the context and to skip anything that was not excluded.

mod arrange;
mod disk;
mod folder;
mod hash;
mod ignored;
mod names;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::fstat;
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::beneath::{Seen, is_replaced, open_root, split};
use crate::entry::Entry;
use crate::error::{ContextError, EntryProblem, EntryProblems, ProblemKind};
use crate::ignore::IgnoreRules;
use crate::selection::{Plan, Selection, resolve};
use crate::snapshot::{Snapshot, Warning};
use crate::source_file::absolute;
use crate::stat_cache::{Lesson, RootCache, RootKey, StatCache, is_local};
use arrange::{Finds, Found, arrange};
use disk::Disk;
use folder::Visit;
use hash::{Hashed, LargeFile, Trouble, hash_large_files};
pub use ignored::{Ignored, explain_ignored};
pub(crate) use names::Names;

/// Reads what `selection` selects of the context at `root`, without what `rules` exclude. Files that `cache` knows are
/// not opened. Blocks; ends soon after `cancel` is cancelled.
///
/// # Errors
/// [`ContextError::ContextMissing`], [`ContextError::ContextNotADirectory`] and [`ContextError::ContextUnreadable`]
/// with the absolute path; [`ContextError::Entries`] with everything selected that cannot be sent;
/// [`ContextError::IgnorePattern`] for a pattern that turns out to be invalid; [`ContextError::Cancelled`].
pub fn walk(
    root: &Path,
    rules: &IgnoreRules,
    selection: &Selection,
    cache: &StatCache,
    cancel: &CancellationToken,
) -> Result<Snapshot, ContextError> {
    let (root, seen) = resolve_root(root)?;
    let plan = resolve(selection, &mut Disk::new(&root, rules, cancel))?;
    let known = cache.root(RootKey {
        path: root.clone(),
        device: seen.device,
        inode: seen.inode(),
    });
    if let Some(known) = &known {
        known.begin();
    }
    let walker = Walker::new(&root, rules, cancel, &plan, known.as_deref());
    rayon::scope(|scope| walker.visit(scope, Visit::of_root(&plan)));
    walker.read_large_files();
    if let Some(known) = &known {
        cache.learn(known, std::mem::take(&mut *lock(&walker.lessons)));
    }
    walker.finish()
}

/// The absolute path of the context, without symbolic links.
fn resolve_root(root: &Path) -> Result<(PathBuf, Seen), ContextError> {
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
    match open_root(&resolved).and_then(|root| fstat(&root)) {
        Ok(stat) => Ok((resolved, Seen::of(&stat))),
        Err(Errno::NOTDIR) => Err(ContextError::ContextNotADirectory { path }),
        Err(errno) => Err(ContextError::ContextUnreadable {
            path,
            source: errno.into(),
        }),
    }
}

/// What all tasks of one walk share.
#[derive(Debug)]
struct Walker<'w> {
    root: &'w Path,
    rules: &'w IgnoreRules,
    cancel: &'w CancellationToken,
    plan: &'w Plan,
    known: Option<&'w RootCache>,
    /// Directories that got a number so far; the root is 0.
    folders: AtomicUsize,
    stopped: AtomicBool,
    found: Mutex<Vec<Finds>>,
    large: Mutex<Vec<LargeFile>>,
    lessons: Mutex<Vec<Lesson>>,
    /// Which devices may be remembered.
    devices: Mutex<Vec<(u64, bool)>>,
    problems: Mutex<Vec<EntryProblem>>,
    warnings: Mutex<Vec<Warning>>,
    invalid: Mutex<Option<ContextError>>,
}

impl<'w> Walker<'w> {
    fn new(
        root: &'w Path,
        rules: &'w IgnoreRules,
        cancel: &'w CancellationToken,
        plan: &'w Plan,
        known: Option<&'w RootCache>,
    ) -> Self {
        Self {
            root,
            rules,
            cancel,
            plan,
            known,
            folders: AtomicUsize::new(1),
            stopped: AtomicBool::new(false),
            found: Mutex::default(),
            large: Mutex::default(),
            lessons: Mutex::default(),
            devices: Mutex::default(),
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

    /// Whether what is read from an open file may be remembered.
    fn may_remember(&self, hashed: &Hashed) -> bool {
        let device = hashed.seen.device;
        let mut devices = lock(&self.devices);
        if let Some((_, local)) = devices.iter().find(|(known, _)| *known == device) {
            return *local;
        }
        let local = is_local(&hashed.file);
        devices.push((device, local));
        local
    }

    fn read_large_files(&self) {
        let files = std::mem::take(&mut *lock(&self.large));
        hash_large_files(self.root, files, self.cancel, |file, hashed| match hashed {
            Ok(hashed) => {
                let (folder, name) = split(file.path.as_bytes());
                lock(&self.lessons).extend(self.to_remember(name, &hashed).map(|fresh| Lesson {
                    folder: folder.into(),
                    fresh: vec![fresh],
                    listed: None,
                }));
                let entry = Entry {
                    path: file.path,
                    kind: hashed.kind(),
                    mtime_ns: hashed.seen.mtime_ns,
                };
                let place = file.place;
                lock(&self.found).push(Finds {
                    folder: file.folder,
                    mtime_ns: None,
                    list: vec![Found::Leaf { place, entry }],
                });
            }
            Err(trouble) => self.trouble(file.path.as_bytes(), trouble),
        });
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

/// Whether an excluded directory may be left alone although something below it might be included, as BuildKit does.
fn is_out_of_reach(errno: Errno) -> bool {
    errno == Errno::ACCESS || is_replaced(errno)
}

/// A task that panicked has been reported by the pool; what it shared is still whole.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(shared: Mutex<T>) -> T {
    shared.into_inner().unwrap_or_else(PoisonError::into_inner)
}
