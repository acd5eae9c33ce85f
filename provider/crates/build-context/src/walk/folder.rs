//! One directory of the walk: list it, decide about each name, queue what is below.
//!
//! Responsible for the descriptors that directories hold open while their subdirectories wait. They are what keeps the
//! walk inside the context even if somebody renames directories meanwhile, but there must not be too many of them:
//! beyond a limit a subdirectory is found again from the root, name by name.

use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::Scope;
use rustix::fs::{AtFlags, FileType, fstat, readlinkat, statat};
use rustix::io::Errno;

use super::arrange::{Finds, Found};
use super::hash::{Hashed, LargeFile, Trouble, file_kind, hash_file, problem_of};
use super::names::{Names, differing_only_by_case, list, look_up, may_fold};
use super::{Walker, is_out_of_reach, lock};
use crate::beneath::{Seen, join, open_folder, open_folder_at, split};
use crate::content::ContentId;
use crate::entry::{Entry, EntryKind};
use crate::error::ProblemKind;
use crate::ignore::Verdict;
use crate::selection::{Coverage, Plan};
use crate::stat_cache::{Directory, Fresh, Lesson};

/// Directories that all walks of this process may hold open, beside one for each core.
const HELD: usize = 256;
/// Names that are looked at between two looks at the cancellation.
const NAMES: usize = 256;
/// Files that are read between two looks at the cancellation: it takes a lock.
const LOOK: usize = 8;
/// Files that one task reads.
const FILES: usize = 256;

/// A directory that waits for its turn.
pub(super) struct Visit {
    number: usize,
    path: Vec<u8>,
    verdict: Option<Verdict>,
    coverage: Coverage,
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
    /// Places of the files among the names.
    files: Vec<usize>,
    folders: Vec<Below>,
}

/// A directory below the one that is visited.
struct Below {
    place: usize,
    path: Vec<u8>,
    verdict: Verdict,
    coverage: Coverage,
    /// It counts only with something below it.
    bare: bool,
}

/// The files of one directory, which several tasks share.
struct Files {
    number: usize,
    path: Vec<u8>,
    held: Arc<Held>,
    names: Arc<Names>,
    files: Vec<usize>,
    /// All names of the directory were listed.
    listed: bool,
    known: Option<Directory>,
}

/// What is known of a name that is no directory.
enum Leaf {
    Kind(EntryKind, i64),
    Hashed(Hashed),
    Large,
}

impl Sorted {
    /// In order.
    fn names_that_count<'n>(&self, names: &'n Names) -> Vec<&'n [u8]> {
        let folders = self.folders.iter().filter(|below| !below.bare);
        let mut places: Vec<usize> = folders
            .map(|below| below.place)
            .chain(self.files.iter().copied())
            .collect();
        places.sort_unstable();
        places.into_iter().map(|place| names.get(place).0).collect()
    }
}

