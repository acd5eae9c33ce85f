//! What is remembered of one context, and the file that keeps it.
//!
//! Layout of the file: a version line, the identity of the rest, the time of the latest walk, device, inode and path of
//! the context, the directories. A file that is damaged, foreign or of another version reads as none; its name holds
//! the version, so that two versions of the program do not overwrite each other's.
//!
//! Responsible for forgetting everything when the clock was set back: what was trusted because it was older than the
//! walk that read it may not be older any more.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant, SystemTime};

use sha2::{Digest, Sha256};

use super::directory::{Directory, Fresh};
use crate::content::ContentId;
use crate::shelf::{Shelf, Version};
use crate::walk::Names;

const HEADER: &[u8] = b"fastcontainer stat cache 1\n";
const IDENTITY: usize = 32;
/// Bytes that the file of one context may have: about a million files.
const LARGEST: usize = 128 << 20;
/// Clock differences between two threads that mean nothing.
const TOLERANCE: i64 = 10_000_000;

/// The directories of a context by their path.
type Directories = HashMap<Box<[u8]>, Directory>;

/// What tells contexts apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RootKey {
    pub(crate) path: PathBuf,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// What was learned about one directory.
#[derive(Debug)]
pub(crate) struct Lesson {
    pub(crate) folder: Box<[u8]>,
    pub(crate) fresh: Vec<Fresh>,
    /// All names in it, sorted; none if it was not listed.
    pub(crate) listed: Option<Arc<Names>>,
}

/// What is remembered of one context.
#[derive(Debug)]
pub(crate) struct RootCache {
    key: RootKey,
    directories: RwLock<Directories>,
    bookkeeping: Mutex<Bookkeeping>,
}

#[derive(Debug, Default)]
struct Bookkeeping {
    /// Start of the latest walk, in nanoseconds since 1970.
    latest: i64,
    /// Files that were learned since the cache was written.
    unsaved: usize,
    saved: Option<Instant>,
    /// The file as it was read or written by this process.
    version: Option<Version>,
}

impl RootKey {
    fn bytes(&self) -> Vec<u8> {
        let path = self.path.as_os_str().as_encoded_bytes();
        let numbers = [self.device, self.inode, path.len() as u64].map(u64::to_le_bytes);
        [numbers.as_flattened(), path].concat()
    }

    fn file_name(&self) -> String {
        hex::encode(&Sha256::digest(self.bytes())[..16])
    }
}

impl RootCache {
    /// Reads what is kept for a context.
    pub(super) fn open(key: RootKey, shelf: &Shelf) -> Self {
        let name = key.file_name();
        let read = shelf.read(&name).and_then(|(bytes, version)| {
            let (latest, directories) = decode(bytes, &key)?;
            shelf.mark_used(&name);
            Some((latest, directories, version))
        });
        let (latest, directories, version) = match read {
            Some((latest, directories, version)) => (latest, directories, Some(version)),
            None => (0, HashMap::new(), None),
        };
        Self {
            key,
            directories: RwLock::new(directories),
            bookkeeping: Mutex::new(Bookkeeping {
                latest,
                version,
                ..Bookkeeping::default()
            }),
        }
    }

    /// A walk begins.
    pub(crate) fn begin(&self) {
        let mut books = self.books();
        let now = nanoseconds_now();
        if now < books.latest.saturating_sub(TOLERANCE) {
            self.directories.write().unwrap_or_else(PoisonError::into_inner).clear();
            books.version = None;
        }
        books.latest = now;
    }

    pub(crate) fn directory(&self, path: &[u8]) -> Option<Directory> {
        self.directories
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(path)
            .cloned()
    }

