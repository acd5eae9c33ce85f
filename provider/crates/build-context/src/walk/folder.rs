//! One directory of the walk: list it, decide about each name, queue what is below.
//!
//! Responsible for the descriptors that directories hold open while their subdirectories wait. They are what keeps the
//! walk inside the context even if somebody renames directories meanwhile, but there must not be too many of them:
//! beyond a limit a subdirectory is found again from the root, name by name.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::Scope;
use rustix::fs::{AtFlags, FileType, readlinkat, statat};
use rustix::io::Errno;

use super::arrange::Found;
use super::hash::{Hashed, Trouble, hash_file, is_large, problem_of};
use super::names::{Name, differing_only_by_case, list};
use super::{LargeFile, Walker, lock};
use crate::beneath::{Seen, is_replaced, open_folder, open_folder_at, split};
use crate::entry::{Entry, EntryKind};
use crate::error::ProblemKind;
use crate::ignore::Verdict;

/// Directories that all walks of this process may hold open, beside one for each core.
const HELD: usize = 256;
/// Names that are looked at between two looks at the cancellation.
const NAMES: usize = 256;
/// Files that one task hashes.
const FILES: usize = 64;

/// A directory that waits for its turn.
pub(super) struct Visit {
    number: usize,
    path: Vec<u8>,
    verdict: Option<Verdict>,
    parent: Option<Arc<Held>>,
}

/// An open directory, counted.
pub(super) struct Held {
    descriptor: OwnedFd,
}

static HELD_NOW: AtomicUsize = AtomicUsize::new(0);