impl Visit {
    pub(super) fn of_root(plan: &Plan) -> Self {
        Self {
            number: 0,
            path: Vec::new(),
            verdict: None,
            coverage: plan.root(),
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
        let listed = visit.coverage.needs_listing();
        let opened = self.open(&visit).and_then(|held| {
            let seen = Seen::of(&fstat(&held.descriptor)?);
            let names = if listed {
                list(held.descriptor.as_fd(), self.cancel)
            } else {
                look_up(held.descriptor.as_fd(), &self.plan.names(&visit.coverage))
            };
            names.map(|names| (held, seen.mtime_ns, names))
        });
        let (held, mtime_ns, names) = match opened {
            Ok(opened) => opened,
            Err(errno) if visit.is_excluded() && is_out_of_reach(errno) => return,
            Err(errno) => return self.problem(&visit.path, problem_of(errno)),
        };
        let Sorted { files, folders } = self.sort(&visit, &names);
        let held = Arc::new(held);
        let found = Finds {
            folder: visit.number,
            mtime_ns: Some(mtime_ns),
            list: self.queue_folders(scope, &held, folders),
        };
        if files.is_empty() {
            return lock(&self.found).push(found);
        }
        let files = Files {
            number: visit.number,
            known: self.known.and_then(|known| known.directory(&visit.path)),
            path: visit.path,
            held,
            names: Arc::new(names),
            files,
            listed,
        };
        self.queue_files(scope, files, found);
    }

    fn open(&self, visit: &Visit) -> Result<Held, Errno> {
        let descriptor = match &visit.parent {
            Some(parent) => open_folder(&parent.descriptor, split(&visit.path).1),
            None => open_folder_at(self.root, &visit.path),
        }?;
        Ok(Held::new(descriptor))
    }

    /// Decides which names count and which directories must be walked.
    fn sort(&self, visit: &Visit, names: &Names) -> Sorted {
        let mut sorted = Sorted::default();
        let mut folds = false;
        let mut path = visit.path.clone();
        for (at, (name, file_type)) in names.iter().enumerate() {
            if at % NAMES == 0 && self.is_over() {
                break;
            }
            set_name(&mut path, visit.path.len(), name);
            let Some((selected, coverage)) = self.plan.below(&visit.coverage, &path) else {
                continue;
            };
            let verdict = match self.rules.judge(&path, visit.verdict.as_ref()) {
                Ok(verdict) => verdict,
                Err(error) => {
                    self.stop(error);
                    return Sorted::default();
                }
            };
            let counts = !verdict.excluded && selected;
            folds |= counts && may_fold(name);
            if file_type == FileType::Directory {
                if !verdict.excluded || self.rules.may_include_below(&path) {
                    sorted.folders.push(Below {
                        place: at,
                        path: path.clone(),
                        bare: !counts,
                        verdict,
                        coverage,
                    });
                }
            } else if counts {
                sorted.files.push(at);
            }
        }
        if folds {
            let warnings = differing_only_by_case(&visit.path, &sorted.names_that_count(names));
            lock(&self.warnings).extend(warnings);
        }
        sorted
    }

    fn queue_folders<'s>(&'s self, scope: &Scope<'s>, held: &Arc<Held>, folders: Vec<Below>) -> Vec<Found> {
        let mut found = Vec::with_capacity(folders.len());
        for below in folders {
            if self.is_over() {
                break;
            }
            let Below {
                place,
                path,
                verdict,
                coverage,
                bare,
            } = below;
            if !self.utf8(&path, verdict.excluded) {
                continue;
            }
            let number = self.folders.fetch_add(1, Ordering::Relaxed);
            let entry = Entry {
                path: text(&path),
                kind: EntryKind::Directory,
                mtime_ns: 0,
            };
            found.push(Found::Folder {
                place,
                entry,
                number,
                bare,
            });
            let keep = HELD_NOW.load(Ordering::Relaxed) < HELD;
            let visit = Visit {
                number,
                path,
                verdict: Some(verdict),
                coverage,
                parent: keep.then(|| held.clone()),
            };
            scope.spawn(move |scope| self.visit(scope, visit));
        }
        found
    }

    /// Whether the path can be sent. An excluded directory is not sent itself, so nothing is wrong with it yet.
    fn utf8(&self, path: &[u8], excluded: bool) -> bool {
        let valid = excluded || std::str::from_utf8(path).is_ok();
        if !valid {
            self.problem(path, ProblemKind::NotUtf8);
        }
        valid
    }