    /// Remembers what a walk found out. Tells whether it is time to write it down.
    pub(crate) fn learn(&self, lessons: Vec<Lesson>, patience: (usize, Duration)) -> bool {
        let mut by_folder: HashMap<Box<[u8]>, Lesson> = HashMap::new();
        for mut lesson in lessons {
            match by_folder.entry(lesson.folder.clone()) {
                Entry::Occupied(known) => known.into_mut().fresh.append(&mut lesson.fresh),
                Entry::Vacant(place) => drop(place.insert(lesson)),
            }
        }
        let mut learned = 0;
        let mut directories = self.directories.write().unwrap_or_else(PoisonError::into_inner);
        for (folder, Lesson { fresh, listed, .. }) in by_folder {
            learned += fresh.len();
            if let Some(merged) = Directory::merged(directories.get(&folder), &folder, fresh, listed.as_deref()) {
                directories.insert(folder, merged);
            }
        }
        drop(directories);
        let mut books = self.books();
        books.unsaved += learned;
        let (files, pause) = patience;
        let due = books.unsaved >= files && books.saved.is_none_or(|saved| saved.elapsed() >= pause);
        if due {
            books.saved = Some(Instant::now());
        }
        due
    }

    /// Writes what is new, together with what other processes wrote meanwhile.
    pub(super) fn save(&self, shelf: &Shelf) -> std::io::Result<bool> {
        let mut books = self.books();
        if books.unsaved == 0 {
            return Ok(false);
        }
        books.unsaved = 0;
        books.saved = Some(Instant::now());
        let name = self.key.file_name();
        if shelf.version(&name) != books.version {
            self.adopt(shelf, &name, &mut books);
        }
        let bytes = self.encode(books.latest);
        books.version = shelf.write(&name, &bytes)?;
        Ok(true)
    }

    /// Takes over the directories that only another process knows. A walk there that is later than ours by the clock
    /// means that the clock was set back: nothing is taken over then.
    fn adopt(&self, shelf: &Shelf, name: &str, books: &mut Bookkeeping) {
        let others = shelf.read(name).and_then(|(bytes, _)| decode(bytes, &self.key));
        if let Some((latest, others)) = others.filter(|(latest, _)| *latest <= nanoseconds_now()) {
            books.latest = books.latest.max(latest);
            let mut directories = self.directories.write().unwrap_or_else(PoisonError::into_inner);
            for (path, directory) in others {
                directories.entry(path).or_insert(directory);
            }
        }
    }

    fn encode(&self, latest: i64) -> Vec<u8> {
        let directories = self.directories.read().unwrap_or_else(PoisonError::into_inner);
        let size: usize = directories.values().map(|directory| directory.encoded().len()).sum();
        let mut body = Vec::with_capacity(HEADER.len() + IDENTITY + 64 + self.key.bytes().len() + size.min(LARGEST));
        body.extend_from_slice(HEADER);
        body.extend_from_slice(&[0; IDENTITY]);
        body.extend_from_slice(&latest.to_le_bytes());
        body.extend_from_slice(&self.key.bytes());
        for directory in directories.values().filter(|directory| directory.len() > 0) {
            if body.len() + directory.encoded().len() <= LARGEST {
                body.extend_from_slice(directory.encoded());
            }
        }
        let start = HEADER.len() + IDENTITY;
        let identity = ContentId::on_all_cores(&body[start..]);
        body[HEADER.len()..start].copy_from_slice(&identity.0);
        body
    }

    fn books(&self) -> MutexGuard<'_, Bookkeeping> {
        self.bookkeeping.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn path(&self) -> &Path {
        &self.key.path
    }
}

/// The time of the latest walk and the directories of a file that [`RootCache::encode`] wrote for this context.
fn decode(bytes: Vec<u8>, key: &RootKey) -> Option<(i64, Directories)> {
    let (identity, body) = bytes.strip_prefix(HEADER)?.split_first_chunk::<IDENTITY>()?;
    if ContentId::on_all_cores(body).0 != *identity {
        return None;
    }
    let (latest, rest) = body.split_first_chunk::<8>()?;
    let latest = i64::from_le_bytes(*latest);
    let mut at = bytes.len() - rest.strip_prefix(&key.bytes()[..])?.len();
    let bytes = Arc::new(bytes);
    let mut directories = HashMap::new();
    while at < bytes.len() {
        let directory = Directory::at(&bytes, at)?;
        at = directory.end();
        directories.insert(directory.path().into(), directory);
    }
    Some((latest, directories))
}

/// Now, in nanoseconds since 1970.
pub(crate) fn nanoseconds_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
