//! From a file to the identity of its bytes.
//!
//! Responsible for never giving an identity to a mixture of two versions. A file is read only when it has rested, so
//! that a change during reading shows in its time stamps; size, times, inode and mode are compared before and after,
//! and a file that changed meanwhile is read again, three times at most. Files over one chunk are left for
//! [`hash_large_files`], which spreads the chunks of many files over all cores.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::beneath::{Seen, is_replaced, open_file, open_folder_at, split};
use crate::content::{CHUNK, ContentHasher, ContentId};
use crate::entry::EntryKind;
use crate::error::ProblemKind;
use crate::stat_cache::Clock;

/// How often a file is read that changes while it is read.
const ATTEMPTS: u32 = 4;
/// Time for a writer to finish, in which nothing else is lost.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes that are read at a time.
const PIECE: usize = 128 * 1024;
/// Large files that are open at a time, and the bytes at which there are enough of them.
const BATCH: (usize, u64) = (64, 256 << 20);

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) seen: Seen,
    pub(super) content: ContentId,
    /// It cannot change from now on and look the same.
    pub(super) proven: bool,
    pub(super) file: File,
}

/// Why there is nothing to know.
#[derive(Debug)]
pub(super) enum Trouble {
    /// To be reported.
    Problem(ProblemKind),
    /// The walk was cancelled.
    Over,
}

/// A file that is read after the walk.
#[derive(Debug)]
pub(super) struct LargeFile {
    /// Number of its directory.
    pub(super) folder: usize,
    /// Its position among the names there.
    pub(super) place: usize,
    pub(super) path: String,
}

/// What came of reading a file once.
#[derive(Debug)]
enum Reading {
    Content(ContentId),
    /// Its length was not as expected.
    Torn,
    /// It is left for later.
    Large,
}

impl Hashed {
    pub(super) fn kind(&self) -> EntryKind {
        file_kind(&self.seen, self.content)
    }
}

/// The entry of a regular file.
pub(super) fn file_kind(seen: &Seen, content: ContentId) -> EntryKind {
    EntryKind::File {
        size: seen.size,
        executable: seen.executable(),
        content,
    }
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Problem(problem_of(errno))
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Problem(ProblemKind::Io(error))
    }
}

/// What an error of the system means for an entry that was there a moment ago.
pub(super) fn problem_of(errno: Errno) -> ProblemKind {
    match errno {
        Errno::ACCESS | Errno::PERM => ProblemKind::PermissionDenied,
        errno if is_replaced(errno) => ProblemKind::KeepsChanging,
        errno => ProblemKind::Io(errno.into()),
    }
}

/// Reads the file `name` in `folder` on this thread; none if it is large.
pub(super) fn hash_file(folder: impl AsFd, name: &[u8], cancel: &CancellationToken) -> Result<Option<Hashed>, Trouble> {
    read_unchanged(folder, name, cancel, |file, seen| {
        if seen.size > CHUNK as u64 {
            return Ok(Reading::Large);
        }
        read_through(file, seen.size, cancel)
    })
}

/// Reads files on all threads of the pool, and hands each one to `done`. Must not be called from one of them.
pub(super) fn hash_large_files(
    root: &Path,
    files: Vec<LargeFile>,
    cancel: &CancellationToken,
    mut done: impl FnMut(LargeFile, Result<Hashed, Trouble>),
) {
    let mut waiting = files.into_iter().peekable();
    while waiting.peek().is_some() && !cancel.is_cancelled() {
        let mut batch: Vec<Opened> = Vec::new();
        let mut bytes = 0;
        while batch.len() < BATCH.0 && bytes < BATCH.1 {
            let Some(file) = waiting.next() else { break };
            match Opened::open(root, &file.path, cancel) {
                Ok((handle, seen, began)) => {
                    bytes += seen.size;
                    batch.push(Opened {
                        file,
                        handle,
                        seen,
                        began,
                    });
                }
                Err(trouble) => done(file, Err(trouble)),
            }
        }
        let mut contents = contents_of(&batch, cancel);
        for opened in batch.into_iter().rev() {
            let content = contents.pop().unwrap_or(Ok(None));
            let (file, hashed) = opened.finish(root, content, cancel);
            done(file, hashed);
        }
    }
}

/// A large file whose chunks are about to be read.
struct Opened {
    file: LargeFile,
    handle: File,
    seen: Seen,
    began: Clock,
}

