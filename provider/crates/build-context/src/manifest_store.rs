//! File lists on disk, by fingerprint.
//!
//! Responsible for a directory with one file per fingerprint that never grows beyond 500 files or 200 MB.
//!
//! Refuses to fail its caller: a list that cannot be kept or read costs names in a message, nothing else.

use std::path::PathBuf;

use crate::manifest::Manifest;
use crate::shelf::{Bounds, Shelf};

const EXTENSION: &str = "manifest";
const BOUNDS: Bounds = Bounds {
    files: 500,
    bytes: 200_000_000,
};

/// A bounded directory of [`Manifest`]s.
#[derive(Debug, Clone)]
pub struct ManifestStore(Shelf);

impl ManifestStore {
    /// A store in `directory`, which is created when something is saved.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(Shelf::new(directory.into(), EXTENSION, BOUNDS))
    }

    /// Keeps `manifest` under a fingerprint, given in hexadecimal digits. Does next to nothing if it is kept already.
    /// Blocks.
    pub fn save(&self, fingerprint: &str, manifest: &Manifest) {
        let Some(name) = name_of(fingerprint) else { return };
        if self.0.size(&name) == Some(manifest.size()) {
            self.0.mark_used(&name);
        } else if let Err(error) = self.0.write(&name, &manifest.to_bytes()) {
            tracing::debug!(fingerprint, %error, "the list of files could not be kept");
        } else {
            self.0.prune();
        }
    }

    /// Reads the list kept under a fingerprint; `None` if there is none, or none that can be trusted. Blocks.
    #[must_use]
    pub fn load(&self, fingerprint: &str) -> Option<Manifest> {
        let name = name_of(fingerprint)?;
        let (bytes, _) = self.0.read(&name)?;
        let manifest = Manifest::from_bytes(&bytes);
        match manifest {
            Some(_) => self.0.mark_used(&name),
            None => self.0.remove(&name),
        }
        manifest
    }
}

/// Hexadecimal digits only, so that no name leaves the directory.
fn name_of(fingerprint: &str) -> Option<String> {
    let hexadecimal = !fingerprint.is_empty() && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
    (hexadecimal && fingerprint.len() <= 128).then(|| fingerprint.to_ascii_lowercase())
}
