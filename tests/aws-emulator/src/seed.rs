//! Import of an OCI image layout (a tar archive) under a reference of any registry.
//!
//! The archive is streamed to disk and unpacked blob by blob; every blob must hash to its name, and every content that
//! the image refers to must be in the archive. A layout with several images becomes their index.
//! Follows "Image Layout Specification" of OCI.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use crate::digest::Digest;
use crate::emulator::Emulator;
use crate::manifest::{Descriptor, Manifest, ManifestInvalid, OCI_INDEX};
use crate::registry::{ReferencesMissing, check_references};
use crate::store::{CatalogError, ContentStore, RepositoryKey};

/// Why a layout could not be imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// The upload ended early.
    #[error("archive broke off")]
    BrokeOff(#[source] hyper::Error),
    /// Not a tar archive, or no disk.
    #[error("archive is not readable")]
    Unreadable(#[from] io::Error),
    /// No `index.json`.
    #[error("archive has no index.json")]
    NoIndex,
    /// A blob whose name is not its digest.
    #[error("blob `{name}` hashes to {actual}")]
    BlobMismatch {
        /// Path in the archive.
        name: String,
        /// Digest of the bytes.
        actual: Digest,
    },
    /// `index.json` or a manifest is malformed.
    #[error("manifest is invalid")]
    Manifest(#[from] ManifestInvalid),
    /// The layout is incomplete.
    #[error("layout is incomplete")]
    Incomplete(#[from] ReferencesMissing),
    /// The repository could not be recorded.
    #[error("repository is not recorded")]
    Catalog(#[from] CatalogError),
    /// The unpacking task ended abnormally.
    #[error("unpacking ended abnormally")]
    Aborted(#[from] tokio::task::JoinError),
}

#[derive(Deserialize)]
struct LayoutIndex {
    manifests: Vec<Descriptor>,
}

struct Unpacked {
    index: Vec<u8>,
    blobs: Vec<(Digest, u64)>,
}

/// Imports the archive in `body` and returns the digest that the tag now points to.
pub(crate) async fn import(
    emulator: &Emulator,
    (key, tag): (&RepositoryKey, &str),
    body: Incoming,
) -> Result<Digest, SeedError> {
    let archive = emulator.content.scratch();
    let received = receive(body, &archive).await;
    let unpacked = match received {
        Ok(()) => {
            let (store, archive) = (Arc::clone(&emulator.content), archive.clone());
            tokio::task::spawn_blocking(move || unpack(&archive, &store)).await?
        }
        Err(error) => Err(error),
    };
    tokio::fs::remove_file(&archive).await?;
    let Unpacked { index, blobs } = unpacked?;
    emulator.catalog.ensure(key)?;
    emulator.catalog.change(key, |repository| {
        repository.blobs.extend(blobs);
        Ok::<_, SeedError>(())
    })?;
    let digest = register(emulator, key, &index).await?;
    emulator.catalog.change(key, |repository| {
        repository.tags.insert(tag.to_owned(), digest.clone());
        Ok(digest)
    })
}

async fn receive(mut body: Incoming, to: &Path) -> Result<(), SeedError> {
    let mut file = tokio::fs::File::create(to).await?;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(SeedError::BrokeOff)?.into_data() {
            file.write_all(&data).await?;
        }
    }
    Ok(file.flush().await?)
}

fn unpack(archive: &Path, store: &ContentStore) -> Result<Unpacked, SeedError> {
    let mut index = None;
    let mut blobs = Vec::new();
    for entry in tar::Archive::new(File::open(archive)?).entries()? {
        let mut entry = entry?;
        let path = entry
            .path()?
            .strip_prefix(".")
            .map(PathBuf::from)
            .or_else(|_| entry.path().map(PathBuf::from))?;
        let name = path.to_string_lossy().into_owned();
        if name == "index.json" {
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes)?;
            index = Some(bytes);
        } else if let Some(hex) = name.strip_prefix("blobs/sha256/").filter(|hex| !hex.is_empty()) {
            let (digest, size) = keep(&mut entry, store)?;
            if digest.hex() != hex {
                return Err(SeedError::BlobMismatch { name, actual: digest });
            }
            blobs.push((digest, size));
        }
    }
    Ok(Unpacked {
        index: index.ok_or(SeedError::NoIndex)?,
        blobs,
    })
}

fn keep(content: &mut impl Read, store: &ContentStore) -> Result<(Digest, u64), SeedError> {
    let scratch = store.scratch();
    let mut file = File::create(&scratch)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let length = content.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        file.write_all(&buffer[..length])?;
        size += length as u64;
    }
    let digest = Digest::finish(hasher);
    std::fs::rename(scratch, store.path(&digest))?;
    Ok((digest, size))
}

/// Records the images of a layout, children before their index, and returns the topmost digest.
async fn register(emulator: &Emulator, key: &RepositoryKey, index: &[u8]) -> Result<Digest, SeedError> {
    let layout: LayoutIndex = serde_json::from_slice(index).map_err(ManifestInvalid::Malformed)?;
    let (top, bytes) = match &layout.manifests[..] {
        [only] => (only.media_type.clone(), emulator.content.read(&only.digest).await?),
        _ => (OCI_INDEX.to_owned(), index.to_vec()),
    };
    let mut found = vec![(top, bytes)];
    let mut next = 0;
    while let Some((media_type, bytes)) = found.get(next) {
        for child in Manifest::parse(media_type, bytes)?.children {
            let bytes = emulator.content.read(&child.digest).await?;
            found.push((child.media_type, bytes));
        }
        next += 1;
    }
    for (media_type, bytes) in found.iter().rev() {
        let manifest = Manifest::parse(media_type, bytes)?;
        let digest = emulator.content.put(bytes).await?;
        emulator.catalog.change(key, |repository| {
            check_references(repository, &manifest, false)?;
            repository.add(&digest, &manifest);
            Ok::<_, SeedError>(())
        })?;
    }
    Ok(Digest::of(&found[0].1))
}
