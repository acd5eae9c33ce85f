//! The names in one directory.
//!
//! Responsible for listing them with their type, and for noticing names that are the same on a file system that
//! ignores case: a context that holds both cannot be checked out there.

use std::borrow::Cow;
use std::collections::HashMap;
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, Dir, FileType, statat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use super::folder::join;
use crate::snapshot::Warning;

/// Names that are listed between two looks at the cancellation.
const BATCH: usize = 1024;

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) name: Vec<u8>,
    pub(super) file_type: FileType,
}

/// All names but `.` and `..`. Stops early, with what it has, when cancelled.
pub(super) fn list(folder: BorrowedFd<'_>, cancel: &CancellationToken) -> Result<Vec<Name>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let file_type = match entry.file_type() {
            FileType::Unknown => file_type_of(folder, name)?,
            known => known,
        };
        names.push(Name {
            name: name.to_vec(),
            file_type,
        });
        if names.len() % BATCH == 0 && cancel.is_cancelled() {
            break;
        }
    }
    Ok(names)
}

/// Asks for the type where the listing does not tell it; what vanished meanwhile is dealt with when it is read.
fn file_type_of(folder: BorrowedFd<'_>, name: &[u8]) -> Result<FileType, Errno> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(FileType::from_raw_mode(stat.st_mode)),
        Err(Errno::NOENT) => Ok(FileType::Unknown),
        Err(errno) => Err(errno),
    }
}

/// A warning for each name that differs from another one only by case.
pub(super) fn differing_only_by_case(folder: &[u8], names: &[Vec<u8>]) -> Vec<Warning> {
    let mut folded: HashMap<Cow<'_, str>, &str> = HashMap::with_capacity(names.len());
    let mut warnings = Vec::new();
    for name in names.iter().filter_map(|name| std::str::from_utf8(name).ok()) {
        if let Some(other) = folded.insert(fold(name), name) {
            let full = |name: &str| String::from_utf8_lossy(&join(folder, name.as_bytes())).into_owned();
            let (first, second) = (other.min(name), other.max(name));
            warnings.push(Warning::NamesDifferOnlyByCase {
                first: full(first),
                second: full(second),
            });
        }
    }
    warnings
}

/// Copies only what has to be changed.
fn fold(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        Cow::Borrowed(name)
    } else {
        Cow::Owned(name.to_lowercase())
    }
}