impl Opened {
    fn open(root: &Path, path: &str, cancel: &CancellationToken) -> Result<(File, Seen, Clock), Trouble> {
        let (folder, name) = split(path.as_bytes());
        let handle = open_file(open_folder_at(root, folder)?, name)?;
        let seen = Seen::of(&fstat(&handle)?);
        let began = rest(&seen, cancel)?;
        Ok((handle, seen, began))
    }

    /// Takes the content if the file is still the same; otherwise reads it again, alone.
    fn finish(
        self,
        root: &Path,
        content: Result<Option<ContentId>, Trouble>,
        cancel: &CancellationToken,
    ) -> (LargeFile, Result<Hashed, Trouble>) {
        let hashed = content.and_then(|content| {
            let after = Seen::of(&fstat(&self.handle)?);
            let regular = after.file_type() == FileType::RegularFile;
            match content.filter(|_| regular && after == self.seen) {
                Some(content) => Ok(Hashed {
                    seen: after,
                    content,
                    proven: self.began.proves(&after),
                    file: self.handle,
                }),
                None => hash_on_all_cores(root, &self.file.path, cancel),
            }
        });
        (self.file, hashed)
    }
}

/// The contents of all files of a batch, in order.
fn contents_of(batch: &[Opened], cancel: &CancellationToken) -> Vec<Result<Option<ContentId>, Trouble>> {
    let chunks = |opened: &Opened| opened.seen.size.div_ceil(CHUNK as u64).max(1);
    let parts: Vec<(usize, u64)> = batch
        .iter()
        .enumerate()
        .flat_map(|(at, opened)| (0..chunks(opened)).map(move |chunk| (at, chunk)))
        .collect();
    let read = |(at, chunk): &(usize, u64)| read_chunk(&batch[*at].handle, *chunk, batch[*at].seen.size, cancel);
    let mut ids: Vec<_> = parts.par_iter().with_max_len(1).map(read).collect();
    let mut contents: Vec<_> = batch
        .iter()
        .rev()
        .map(|opened| {
            let count = usize::try_from(chunks(opened)).unwrap_or(ids.len());
            let own: Result<_, _> = ids.split_off(ids.len() - count).into_iter().collect();
            own.map(|own: Option<Vec<_>>| own.map(|own| ContentId::of_chunks(&own)))
        })
        .collect();
    contents.reverse();
    contents
}

/// Reads one large file on all threads of the pool until it is the same before and after.
fn hash_on_all_cores(root: &Path, path: &str, cancel: &CancellationToken) -> Result<Hashed, Trouble> {
    let (folder, name) = split(path.as_bytes());
    let hashed = read_unchanged(open_folder_at(root, folder)?, name, cancel, |file, seen| {
        let chunks = (0..seen.size.div_ceil(CHUNK as u64).max(1)).into_par_iter();
        let chunks: Option<Vec<_>> = chunks
            .map(|at| read_chunk(file, at, seen.size, cancel))
            .collect::<Result<_, _>>()?;
        Ok(chunks.map_or(Reading::Torn, |chunks| Reading::Content(ContentId::of_chunks(&chunks))))
    })?;
    hashed.ok_or(Trouble::Problem(ProblemKind::KeepsChanging))
}

/// Opens and reads a file until it is the same before and after; none if `read` leaves it for later.
fn read_unchanged(
    folder: impl AsFd,
    name: &[u8],
    cancel: &CancellationToken,
    read: impl Fn(&File, &Seen) -> Result<Reading, Trouble>,
) -> Result<Option<Hashed>, Trouble> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let file = match open_file(&folder, name) {
            Ok(file) => file,
            Err(errno) if is_replaced(errno) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let seen = Seen::of(&fstat(&file)?);
        if seen.file_type() != FileType::RegularFile {
            continue;
        }
        let began = rest(&seen, cancel)?;
        let content = match read(&file, &seen)? {
            Reading::Content(content) => content,
            Reading::Torn => continue,
            Reading::Large => return Ok(None),
        };
        if seen == Seen::of(&fstat(&file)?) {
            let proven = began.proves(&seen);
            return Ok(Some(Hashed {
                seen,
                content,
                proven,
                file,
            }));
        }
    }
    Err(Trouble::Problem(ProblemKind::KeepsChanging))
}

