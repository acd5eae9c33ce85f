//! The names in one directory.
//!
//! Responsible for listing them with their type into one piece of memory, and for noticing names that are the same on
//! a file system that ignores case: a context that holds both cannot be checked out there.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;
use tokio_util::sync::CancellationToken;

use crate::beneath::join;
use crate::snapshot::Warning;

/// Names that are listed between two looks at the cancellation.
const BATCH: usize = 1024;

/// Names with their types, sorted by their bytes.
#[derive(Debug, Default)]
pub(crate) struct Names {
    bytes: Vec<u8>,
    spans: Vec<Span>,
}

#[derive(Debug)]
struct Span {
    /// The first bytes, as a number that sorts as they do: it decides most comparisons.
    key: u64,
    start: usize,
    length: usize,
    file_type: FileType,
}

impl Names {
    /// Room for the names of a usual directory.
    fn with_room() -> Self {
        Self {
            bytes: Vec::with_capacity(512),
            spans: Vec::with_capacity(32),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn push(&mut self, name: &[u8], file_type: FileType) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        self.spans.push(Span {
            key: key(name),
            start,
            length: name.len(),
            file_type,
        });
    }

    pub(super) fn get(&self, at: usize) -> (&[u8], FileType) {
        let span = &self.spans[at];
        (span.name(&self.bytes), span.file_type)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], FileType)> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// Whether the name is among them.
    pub(crate) fn holds(&self, name: &[u8]) -> bool {
        self.spans
            .binary_search_by(|span| span.name(&self.bytes).cmp(name))
            .is_ok()
    }

    fn sort(&mut self) {
        let Self { bytes, spans } = self;
        let name_order = |one: &Span, other: &Span| one.name(bytes).cmp(other.name(bytes));
        spans.sort_unstable_by(|one, other| one.key.cmp(&other.key).then_with(|| name_order(one, other)));
    }
}

impl Span {
    fn name<'n>(&self, bytes: &'n [u8]) -> &'n [u8] {
        &bytes[self.start..self.start + self.length]
    }
}

fn key(name: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = name.len().min(8);
    first[..length].copy_from_slice(&name[..length]);
    u64::from_be_bytes(first)
}

/// All names but `.` and `..`. Stops early, with what it has, when cancelled.
pub(super) fn list(folder: BorrowedFd<'_>, cancel: &CancellationToken) -> Result<Names, Errno> {
    let mut names = Names::with_room();
    each_name(folder, |name, file_type| {
        if name != b"." && name != b".." {
            let file_type = match file_type {
                FileType::Unknown => file_type_of(folder, name)?.unwrap_or(FileType::Unknown),
                known => known,
            };
            names.push(name, file_type);
        }
        Ok(!names.len().is_multiple_of(BATCH) || !cancel.is_cancelled())
    })?;
    names.sort();
    Ok(names)
}

/// Those of the given names, sorted, that are there.
pub(super) fn look_up(folder: BorrowedFd<'_>, wanted: &[&[u8]]) -> Result<Names, Errno> {
    let mut names = Names::default();
    for name in wanted {
        if let Some(file_type) = file_type_of(folder, name)? {
            names.push(name, file_type);
        }
    }
    Ok(names)
}

/// Asks for a type. What vanished meanwhile has none, and no file has a name that is too long or holds a NUL byte.
pub(super) fn file_type_of(folder: BorrowedFd<'_>, name: &[u8]) -> Result<Option<FileType>, Errno> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT | Errno::NAMETOOLONG | Errno::INVAL) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Calls `found` for each name until it returns false.
#[cfg(target_os = "linux")]
fn each_name(
    folder: BorrowedFd<'_>,
    mut found: impl FnMut(&[u8], FileType) -> Result<bool, Errno>,
) -> Result<(), Errno> {
    use std::cell::RefCell;
    use std::mem::MaybeUninit;

    const ROOM: usize = 64 * 1024;
    thread_local! {
        static BUFFER: RefCell<Box<[MaybeUninit<u8>]>> = RefCell::new(Box::new_uninit_slice(ROOM));
    }
    BUFFER.with_borrow_mut(|buffer| {
        let mut entries = rustix::fs::RawDir::new(folder, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !found(entry.file_name().to_bytes(), entry.file_type())? {
                break;
            }
        }
        Ok(())
    })
}

/// Calls `found` for each name until it returns false.
#[cfg(not(target_os = "linux"))]
fn each_name(
    folder: BorrowedFd<'_>,
    mut found: impl FnMut(&[u8], FileType) -> Result<bool, Errno>,
) -> Result<(), Errno> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        let entry = entry?;
        if !found(entry.file_name().to_bytes(), entry.file_type())? {
            break;
        }
    }
    Ok(())
}

/// A warning for each name that differs from another one only by case. `names` are sorted.
pub(super) fn differing_only_by_case(folder: &[u8], names: &[&[u8]]) -> Vec<Warning> {
    let text = names
        .iter()
        .filter(|name| may_fold(name))
        .filter_map(|name| std::str::from_utf8(name).ok());
    let mut folded: Vec<(String, &str)> = text.map(|name| (name.to_lowercase(), name)).collect();
    folded.sort_unstable();
    let twins = folded.windows(2).filter_map(|pair| match pair {
        [(one, first), (other, second)] if one == other => Some((*first, *second)),
        _ => None,
    });
    let lower = folded
        .iter()
        .filter(|(lower, name)| lower != name && names.binary_search(&lower.as_bytes()).is_ok());
    let full = |name: &str| String::from_utf8_lossy(&join(folder, name.as_bytes())).into_owned();
    let mut warnings = Vec::new();
    for (one, other) in twins.chain(lower.map(|(lower, name)| (*name, lower.as_str()))) {
        let (first, second) = (full(one.min(other)), full(one.max(other)));
        let warning = Warning::NamesDifferOnlyByCase { first, second };
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }
    warnings
}

/// Whether lower case may change the name.
pub(super) fn may_fold(name: &[u8]) -> bool {
    name.iter().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii())
}