impl Held {
    fn new(descriptor: OwnedFd) -> Self {
        HELD_NOW.fetch_add(1, Ordering::Relaxed);
        Self { descriptor }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD_NOW.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What was decided about the names of a directory.
#[derive(Default)]
struct Sorted {
    files: Vec<Vec<u8>>,
    folders: Vec<(Vec<u8>, Verdict)>,
}

impl Visit {
    pub(super) fn of_root() -> Self {
        Self {
            number: 0,
            path: Vec::new(),
            verdict: None,
            parent: None,
        }
    }

    fn is_excluded(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.excluded)
    }
}

impl Walker<'_> {
    pub(super) fn visit<'s>(&'s self, scope: &Scope<'s>, visit: Visit) {
        if self.is_over() {
            return;
        }
        let listed = self
            .open(&visit)
            .and_then(|held| list(held.descriptor.as_fd(), self.cancel).map(|names| (held, names)));
        let (held, names) = match listed {
            Ok(listed) => listed,
            Err(errno) if visit.is_excluded() && is_out_of_reach(errno) => return,
            Err(errno) => return self.problem(&visit.path, problem_of(errno)),
        };
        let sorted = self.sort(&visit, names);
        let held = Arc::new(held);
        self.queue_folders(scope, visit.number, &held, sorted.folders);
        let mut rest = sorted.files;
        while rest.len() > FILES {
            let (files, held, number) = (rest.split_off(rest.len() - FILES), held.clone(), visit.number);
            scope.spawn(move |_| self.read_files(held.descriptor.as_fd(), number, files));
        }
        self.read_files(held.descriptor.as_fd(), visit.number, rest);
    }

    fn open(&self, visit: &Visit) -> Result<Held, Errno> {
        let descriptor = match &visit.parent {
            Some(parent) => open_folder(&parent.descriptor, split(&visit.path).1),
            None => open_folder_at(self.root, &visit.path),
        }?;
        Ok(Held::new(descriptor))
    }

    /// Decides which names count and which directories must be walked.
    fn sort(&self, visit: &Visit, names: Vec<Name>) -> Sorted {
        let mut sorted = Sorted::default();
        let mut kept = Vec::new();
        for (at, Name { name, file_type }) in names.into_iter().enumerate() {
            if at % NAMES == 0 && self.is_over() {
                break;
            }
            let path = join(&visit.path, &name);
            let verdict = match self.rules.judge(&path, visit.verdict.as_ref()) {
                Ok(verdict) => verdict,
                Err(error) => {
                    self.stop(error);
                    return Sorted::default();
                }
            };
            if !verdict.excluded {
                kept.push(name);
            }
            match (file_type == FileType::Directory, verdict.excluded) {
                (true, true) if !self.rules.may_include_below(&path) => {}
                (true, _) => sorted.folders.push((path, verdict)),
                (false, true) => {}
                (false, false) => sorted.files.push(path),
            }
        }
        let warnings = differing_only_by_case(&visit.path, &kept);
        if !warnings.is_empty() {
            lock(&self.warnings).extend(warnings);
        }
        sorted
    }

    fn queue_folders<'s>(
        &'s self,
        scope: &Scope<'s>,
        parent: usize,
        held: &Arc<Held>,
        folders: Vec<(Vec<u8>, Verdict)>,
    ) {
        let mut found = Vec::with_capacity(folders.len());
        for (path, verdict) in folders {
            if self.is_over() {
                return;
            }
            if !self.utf8(&path, verdict.excluded) {
                continue;
            }
            let mtime_ns = match statat(&held.descriptor, split(&path).1, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Seen::of(&stat).mtime_ns,
                Err(errno) if verdict.excluded && is_out_of_reach(errno) => continue,
                Err(errno) => {
                    self.problem(&path, problem_of(errno));
                    continue;
                }
            };
            let number = self.folders.fetch_add(1, Ordering::Relaxed);
            let entry = Entry {
                path: text(&path),
                kind: EntryKind::Directory,
                mtime_ns,
            };
            found.push(Found::Folder {
                entry,
                number,
                excluded: verdict.excluded,
            });
            let keep = HELD_NOW.load(Ordering::Relaxed) < HELD;
            let visit = Visit {
                number,
                path,
                verdict: Some(verdict),
                parent: keep.then(|| held.clone()),
            };
            scope.spawn(move |scope| self.visit(scope, visit));
        }
        lock(&self.found).push((parent, found));
    }

    /// Whether the path can be sent. An excluded directory is not sent itself, so nothing is wrong with it yet.
    fn utf8(&self, path: &[u8], excluded: bool) -> bool {
        let valid = excluded || std::str::from_utf8(path).is_ok();
        if !valid {
            self.problem(path, ProblemKind::NotUtf8);
        }
        valid
    }

    fn read_files(&self, folder: BorrowedFd<'_>, number: usize, files: Vec<Vec<u8>>) {
        let mut found = Vec::with_capacity(files.len());
        for path in files {
            if self.is_over() {
                return;
            }
            if !self.utf8(&path, false) {
                continue;
            }
            match self.read(folder, split(&path).1) {
                Ok(Some(Hashed { kind, mtime_ns })) => found.push(Found::Leaf(Entry {
                    path: text(&path),
                    kind,
                    mtime_ns,
                })),
                Ok(None) => lock(&self.large).push(LargeFile {
                    folder: number,
                    path: text(&path),
                }),
                Err(trouble) => self.trouble(&path, trouble),
            }
        }
        lock(&self.found).push((number, found));
    }

    /// Reads one name that is no directory; none if it is a file to be read later.
    fn read(&self, folder: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Hashed>, Trouble> {
        let seen = Seen::of(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?);
        match seen.file_type() {
            FileType::RegularFile if is_large(&seen) => Ok(None),
            FileType::RegularFile => hash_file(folder, name, self.cancel).map(Some),
            FileType::Symlink => {
                let target = readlinkat(folder, name, Vec::new())?.into_string();
                let target = target.map_err(|_| Trouble::Problem(ProblemKind::NotUtf8))?;
                Ok(Some(Hashed {
                    kind: EntryKind::Symlink { target },
                    mtime_ns: seen.mtime_ns,
                }))
            }
            other => Err(Trouble::Problem(special(other))),
        }
    }
}

/// Whether an excluded directory may be left alone although something below it might be included, as BuildKit does.
fn is_out_of_reach(errno: Errno) -> bool {
    errno == Errno::ACCESS || is_replaced(errno)
}

fn special(file_type: FileType) -> ProblemKind {
    ProblemKind::Special(match file_type {
        FileType::Socket => "socket",
        FileType::Fifo => "FIFO",
        FileType::CharacterDevice => "character device",
        FileType::BlockDevice => "block device",
        FileType::Directory => return ProblemKind::KeepsChanging,
        _ => "special file",
    })
}

pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        name.to_vec()
    } else {
        [folder, b"/", name].concat()
    }
}

/// The path as text. Only a directory that is excluded and holds nothing that is sent can lose bytes here.
fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
