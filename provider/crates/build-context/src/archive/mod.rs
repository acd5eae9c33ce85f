//! The build context as one file: a compressed archive whose bytes depend on the content alone.
//!
//! Equal content gives equal bytes on every machine: the entries are in the order of the snapshot, with the epoch as
//! their time, root as their owner and one of two modes. What a snapshot holds is compared with what was fingerprinted
//! while it is packed, so that a file which is being written makes no archive.
//!
//! The layout is fixed: the Dockerfile under its own name, the context in `context/`, named contexts in
//! `contexts/<number>/`. Memory does not grow with the content. Never looks at the disk but through the snapshots.

mod gzip;
mod tar;

use std::io::{self, Read, Write};

use tokio_util::sync::CancellationToken;

use crate::entry::{Entry, EntryKind};
use crate::error::ContextError;
use crate::selection::Selection;
use crate::snapshot::Snapshot;

use self::gzip::Gzip;
use self::tar::{Header, Kind};

/// Bytes that are read at a time; between them, cancelling takes effect.
const BLOCK: usize = 64 * 1024;

/// Part of a snapshot.
#[derive(Debug, Clone, Copy)]
pub struct ArchiveView<'a> {
    /// The files.
    pub snapshot: &'a Snapshot,
    /// Those that are packed; all of them if absent.
    pub selection: Option<&'a Selection>,
}

/// What to pack.
#[derive(Debug, Clone)]
pub struct ArchiveContents<'a> {
    /// Becomes `Dockerfile`.
    pub dockerfile: &'a [u8],
    /// Becomes `context/`.
    pub context: ArchiveView<'a>,
    /// Become `contexts/0/`, `contexts/1/` and so on.
    pub named: Vec<ArchiveView<'a>>,
}

/// What an archive is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveFacts {
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Length of what is in it, in bytes, before compression.
    pub content_bytes: u64,
}

/// Packs `contents` as `tar.gz` into `writer`. Blocks; cancelling takes effect within a tenth of a second.
///
/// # Errors
/// [`ContextError::ChangedDuringBuild`] and [`ContextError::Unreadable`] for a file, [`ContextError::ArchiveUnwritable`]
/// for the archive, [`ContextError::Cancelled`].
pub fn archive(
    contents: &ArchiveContents<'_>,
    writer: impl Write,
    cancel: &CancellationToken,
) -> Result<ArchiveFacts, ContextError> {
    let mut packer = Packer {
        gzip: Gzip::new(writer),
        block: vec![0; BLOCK],
        content_bytes: 0,
        cancel,
    };
    packer.header(
        "Dockerfile",
        Kind::File { executable: false },
        contents.dockerfile.len() as u64,
    )?;
    packer.bytes(contents.dockerfile)?;
    packer.pad(contents.dockerfile.len() as u64)?;
    packer.view("context/", contents.context)?;
    if !contents.named.is_empty() {
        packer.header("contexts/", Kind::Directory, 0)?;
    }
    for (number, view) in contents.named.iter().enumerate() {
        packer.view(&format!("contexts/{number}/"), *view)?;
    }
    packer.finish()
}

/// An archive under way.
struct Packer<'a, W: Write> {
    gzip: Gzip<W>,
    block: Vec<u8>,
    content_bytes: u64,
    cancel: &'a CancellationToken,
}

impl<W: Write> Packer<'_, W> {
    fn view(&mut self, prefix: &str, view: ArchiveView<'_>) -> Result<(), ContextError> {
        self.header(prefix, Kind::Directory, 0)?;
        let entries = match view.selection {
            Some(selection) => view.snapshot.select(selection),
            None => view.snapshot.entries().iter().collect(),
        };
        for entry in entries {
            self.entry(prefix, view.snapshot, entry)?;
        }
        Ok(())
    }

    fn entry(&mut self, prefix: &str, snapshot: &Snapshot, entry: &Entry) -> Result<(), ContextError> {
        let path = format!("{prefix}{}", entry.path);
        match &entry.kind {
            EntryKind::Directory => self.header(&format!("{path}/"), Kind::Directory, 0),
            EntryKind::Symlink { target } => self.header(&path, Kind::Symlink { target }, 0),
            EntryKind::File { size, executable, .. } => {
                let mut reader = snapshot.open(entry)?;
                let executable = *executable;
                self.header(&path, Kind::File { executable }, *size)?;
                // Until the end, so that the reader compares what it gave, also when that is nothing.
                loop {
                    let mut block = std::mem::take(&mut self.block);
                    let read = reader.read(&mut block);
                    let read = read.map_err(|error| changed(&entry.path, snapshot, error));
                    let packed = read.and_then(|length| self.bytes(&block[..length]).map(|()| length));
                    self.block = block;
                    if packed? == 0 {
                        break;
                    }
                }
                self.pad(*size)
            }
        }
    }

    fn header(&mut self, path: &str, kind: Kind<'_>, size: u64) -> Result<(), ContextError> {
        let header = Header { path, kind, size };
        self.bytes(&header.blocks())
    }

    /// Fills the last block of a file.
    fn pad(&mut self, size: u64) -> Result<(), ContextError> {
        self.bytes(tar::padding(size))
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), ContextError> {
        if self.cancel.is_cancelled() {
            return Err(ContextError::Cancelled);
        }
        self.content_bytes += bytes.len() as u64;
        self.gzip.write(bytes).map_err(unwritable)
    }

    fn finish(mut self) -> Result<ArchiveFacts, ContextError> {
        self.bytes(&tar::END)?;
        let (sha256, size_bytes) = self.gzip.finish().map_err(unwritable)?;
        Ok(ArchiveFacts {
            sha256,
            size_bytes,
            content_bytes: self.content_bytes,
        })
    }
}

fn unwritable(source: io::Error) -> ContextError {
    ContextError::ArchiveUnwritable { source }
}

/// The reader's own error is inside the one of the system.
fn changed(path: &str, snapshot: &Snapshot, error: io::Error) -> ContextError {
    match error.downcast::<ContextError>() {
        Ok(error) => error,
        Err(source) => ContextError::Unreadable {
            path: snapshot.root().join(path),
            source,
        },
    }
}
