//! Blobs and manifests as files named by their digest.
//!
//! Every file under `blobs/` is complete and hashes to its name: bytes are first written to a scratch file and
//! then renamed. Who may see a blob is not decided here.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;
use crate::random;

/// A directory of contents by digest.
pub(crate) struct ContentStore {
    blobs: PathBuf,
    scratch: PathBuf,
}

impl ContentStore {
    /// Opens or creates the store below `directory`; scratch files of an earlier run are removed.
    ///
    /// # Errors
    ///
    /// Fails if the directories cannot be created.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let store = Self {
            blobs: directory.join("blobs/sha256"),
            scratch: directory.join("uploads"),
        };
        std::fs::create_dir_all(&store.blobs)?;
        match std::fs::remove_dir_all(&store.scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&store.scratch)?,
        }
        Ok(store)
    }

    /// Returns where the content with this digest is, or would be.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// Returns a fresh path for bytes whose digest is not known yet.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.scratch.join(random::hex(16))
    }

    /// Takes over a complete scratch file under the digest that the caller computed.
    pub(crate) async fn adopt(&self, file: &Path, digest: &Digest) -> io::Result<()> {
        tokio::fs::rename(file, self.path(digest)).await
    }

    /// Stores a small content, such as a manifest.
    pub(crate) async fn put(&self, bytes: &[u8]) -> io::Result<Digest> {
        let digest = Digest::of(bytes);
        let file = self.scratch();
        tokio::fs::write(&file, bytes).await?;
        self.adopt(&file, &digest).await?;
        Ok(digest)
    }

    /// Reads a small content, such as a manifest.
    pub(crate) async fn read(&self, digest: &Digest) -> io::Result<Vec<u8>> {
        tokio::fs::read(self.path(digest)).await
    }
}