    fn queue_files<'s>(&'s self, scope: &Scope<'s>, files: Files, found: Finds) {
        let count = files.files.len();
        if count <= FILES {
            return self.read_files(&files, 0..count, found);
        }
        let files = Arc::new(files);
        for start in (FILES..count).step_by(FILES) {
            let files = files.clone();
            let found = Finds {
                folder: files.number,
                mtime_ns: None,
                list: Vec::new(),
            };
            scope.spawn(move |_| self.read_files(&files, start..count.min(start + FILES), found));
        }
        self.read_files(&files, 0..FILES, found);
    }

    /// Reads some files of a directory, and adds them to what was found there.
    fn read_files(&self, files: &Files, range: Range<usize>, mut found: Finds) {
        let folders = found.list.len();
        found.list.reserve_exact(range.len());
        let mut fresh = Vec::new();
        let folder = std::str::from_utf8(&files.path).ok();
        let known = files.known.as_ref();
        let mut known = known.map(|known| known.lookup(files.names.get(files.files[range.start]).0));
        for (done, place) in files.files[range].iter().copied().enumerate() {
            if done % LOOK == 0 && self.is_over() {
                break;
            }
            let (name, file_type) = files.names.get(place);
            let Some(path) = folder.and_then(|folder| Some(text_of(folder, std::str::from_utf8(name).ok()?))) else {
                self.problem(&join(&files.path, name), ProblemKind::NotUtf8);
                continue;
            };
            let remembered = known.as_mut().and_then(|known| known.find(name));
            let (kind, mtime_ns) = match self.read(&files.held, name, file_type, remembered) {
                Ok(Leaf::Kind(kind, mtime_ns)) => (kind, mtime_ns),
                Ok(Leaf::Hashed(hashed)) => {
                    fresh.extend(self.to_remember(name, &hashed));
                    (hashed.kind(), hashed.seen.mtime_ns)
                }
                Ok(Leaf::Large) => {
                    let folder = files.number;
                    lock(&self.large).push(LargeFile { folder, place, path });
                    continue;
                }
                Err(trouble) => {
                    self.trouble(path.as_bytes(), trouble);
                    continue;
                }
            };
            let entry = Entry { path, kind, mtime_ns };
            found.list.push(Found::Leaf { place, entry });
        }
        if folders > 0 {
            found.list.sort_by_key(Found::place);
        }
        lock(&self.found).push(found);
        if !fresh.is_empty() {
            lock(&self.lessons).push(Lesson {
                folder: files.path.clone().into(),
                fresh,
                listed: files.listed.then(|| files.names.clone()),
            });
        }
    }

    /// Reads one name that is no directory, unless what is remembered of it still holds.
    fn read(
        &self,
        folder: &Held,
        name: &[u8],
        file_type: FileType,
        remembered: Option<(Seen, ContentId)>,
    ) -> Result<Leaf, Trouble> {
        let folder = &folder.descriptor;
        if file_type != FileType::RegularFile || remembered.is_some() {
            let seen = Seen::of(&statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?);
            match seen.file_type() {
                FileType::RegularFile => {
                    if let Some((_, content)) = remembered.filter(|(known, _)| *known == seen) {
                        return Ok(Leaf::Kind(file_kind(&seen, content), seen.mtime_ns));
                    }
                }
                FileType::Symlink => {
                    let target = readlinkat(folder, name, Vec::new())?.into_string();
                    let target = target.map_err(|_| Trouble::Problem(ProblemKind::NotUtf8))?;
                    return Ok(Leaf::Kind(EntryKind::Symlink { target }, seen.mtime_ns));
                }
                other => return Err(Trouble::Problem(special(other))),
            }
        }
        Ok(hash_file(folder, name, self.cancel)?.map_or(Leaf::Large, Leaf::Hashed))
    }

    /// What the stat cache is told about a file.
    pub(super) fn to_remember(&self, name: &[u8], hashed: &Hashed) -> Option<Fresh> {
        let remember = self.known.is_some() && hashed.proven && self.may_remember(hashed);
        remember.then(|| Fresh {
            name: name.into(),
            seen: hashed.seen,
            content: hashed.content,
        })
    }
}

/// Puts a name behind the path of its directory, which is `folder` bytes long.
fn set_name(path: &mut Vec<u8>, folder: usize, name: &[u8]) {
    path.truncate(folder);
    if folder > 0 {
        path.push(b'/');
    }
    path.extend_from_slice(name);
}

/// The path of `name` in `folder`, which is empty for the root.
fn text_of(folder: &str, name: &str) -> String {
    let mut path = String::with_capacity(folder.len() + 1 + name.len());
    path.push_str(folder);
    if !folder.is_empty() {
        path.push('/');
    }
    path.push_str(name);
    path
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

/// The path as text. Only a directory that is excluded and holds nothing that is sent can lose bytes here.
fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