/// Waits until changes of a file show in its time stamps.
fn rest(seen: &Seen, cancel: &CancellationToken) -> Result<Clock, Trouble> {
    loop {
        let now = Clock::now();
        match now.until_rested(seen) {
            Some(wait) if !wait.is_zero() => std::thread::sleep(wait.min(4 * PAUSE)),
            _ => return Ok(now),
        }
        if cancel.is_cancelled() {
            return Err(Trouble::Over);
        }
    }
}

fn read_through(mut file: &File, size: u64, cancel: &CancellationToken) -> Result<Reading, Trouble> {
    let mut hasher = ContentHasher::new();
    let mut total = 0;
    BUFFER.with_borrow_mut(|buffer| {
        while total < size {
            if total > 0 && cancel.is_cancelled() {
                return Err(Trouble::Over);
            }
            match file.read(buffer)? {
                0 => break,
                length => {
                    hasher.update(&buffer[..length]);
                    total += length as u64;
                }
            }
        }
        Ok(if total == size {
            Reading::Content(hasher.finish())
        } else {
            Reading::Torn
        })
    })
}

/// The identity of chunk `at`; none if the file ends too early.
fn read_chunk(file: &File, at: u64, size: u64, cancel: &CancellationToken) -> Result<Option<ContentId>, Trouble> {
    let start = at * CHUNK as u64;
    let mut left = usize::try_from(size.saturating_sub(start).min(CHUNK as u64)).unwrap_or(CHUNK);
    let mut hasher = ContentHasher::new();
    let mut position = start;
    BUFFER.with_borrow_mut(|buffer| {
        while left > 0 {
            if cancel.is_cancelled() {
                return Err(Trouble::Over);
            }
            let wanted = left.min(PIECE);
            let length = file.read_at(&mut buffer[..wanted], position)?;
            if length == 0 {
                return Ok(None);
            }
            hasher.update(&buffer[..length]);
            position += length as u64;
            left -= length;
        }
        Ok(Some(hasher.finish()))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::beneath::open_root;

    /// Reads `file`, which `disturb` changes during each read until it has been read `calm_after` times.
    fn read_disturbed(calm_after: u32, disturb: impl Fn(&Path, u32)) -> (Result<Hashed, Trouble>, u32) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "first").unwrap();
        let reads = Cell::new(0);
        let cancel = CancellationToken::new();
        let hashed = read_unchanged(open_root(folder.path()).unwrap(), b"file", &cancel, |file, seen| {
            reads.set(reads.get() + 1);
            let content = read_through(file, seen.size, &cancel);
            if reads.get() <= calm_after {
                disturb(&path, reads.get());
            }
            content
        });
        (hashed.map(|hashed| hashed.unwrap()), reads.get())
    }

    fn grow(path: &Path, by: u32) {
        fs::write(path, "first".repeat(by as usize + 1)).unwrap();
    }

    fn keeps_changing(hashed: &Result<Hashed, Trouble>) -> bool {
        matches!(hashed, Err(Trouble::Problem(ProblemKind::KeepsChanging)))
    }

    #[test]
    fn a_file_that_changed_while_it_was_read_is_read_again() {
        let (hashed, reads) = read_disturbed(2, grow);
        let content = ContentId::of("first".repeat(3).as_bytes());
        let kind = EntryKind::File {
            size: 15,
            executable: false,
            content,
        };
        assert_eq!((hashed.unwrap().kind(), reads), (kind, 3));
    }

    #[test]
    fn a_file_that_was_replaced_while_it_was_read_is_read_again() {
        let (hashed, reads) = read_disturbed(1, |path, _| {
            fs::write(path.with_extension("new"), "other").unwrap();
            fs::rename(path.with_extension("new"), path).unwrap();
        });
        let kind = EntryKind::File {
            size: 5,
            executable: false,
            content: ContentId::of(b"other"),
        };
        assert_eq!((hashed.unwrap().kind(), reads), (kind, 2));
    }

    #[test]
    fn a_file_that_never_rests_is_given_up_after_three_more_reads() {
        let (hashed, reads) = read_disturbed(u32::MAX, grow);
        assert!(keeps_changing(&hashed) && reads == 4, "{hashed:?} after {reads}");
    }

    #[test]
    fn a_file_that_vanishes_or_becomes_a_link_is_given_up() {
        let (hashed, _) = read_disturbed(1, |path, _| fs::remove_file(path).unwrap());
        assert!(keeps_changing(&hashed), "{hashed:?}");
        let (hashed, _) = read_disturbed(1, |path, _| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/etc/passwd", path).unwrap();
        });
        assert!(keeps_changing(&hashed), "{hashed:?}");
    }
}
