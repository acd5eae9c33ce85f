//! Reading a file of a snapshot, with proof that it is still the same.
//!
//! Responsible for comparing size, executable bit and every byte with what the walk saw. The comparison is made before
//! the last bytes are handed out, so that nobody can have read the whole of a file that changed, even without asking
//! for its end.
//!
//! Refuses to end cleanly when the file has shrunk, grown, vanished or been replaced.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{FileType, fstat};

use crate::beneath::{Seen, is_replaced, open_file, open_folder_at, split};
use crate::content::{ContentHasher, ContentId};
use crate::entry::{Entry, EntryKind};
use crate::error::ContextError;

/// The bytes of one file of a [`Snapshot`](crate::Snapshot).
///
/// A read fails with an [`io::Error`] around [`ContextError::ChangedDuringBuild`] when the bytes are not those that
/// were fingerprinted.
#[derive(Debug)]
pub struct EntryReader {
    path: String,
    file: File,
    size: u64,
    content: ContentId,
    given: u64,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Hashing(Box<ContentHasher>),
    Verified,
    Changed,
}

impl EntryReader {
    pub(crate) fn open(root: &Path, entry: &Entry) -> Result<Self, ContextError> {
        let path = entry.path.clone();
        let EntryKind::File {
            size,
            executable,
            content,
        } = entry.kind
        else {
            return Err(ContextError::ChangedDuringBuild { path });
        };
        let (folder, name) = split(path.as_bytes());
        let opened = open_folder_at(root, folder).and_then(|folder| open_file(folder, name));
        let opened = opened.and_then(|file| fstat(&file).map(|stat| (file, Seen::of(&stat))));
        let (file, seen) = match opened {
            Ok(opened) => opened,
            Err(errno) if is_replaced(errno) => return Err(ContextError::ChangedDuringBuild { path }),
            Err(errno) => {
                return Err(ContextError::Unreadable {
                    path: root.join(path),
                    source: errno.into(),
                });
            }
        };
        let regular = seen.file_type() == FileType::RegularFile;
        if !regular || seen.size != size || seen.executable() != executable {
            return Err(ContextError::ChangedDuringBuild { path });
        }
        let progress = Progress::Hashing(Box::new(ContentHasher::new()));
        Ok(Self {
            path,
            file,
            size,
            content,
            given: 0,
            progress,
        })
    }

    /// Takes note of `bytes`; at the end of the file, compares.
    fn account(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Progress::Hashing(hasher) = &mut self.progress else {
            return Ok(());
        };
        hasher.update(bytes);
        self.given += bytes.len() as u64;
        if self.given < self.size {
            return Ok(());
        }
        let found = std::mem::replace(hasher, Box::new(ContentHasher::new())).finish();
        let grown = self.file.read(&mut [0])? != 0;
        if grown || found != self.content {
            return Err(self.changed());
        }
        self.progress = Progress::Verified;
        Ok(())
    }

    fn changed(&mut self) -> io::Error {
        self.progress = Progress::Changed;
        io::Error::other(ContextError::ChangedDuringBuild {
            path: self.path.clone(),
        })
    }
}

impl Read for EntryReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.progress {
            Progress::Verified => return Ok(0),
            Progress::Changed => return Err(self.changed()),
            Progress::Hashing(_) if buffer.is_empty() => return Ok(0),
            Progress::Hashing(_) => {}
        }
        let left = usize::try_from(self.size - self.given).unwrap_or(usize::MAX);
        let wanted = buffer.len().min(left);
        let length = self.file.read(&mut buffer[..wanted])?;
        if length == 0 && left > 0 {
            return Err(self.changed());
        }
        self.account(&buffer[..length])?;
        Ok(length)
    }
}
