//! File lists on disk, by fingerprint.
//!
//! Responsible for a directory with one file per fingerprint that never grows beyond 500 files or 200 MB: the lists
//! that were used least recently go first. Files appear whole or not at all (a temporary name, then a rename), so any
//! number of processes may share the directory.
//!
//! Refuses to fail its caller: a list that cannot be kept or read costs names in a message, nothing else.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::manifest::Manifest;

const EXTENSION: &str = "manifest";
const TEMPORARY: &str = "tmp";
/// A temporary file that is older belongs to a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);

static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// What the store may hold.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    files: usize,
    bytes: u64,
}

/// A bounded directory of [`Manifest`]s.
#[derive(Debug, Clone)]
pub struct ManifestStore {
    directory: PathBuf,
    bounds: Bounds,
}

impl ManifestStore {
    /// A store in `directory`, which is created when something is saved.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            bounds: Bounds {
                files: 500,
                bytes: 200_000_000,
            },
        }
    }

    /// Keeps `manifest` under a fingerprint, given in hexadecimal digits. Blocks.
    pub fn save(&self, fingerprint: &str, manifest: &Manifest) {
        let Some(path) = self.path_of(fingerprint) else { return };
        if let Err(error) = self.write(&path, manifest) {
            tracing::debug!(path = %path.display(), %error, "the list of files could not be kept");
        }
    }

    /// Reads the list kept under a fingerprint; `None` if there is none, or none that can be trusted. Blocks.
    #[must_use]
    pub fn load(&self, fingerprint: &str) -> Option<Manifest> {
        let path = self.path_of(fingerprint)?;
        let manifest = Manifest::from_bytes(&fs::read(&path).ok()?);
        match manifest {
            Some(_) => mark_used(&path),
            None => drop(fs::remove_file(&path)),
        }
        manifest
    }

    /// Hexadecimal digits only, so that no name leaves the directory.
    fn path_of(&self, fingerprint: &str) -> Option<PathBuf> {
        let hexadecimal = !fingerprint.is_empty() && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
        let name = format!("{}.{EXTENSION}", fingerprint.to_ascii_lowercase());
        (hexadecimal && fingerprint.len() <= 128).then(|| self.directory.join(name))
    }

    fn write(&self, path: &Path, manifest: &Manifest) -> io::Result<()> {
        let bytes = manifest.to_bytes();
        if fs::metadata(path).is_ok_and(|kept| kept.len() == bytes.len() as u64) {
            mark_used(path);
            return Ok(());
        }
        fs::create_dir_all(&self.directory)?;
        let number = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{number}.{TEMPORARY}", std::process::id()));
        let written = File::create_new(&temporary).and_then(|mut file| file.write_all(&bytes));
        if let Err(error) = written.and_then(|()| fs::rename(&temporary, path)) {
            drop(fs::remove_file(&temporary));
            return Err(error);
        }
        self.prune()
    }

    /// Removes what is beyond the bounds, least recently used first, and what dead processes left.
    fn prune(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for file in fs::read_dir(&self.directory)? {
            let path = file?.path();
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let used = metadata.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(EXTENSION) => kept.push((used, metadata.len(), path)),
                Some(TEMPORARY) if used.elapsed().is_ok_and(|age| age > ABANDONED) => fs::remove_file(&path)?,
                _ => {}
            }
        }
        kept.sort_by(|one, other| other.cmp(one));
        let (mut files, mut bytes) = (0, 0);
        for (_, size, path) in kept {
            files += 1;
            bytes += size;
            if files > self.bounds.files || bytes > self.bounds.bytes {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn mark_used(path: &Path) {
    let times = FileTimes::new().set_modified(SystemTime::now());
    let marked = File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_times(times));
    if let Err(error) = marked {
        tracing::debug!(path = %path.display(), %error, "the list of files keeps its age");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{Entry, EntryKind};

    fn manifest(path: &str) -> Manifest {
        Manifest::of(&[Entry {
            path: path.into(),
            kind: EntryKind::Directory,
            mtime_ns: 0,
        }])
    }

    fn age(store: &ManifestStore, fingerprint: &str, seconds: u64) {
        let file = File::options()
            .append(true)
            .open(store.path_of(fingerprint).unwrap())
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
    }

    #[test]
    fn the_least_recently_used_list_goes_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let bounds = Bounds {
            files: 2,
            bytes: 1_000_000,
        };
        let store = ManifestStore {
            directory: folder.path().into(),
            bounds,
        };
        for (name, seconds) in [("aa", 30), ("bb", 20)] {
            store.save(name, &manifest(name));
            age(&store, name, seconds);
        }
        assert!(store.load("aa").is_some(), "using a list makes it young");
        store.save("cc", &manifest("cc"));
        assert_eq!(
            ["aa", "bb", "cc"].map(|name| store.load(name).is_some()),
            [true, false, true]
        );
    }

    #[test]
    fn old_lists_go_when_there_are_too_many_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let one = manifest("a").to_bytes().len() as u64;
        let bounds = Bounds {
            files: 500,
            bytes: 2 * one,
        };
        let store = ManifestStore {
            directory: folder.path().into(),
            bounds,
        };
        for (at, name) in ["a1", "a2", "a3"].into_iter().enumerate() {
            store.save(name, &manifest("a"));
            age(&store, name, 100 - at as u64);
        }
        assert_eq!(
            ["a1", "a2", "a3"].map(|name| store.load(name).is_some()),
            [false, true, true]
        );
    }

    #[test]
    fn what_a_dead_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = ManifestStore::new(folder.path());
        let left = folder.path().join("aa.1-1.tmp");
        File::create(&left)
            .unwrap()
            .set_modified(SystemTime::now() - 2 * ABANDONED)
            .unwrap();
        let running = folder.path().join("aa.1-2.tmp");
        File::create(&running).unwrap();
        store.save("bb", &manifest("b"));
        assert_eq!((left.exists(), running.exists()), (false, true));
    }
}
