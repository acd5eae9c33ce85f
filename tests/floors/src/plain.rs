//! The floors: directories listed with getdents, then either one statx per file, or every byte of it through SHA-256.
//!
//! Nothing else is done. Names are neither kept nor sorted, no rule is asked, no metadata beside the one statx is read, and a
//! file ends with the first short read. Subdirectories are tasks of rayon's pool, opened relative to their parents.

use std::cell::RefCell;
use std::ffi::CString;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::Scope;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, StatxFlags, openat, statx};
use rustix::io::read;
use sha2::{Digest, Sha256};

/// Bytes of names that one getdents may return.
const NAMES: usize = 32 * 1024;
/// Bytes that one read may return.
const CHUNK: usize = 256 * 1024;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; CHUNK]);
}

/// What is done with each file.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    /// One statx.
    Stat,
    /// Open, read, SHA-256.
    Hash,
}

/// What was seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Everything that is not a directory.
    pub(crate) files: u64,
    /// Their sizes.
    pub(crate) bytes: u64,
}

struct Tour {
    work: Work,
    files: AtomicU64,
    bytes: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

/// Goes through `root` with all threads of the pool.
pub(crate) fn tour(root: &Path, work: Work) -> io::Result<Totals> {
    let tour = Tour {
        work,
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        failure: Mutex::new(None),
    };
    let folder = openat(CWD, root, folder_flags(), Mode::empty())?;
    rayon::scope(|scope| tour.folder(scope, folder));
    match tour.failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error),
        None => Ok(Totals {
            files: tour.files.into_inner(),
            bytes: tour.bytes.into_inner(),
        }),
    }
}

fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC
}

impl Tour {
    fn folder<'scope>(&'scope self, scope: &Scope<'scope>, folder: OwnedFd) {
        if let Err(error) = self.list(scope, &Arc::new(folder)) {
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }

    fn list<'scope>(&'scope self, scope: &Scope<'scope>, folder: &Arc<OwnedFd>) -> io::Result<()> {
        let mut space = Vec::with_capacity(NAMES);
        let mut names = RawDir::new(folder, space.spare_capacity_mut());
        let (mut files, mut bytes) = (0, 0);
        while let Some(entry) = names.next() {
            let entry = entry?;
            let name = entry.file_name();
            if entry.file_type() != FileType::Directory {
                files += 1;
                bytes += self.file(folder.as_ref(), name)?;
            } else if !matches!(name.to_bytes(), b"." | b"..") {
                let (parent, name) = (Arc::clone(folder), CString::from(name));
                scope.spawn(
                    move |scope| match openat(&parent, &name, folder_flags(), Mode::empty()) {
                        Ok(below) => self.folder(scope, below),
                        Err(error) => {
                            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.into());
                        }
                    },
                );
            }
        }
        self.files.fetch_add(files, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// The size of the file.
    fn file(&self, folder: impl AsFd, name: &std::ffi::CStr) -> io::Result<u64> {
        match self.work {
            Work::Stat => {
                let stat = statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)?;
                Ok(stat.stx_size)
            }
            Work::Hash => {
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                BUFFER.with_borrow_mut(|buffer| hash(&openat(folder, name, flags, Mode::empty())?, buffer))
            }
        }
    }
}

fn hash(file: &OwnedFd, buffer: &mut [u8]) -> io::Result<u64> {
    let (mut hasher, mut size) = (Sha256::new(), 0);
    loop {
        let count = read(file, &mut *buffer)?;
        hasher.update(&buffer[..count]);
        size += count as u64;
        if count < buffer.len() {
            std::hint::black_box(hasher.finalize());
            return Ok(size);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_floors_see_every_file_and_byte() {
        let tree = tempfile::tempdir().expect("directory");
        std::fs::create_dir_all(tree.path().join("a/b")).expect("directories");
        let sizes = [("one", 0), ("a/two", 5), ("a/b/three", CHUNK), ("a/b/four", CHUNK + 1)];
        for (name, size) in sizes {
            std::fs::write(tree.path().join(name), vec![7; size]).expect("file");
        }
        let totals = Totals {
            files: 4,
            bytes: 2 * CHUNK as u64 + 6,
        };
        assert_eq!(tour(tree.path(), Work::Stat).expect("statx"), totals);
        assert_eq!(tour(tree.path(), Work::Hash).expect("hashes"), totals);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let tree = tempfile::tempdir().expect("directory");
        assert!(tour(&tree.path().join("missing"), Work::Stat).is_err());
    }
}
