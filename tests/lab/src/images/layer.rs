//! Writes one image layer: a tar archive compressed by `gzip`, with the digests of both.
//!
//! Entries keep the order in which they come; owners are numbers, times are never later than the image epoch, and the gzip header holds
//! neither name nor time, so that equal input gives equal bytes. Compression is a child process because that is several times
//! faster than an unoptimised build of any Rust implementation; its quickest level, because layers never leave the machine.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::error::{LabError, Result, cannot};
use crate::process::not_started;
use crate::tools::sha256_of;

/// No file in a base image is younger: 2023-11-14T22:13:20Z.
pub(crate) const EPOCH: u64 = 1_700_000_000;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A finished layer.
#[derive(Debug)]
pub(crate) struct Layer {
    /// The compressed file.
    pub(crate) path: PathBuf,
    /// SHA-256 of the compressed file in hex.
    pub(crate) digest: String,
    /// SHA-256 of the archive before compression in hex.
    pub(crate) diff_id: String,
    /// Length of the compressed file in bytes.
    pub(crate) size: u64,
}

/// A layer being written.
pub(crate) struct LayerWriter {
    path: PathBuf,
    archive: Builder<Hashing>,
    gzip: Child,
}

struct Hashing {
    hasher: Sha256,
    sink: ChildStdin,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write_all(bytes)?;
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

impl LayerWriter {
    /// Begins a layer that will be the file `path`.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(cannot("create", path))?;
        let mut command = Command::new("gzip");
        command.args(["-n", "-1"]).stdin(Stdio::piped()).stdout(file);
        let mut gzip = command.spawn().map_err(not_started(&command))?;
        let sink = gzip
            .stdin
            .take()
            .ok_or_else(|| LabError::malformed("gzip", "it has no standard input"))?;
        let archive = Builder::new(Hashing {
            hasher: Sha256::new(),
            sink,
        });
        Ok(Self {
            path: path.to_owned(),
            archive,
            gzip,
        })
    }

    /// Adds a directory.
    pub(crate) fn directory(&mut self, path: &str, mode: u32) -> Result<()> {
        self.add(
            &mut header(EntryType::Directory, mode, 0),
            Path::new(path),
            None,
            io::empty(),
        )
    }

    /// Adds a regular file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> Result<()> {
        self.add(
            &mut header(EntryType::Regular, mode, bytes.len() as u64),
            Path::new(path),
            None,
            bytes,
        )
    }

    /// Adds a symbolic link.
    pub(crate) fn symlink(&mut self, path: &str, target: &str) -> Result<()> {
        self.add(
            &mut header(EntryType::Symlink, 0o777, 0),
            Path::new(path),
            Some(Path::new(target)),
            io::empty(),
        )
    }

    /// Adds a hard link to a file added before.
    pub(crate) fn hard_link(&mut self, path: &str, target: &str) -> Result<()> {
        self.add(
            &mut header(EntryType::Link, 0o755, 0),
            Path::new(path),
            Some(Path::new(target)),
            io::empty(),
        )
    }

    /// Adds an entry with a header of the caller's; its time is limited to the epoch.
    pub(crate) fn add(
        &mut self,
        header: &mut Header,
        path: &Path,
        link: Option<&Path>,
        content: impl Read,
    ) -> Result<()> {
        let time = header.mtime().map_or(EPOCH, |time| time.min(EPOCH));
        header.set_mtime(time);
        match link {
            Some(target) => self.archive.append_link(header, path, target),
            None => self.archive.append_data(header, path, content),
        }
        .map_err(cannot("add to the layer", path))
    }

    /// Completes the layer.
    pub(crate) fn finish(self) -> Result<Layer> {
        let Self {
            path,
            archive,
            mut gzip,
        } = self;
        let Hashing { hasher, sink } = archive.into_inner().map_err(cannot("write", &path))?;
        drop(sink);
        let status = gzip.wait().map_err(cannot("compress", &path))?;
        if !status.success() {
            return Err(LabError::CommandFailed {
                what: "gzip".into(),
                status: status.to_string(),
                tail: String::new(),
            });
        }
        let size = fs::metadata(&path).map_err(cannot("read", &path))?.len();
        Ok(Layer {
            digest: sha256_of(&path)?,
            diff_id: hex::encode(hasher.finalize()),
            size,
            path,
        })
    }
}

/// Writes the archive of a layer, which is gzip or not compressed, into a new file.
///
/// # Errors
/// When a file cannot be used or the layer is not a whole gzip stream.
pub(crate) fn decompress(layer: &Path, archive: &Path) -> Result<()> {
    let mut file = File::open(layer).map_err(cannot("open", layer))?;
    let mut magic = [0; 2];
    let is_gzip = file.read_exact(&mut magic).is_ok() && magic == GZIP_MAGIC;
    if !is_gzip {
        return fs::copy(layer, archive).map(drop).map_err(cannot("copy", layer));
    }
    let output = File::create(archive).map_err(cannot("create", archive))?;
    let input = File::open(layer).map_err(cannot("open", layer))?;
    let mut command = Command::new("gzip");
    let status = command
        .arg("-dc")
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .status();
    if status.map_err(not_started(&command))?.success() {
        return Ok(());
    }
    Err(LabError::malformed(
        layer.display().to_string(),
        "not a whole gzip stream",
    ))
}

/// The header of an entry that belongs to root and is as old as all of them.
pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(EPOCH);
    header
}
