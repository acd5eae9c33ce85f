//! Buckets, their objects with versions, and uploads in parts.
//!
//! Listings are held in memory until the process ends, contents are files. All buckets share one name space, whoever
//! owns them and wherever they are.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::HeaderName;
use serde_json::{Value, json};

use super::checksum::{Algorithm, Checksum, Coverage};
use super::segment::Segment;
use crate::clock;
use crate::random;

/// Version id of objects in a bucket without versions.
pub(super) const NULL_VERSION: &str = "null";

/// How a bucket keeps older objects of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Versioning {
    Unset,
    Enabled,
    Suspended,
}

/// How an object is encrypted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Encryption {
    Aes256,
    /// By this KMS key.
    Kms(String),
}

/// One version of an object.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) version: String,
    pub(super) segments: Vec<Arc<Segment>>,
    pub(super) size: u64,
    /// Without quotes.
    pub(super) etag: String,
    /// Seconds since the epoch.
    pub(super) modified: i64,
    pub(super) checksum: Checksum,
    /// Headers that come back as they were sent.
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) encryption: Encryption,
}

/// What a key has in its history.
#[derive(Clone)]
pub(super) enum Entry {
    Object(Box<Object>),
    DeleteMarker(String),
}

/// One part of an upload.
pub(super) struct Part {
    pub(super) segment: Arc<Segment>,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Vec<u8>,
    /// Seconds since the epoch.
    pub(super) modified: i64,
}

/// An upload in parts that is under way.
pub(super) struct Upload {
    pub(super) key: String,
    /// Seconds since the epoch.
    pub(super) initiated: i64,
    pub(super) headers: Vec<(HeaderName, String)>,
    pub(super) encryption: Encryption,
    pub(super) algorithm: Algorithm,
    pub(super) coverage: Coverage,
    /// Whether the client chose the algorithm, which parts must follow then.
    pub(super) chosen: bool,
    pub(super) parts: BTreeMap<u32, Part>,
}

/// One bucket.
pub(super) struct Bucket {
    pub(super) account: String,
    pub(super) region: String,
    /// Seconds since the epoch.
    pub(super) created: i64,
    pub(super) versioning: Versioning,
    pub(super) encryption: Encryption,
    /// The history of every key, newest last.
    pub(super) objects: BTreeMap<String, Vec<Entry>>,
    pub(super) uploads: BTreeMap<String, Upload>,
}

/// All buckets.
pub(crate) struct Buckets {
    directory: PathBuf,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

impl Buckets {
    /// Opens an empty store below `directory`; contents of an earlier run are removed.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let directory = directory.join("s3");
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::fs::create_dir_all(&directory)?,
        }
        Ok(Self {
            directory,
            buckets: Mutex::default(),
        })
    }

    /// Makes a bucket for a test; one that exists gets the region and encryption.
    pub(crate) fn arrange(&self, name: &str, (account, region): (&str, &str), kms_key: Option<&str>) {
        let mut buckets = self.lock();
        let bucket = buckets
            .entry(name.to_owned())
            .or_insert_with(|| Bucket::new(account, region));
        region.clone_into(&mut bucket.region);
        bucket.encryption = kms_key.map_or(Encryption::Aes256, |key| Encryption::Kms(key.to_owned()));
    }

    /// Lists keys and open uploads of every bucket.
    pub(crate) fn list(&self) -> Value {
        let describe = |bucket: &Bucket| {
            let uploads = bucket.uploads.iter().map(|(id, upload)| {
                json!({"uploadId": id, "key": upload.key, "parts": upload.parts.keys().collect::<Vec<_>>()})
            });
            json!({"region": bucket.region, "keys": bucket.keys(), "uploads": uploads.collect::<Vec<_>>()})
        };
        let buckets = self.lock();
        buckets
            .iter()
            .map(|(name, bucket)| (name.clone(), describe(bucket)))
            .collect()
    }

    /// A fresh file.
    pub(super) fn segment(&self) -> Segment {
        Segment::new(&self.directory)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    pub(super) fn new(account: &str, region: &str) -> Self {
        Self {
            account: account.to_owned(),
            region: region.to_owned(),
            created: clock::now(),
            versioning: Versioning::Unset,
            encryption: Encryption::Aes256,
            objects: BTreeMap::new(),
            uploads: BTreeMap::new(),
        }
    }

    /// Lists the keys that have an object now.
    fn keys(&self) -> Vec<&String> {
        self.current().map(|(key, _)| key).collect()
    }

    /// Returns every key with its object, in order.
    pub(super) fn current(&self) -> impl Iterator<Item = (&String, &Object)> {
        self.objects.iter().filter_map(|(key, history)| match history.last() {
            Some(Entry::Object(object)) => Some((key, object.as_ref())),
            _ => None,
        })
    }

    /// Tells whether the key has an object now.
    pub(super) fn has(&self, key: &str) -> bool {
        matches!(
            self.objects.get(key).and_then(|history| history.last()),
            Some(Entry::Object(_))
        )
    }

    /// Stores an object and returns its version id.
    pub(super) fn put(&mut self, key: &str, mut object: Object) -> String {
        let version = self.new_version();
        object.version.clone_from(&version);
        self.push(key, Entry::Object(Box::new(object)));
        version
    }

    /// Puts a marker where versions are kept, and removes the object where they are not.
    pub(super) fn delete(&mut self, key: &str) -> Option<String> {
        if self.versioning == Versioning::Unset {
            self.objects.remove(key);
            return None;
        }
        let version = self.new_version();
        self.push(key, Entry::DeleteMarker(version.clone()));
        Some(version)
    }

    /// Removes one version; tells whether it was a marker.
    pub(super) fn delete_version(&mut self, key: &str, version: &str) -> bool {
        let Some(history) = self.objects.get_mut(key) else {
            return false;
        };
        let at = history.iter().position(|entry| entry.version() == version);
        let removed = at.map(|at| history.remove(at));
        if history.is_empty() {
            self.objects.remove(key);
        }
        matches!(removed, Some(Entry::DeleteMarker(_)))
    }

    fn new_version(&self) -> String {
        match self.versioning {
            Versioning::Enabled => random::hex(16),
            Versioning::Unset | Versioning::Suspended => NULL_VERSION.to_owned(),
        }
    }

    fn push(&mut self, key: &str, entry: Entry) {
        let history = self.objects.entry(key.to_owned()).or_default();
        if entry.version() == NULL_VERSION {
            history.retain(|before| before.version() != NULL_VERSION);
        }
        history.push(entry);
    }
}

impl Entry {
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Object(object) => &object.version,
            Self::DeleteMarker(version) => version,
        }
    }
}
