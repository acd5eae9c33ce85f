//! Opening inside the context without ever following a symbolic link.
//!
//! Responsible for every `open` of a directory or file of the context: one name at a time, relative to the directory
//! that is already open, so that no path is too long and no link swapped in on the way leads outside. Files are opened
//! without blocking, so that a FIFO swapped in cannot hang the caller.
//!
//! Refuses whatever is not of the expected type, with the system's own error.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, RawMode, Stat, openat};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// Opens the context itself; its path was resolved before.
pub(crate) fn open_root(root: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, root, FOLDER, Mode::empty())
}

/// Opens the directory `name` in `parent`.
pub(crate) fn open_folder(parent: impl AsFd, name: &[u8]) -> Result<OwnedFd, Errno> {
    openat(parent, name, FOLDER.union(OFlags::NOFOLLOW), Mode::empty())
}

/// Opens the directory at `path` inside `root`; an empty path is the root.
pub(crate) fn open_folder_at(root: &Path, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut folder = open_root(root)?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        folder = open_folder(&folder, name)?;
    }
    Ok(folder)
}

/// Opens the file `name` in `parent` for reading.
pub(crate) fn open_file(parent: impl AsFd, name: &[u8]) -> Result<File, Errno> {
    openat(parent, name, FILE, Mode::empty()).map(File::from)
}

/// Splits a path into its directory (empty for the root) and its last name.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => (&[], path),
    }
}

/// The path of `name` in `folder`, which is empty for the root.
pub(crate) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    if folder.is_empty() {
        name.to_vec()
    } else {
        [folder, b"/", name].concat()
    }
}

/// Whether an error means that something else took the place of what was there, or nothing did.
pub(crate) fn is_replaced(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT | Errno::LOOP | Errno::NOTDIR | Errno::NXIO | Errno::STALE | Errno::MLINK
    )
}

/// What tells whether a file was touched between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) size: u64,
    pub(crate) mtime_ns: i64,
    pub(crate) ctime_ns: i64,
    inode: u64,
    pub(crate) device: u64,
    mode: u64,
}

impl Seen {
    /// Length of its serialised form.
    pub(crate) const BYTES: usize = 48;

    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let times = [self.mtime_ns, self.ctime_ns].map(i64::cast_unsigned);
        let numbers = [self.size, times[0], times[1], self.inode, self.device, self.mode];
        let mut bytes = [0; Self::BYTES];
        bytes.copy_from_slice(numbers.map(u64::to_le_bytes).as_flattened());
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut numbers = [[0; 8]; 6];
        numbers.as_flattened_mut().copy_from_slice(bytes);
        let [size, mtime_ns, ctime_ns, inode, device, mode] = numbers.map(u64::from_le_bytes);
        Self {
            size,
            mtime_ns: mtime_ns.cast_signed(),
            ctime_ns: ctime_ns.cast_signed(),
            inode,
            device,
            mode,
        }
    }

    pub(crate) fn inode(&self) -> u64 {
        self.inode
    }

    pub(crate) fn of(stat: &Stat) -> Self {
        let nanoseconds = |seconds: i64, part: i64| seconds.saturating_mul(1_000_000_000).saturating_add(part);
        Self {
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime_ns: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
            inode: stat.st_ino,
            device: device_of(stat),
            mode: u64::from(stat.st_mode),
        }
    }

    pub(crate) fn file_type(&self) -> rustix::fs::FileType {
        rustix::fs::FileType::from_raw_mode(RawMode::try_from(self.mode).unwrap_or(0))
    }

    /// Whether the owner may execute the file.
    pub(crate) fn executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

/// The device number has another type on each system; it is only compared.
fn device_of(stat: &Stat) -> u64 {
    #[cfg(target_os = "macos")]
    return u64::from(stat.st_dev.cast_unsigned());
    #[cfg(not(target_os = "macos"))]
    stat.st_dev
}
