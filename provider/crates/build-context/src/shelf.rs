//! A bounded directory of files that may be lost at any time.
//!
//! Responsible for files that appear whole or not at all (a temporary name, then a rename), so that any number of
//! processes may share the directory, and for its bounds: the files that were used least recently go first. Files with
//! another extension belong to somebody else.

use std::fs::{self, File, FileTimes};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const TEMPORARY: &str = "tmp";
/// A temporary file that is older belongs to a process that died.
const ABANDONED: Duration = Duration::from_secs(3600);
/// A larger file was not written by us.
const LARGEST: u64 = 1 << 30;

static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// What a shelf may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) files: usize,
    pub(crate) bytes: u64,
}

/// What tells whether a file was replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Version {
    inode: u64,
    size: u64,
}

/// The files with one extension in one directory.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    directory: PathBuf,
    extension: &'static str,
    bounds: Bounds,
}

impl Shelf {
    pub(crate) fn new(directory: PathBuf, extension: &'static str, bounds: Bounds) -> Self {
        Self {
            directory,
            extension,
            bounds,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}.{}", self.extension))
    }

    /// The bytes of a regular file, and which version of it they are.
    pub(crate) fn read(&self, name: &str) -> Option<(Vec<u8>, Version)> {
        let path = self.path(name);
        let known = fs::metadata(&path).ok()?;
        if !known.is_file() || known.len() > LARGEST {
            return None;
        }
        let bytes = fs::read(&path).ok()?;
        Some((bytes, Version::of(&known)))
    }

    pub(crate) fn version(&self, name: &str) -> Option<Version> {
        fs::metadata(self.path(name)).ok().as_ref().map(Version::of)
    }

    /// Bytes of a file.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.version(name).map(|version| version.size)
    }

    pub(crate) fn remove(&self, name: &str) {
        drop(fs::remove_file(self.path(name)));
    }

    /// Writes a file whole. The caller prunes.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<Option<Version>> {
        fs::create_dir_all(&self.directory)?;
        let path = self.path(name);
        let number = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{number}.{TEMPORARY}", std::process::id()));
        let written = File::create_new(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.metadata()
        });
        match written.and_then(|metadata| fs::rename(&temporary, &path).map(|()| metadata)) {
            Ok(metadata) => Ok(Some(Version::of(&metadata))),
            Err(error) => {
                drop(fs::remove_file(&temporary));
                Err(error)
            }
        }
    }

    /// Makes a file the youngest.
    pub(crate) fn mark_used(&self, name: &str) {
        let path = self.path(name);
        let times = FileTimes::new().set_modified(SystemTime::now());
        let marked = File::options()
            .append(true)
            .open(&path)
            .and_then(|file| file.set_times(times));
        if let Err(error) = marked {
            tracing::debug!(path = %path.display(), %error, "the file keeps its age");
        }
    }

    /// Removes what is beyond the bounds, least recently used first, and what dead processes left.
    pub(crate) fn prune(&self) {
        if let Err(error) = self.try_prune() {
            tracing::debug!(path = %self.directory.display(), %error, "the directory was not tidied");
        }
    }

    fn try_prune(&self) -> io::Result<()> {
        let mut kept = Vec::new();
        for file in fs::read_dir(&self.directory)? {
            let path = file?.path();
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let used = metadata.modified()?;
            match path.extension().and_then(|extension| extension.to_str()) {
                Some(TEMPORARY) if used.elapsed().is_ok_and(|age| age > ABANDONED) => drop(fs::remove_file(&path)),
                Some(extension) if extension == self.extension => kept.push((used, metadata.len(), path)),
                _ => {}
            }
        }
        kept.sort_by(|one, other| other.cmp(one));
        let (mut files, mut bytes) = (0, 0);
        for (_, size, path) in kept {
            files += 1;
            bytes += size;
            if files > self.bounds.files || bytes > self.bounds.bytes {
                drop(fs::remove_file(path));
            }
        }
        Ok(())
    }
}

impl Version {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            size: metadata.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn shelf(folder: &Path, files: usize, bytes: u64) -> Shelf {
        Shelf::new(folder.into(), "kept", Bounds { files, bytes })
    }

    fn put(shelf: &Shelf, name: &str, seconds: u64) {
        shelf.write(name, b"content").unwrap();
        let file = File::options().append(true).open(shelf.path(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
    }

    fn kept<const N: usize>(shelf: &Shelf, names: [&str; N]) -> [bool; N] {
        names.map(|name| shelf.read(name).is_some())
    }

    #[test]
    fn the_least_recently_used_file_goes_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), 2, 1_000_000);
        put(&shelf, "aa", 30);
        put(&shelf, "bb", 20);
        shelf.mark_used("aa");
        shelf.write("cc", b"").unwrap();
        shelf.prune();
        assert_eq!(kept(&shelf, ["aa", "bb", "cc"]), [true, false, true]);
    }

    #[test]
    fn old_files_go_when_there_are_too_many_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), 500, 14);
        put(&shelf, "a1", 100);
        put(&shelf, "a2", 99);
        put(&shelf, "a3", 98);
        shelf.prune();
        assert_eq!(kept(&shelf, ["a1", "a2", "a3"]), [false, true, true]);
    }

    #[test]
    fn what_a_dead_process_left_is_removed_and_what_others_keep_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = shelf(folder.path(), 0, 0);
        let [left, running, other] = ["aa.1-1.tmp", "aa.1-2.tmp", "aa.kept-2"].map(|name| folder.path().join(name));
        for path in [&left, &running, &other] {
            File::create(path).unwrap();
        }
        let old = SystemTime::now() - 2 * ABANDONED;
        File::options()
            .append(true)
            .open(&left)
            .unwrap()
            .set_modified(old)
            .unwrap();
        shelf.prune();
        assert_eq!([left, running, other].map(|path| path.exists()), [false, true, true]);
    }
}
