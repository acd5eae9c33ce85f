//! From a file to the identity of its bytes.
//!
//! [`hash_file`] and [`hash_on_all_cores`] are where results could be remembered: both are called right after a `stat`.
//!
//! Responsible for never giving an identity to a mixture of two versions: size, times, inode and mode are compared
//! before and after reading, and a file that changed meanwhile is read again, three times at most. Very large files are
//! read by [`hash_on_all_cores`], in chunks.

use std::cell::RefCell;
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::beneath::{Seen, is_replaced, open_file};
use crate::content::{CHUNK, ContentHasher, ContentId};
use crate::entry::EntryKind;
use crate::error::ProblemKind;

/// A file of at least this many bytes is worth all cores.
const LARGE: u64 = 16 * 1024 * 1024;
/// How often a file is read that changes while it is read.
const ATTEMPTS: u32 = 4;
/// Time for a writer to finish, in which nothing else is lost.
const PAUSE: Duration = Duration::from_millis(5);
/// Bytes that are read at a time.
const PIECE: usize = 128 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; PIECE]);
}

/// What is known of an entry after reading it.
#[derive(Debug)]
pub(super) struct Hashed {
    pub(super) kind: EntryKind,
    pub(super) mtime_ns: i64,
}

/// Why there is nothing to know.
#[derive(Debug)]
pub(super) enum Trouble {
    /// To be reported.
    Problem(ProblemKind),
    /// The walk was cancelled.
    Over,
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

/// Whether a file is left for [`hash_on_all_cores`].
pub(super) fn is_large(seen: &Seen) -> bool {
    seen.size >= LARGE
}

/// Reads the file `name` in `folder` on this thread.
pub(super) fn hash_file(folder: impl AsFd, name: &[u8], cancel: &CancellationToken) -> Result<Hashed, Trouble> {
    read_unchanged(folder, name, |file, seen| read_through(file, seen.size, cancel))
}

/// Reads the large file `name` in `folder` on all threads of the pool. Must not be called from one of them.
pub(super) fn hash_on_all_cores(folder: impl AsFd, name: &[u8], cancel: &CancellationToken) -> Result<Hashed, Trouble> {
    read_unchanged(folder, name, |file, seen| {
        let chunks = (0..seen.size.div_ceil(CHUNK as u64)).into_par_iter();
        let chunks: Option<Vec<_>> = chunks
            .map(|at| read_chunk(file, at, seen.size, cancel))
            .collect::<Result<_, _>>()?;
        Ok(chunks.map(|chunks| ContentId::of_chunks(&chunks)))
    })
}

/// Opens and reads a file until it is the same before and after. `read` gives none if the length was not as expected.
fn read_unchanged(
    folder: impl AsFd,
    name: &[u8],
    read: impl Fn(&File, &Seen) -> Result<Option<ContentId>, Trouble>,
) -> Result<Hashed, Trouble> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let file = match open_file(&folder, name) {
            Ok(file) => file,
            Err(errno) if is_replaced(errno) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let before = Seen::of(&fstat(&file)?);
        if before.file_type() != FileType::RegularFile {
            continue;
        }
        let content = read(&file, &before)?;
        let after = Seen::of(&fstat(&file)?);
        if let Some(content) = content.filter(|_| before == after) {
            let kind = EntryKind::File {
                size: before.size,
                executable: before.executable(),
                content,
            };
            return Ok(Hashed {
                kind,
                mtime_ns: before.mtime_ns,
            });
        }
    }
    Err(Trouble::Problem(ProblemKind::KeepsChanging))
}

fn read_through(mut file: &File, size: u64, cancel: &CancellationToken) -> Result<Option<ContentId>, Trouble> {
    let mut hasher = ContentHasher::new();
    let mut total = 0;
    BUFFER.with_borrow_mut(|buffer| {
        while total <= size {
            if cancel.is_cancelled() {
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
        Ok((total == size).then(|| hasher.finish()))
    })
}

/// The identity of chunk `at`; none if the file ends too early.
fn read_chunk(file: &File, at: u64, size: u64, cancel: &CancellationToken) -> Result<Option<ContentId>, Trouble> {
    let start = at * CHUNK as u64;
    let mut left = usize::try_from((size - start).min(CHUNK as u64)).unwrap_or(CHUNK);
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
        let hashed = read_unchanged(open_root(folder.path()).unwrap(), b"file", |file, seen| {
            reads.set(reads.get() + 1);
            let content = read_through(file, seen.size, &CancellationToken::new());
            if reads.get() <= calm_after {
                disturb(&path, reads.get());
            }
            content
        });
        (hashed, reads.get())
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
        assert_eq!((hashed.unwrap().kind, reads), (kind, 3));
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
        assert_eq!((hashed.unwrap().kind, reads), (kind, 2));
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
