//! Copies of a directory as checkouts make them: same content, other place, other times, other modes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

/// A copy of a directory in a temporary place.
pub struct Checkout {
    parent: TempDir,
    name: String,
}

impl Checkout {
    /// Copies `source` to a directory called `name`.
    #[must_use]
    pub fn of(source: &Path, name: &str) -> Self {
        Self::with_umask(source, name, 0o022)
    }

    /// Copies this checkout to another place as a user with this umask would get it.
    #[must_use]
    pub fn again(&self, name: &str, umask: u32) -> Self {
        Self::with_umask(&self.path(), name, umask)
    }

    fn with_umask(source: &Path, name: &str, umask: u32) -> Self {
        let checkout = Self {
            parent: tempfile::tempdir().expect("temporary directory"),
            name: name.to_owned(),
        };
        copy(source, &checkout.path(), umask);
        checkout
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.parent.path().join(&self.name)
    }

    /// Gives every file a new modification time.
    pub fn touch_everything(&self) {
        let now = SystemTime::now() - Duration::from_secs(7);
        each_file(&self.path(), &mut |file| {
            fs::File::options()
                .write(true)
                .open(file)
                .and_then(|file| file.set_modified(now))
                .expect("touch");
        });
    }
}

fn copy(from: &Path, to: &Path, umask: u32) {
    fs::create_dir_all(to).expect("directory");
    fs::set_permissions(to, fs::Permissions::from_mode(0o777 & !umask)).expect("mode");
    for entry in fs::read_dir(from).expect("directory") {
        let entry = entry.expect("entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy(&entry.path(), &target, umask);
            continue;
        }
        let executable = entry.metadata().expect("metadata").permissions().mode() & 0o100 != 0;
        let mode = if executable { 0o777 } else { 0o666 };
        fs::write(&target, fs::read(entry.path()).expect("file")).expect("file");
        fs::set_permissions(&target, fs::Permissions::from_mode(mode & !umask)).expect("mode");
    }
}

fn each_file(directory: &Path, work: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(directory).expect("directory") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            each_file(&path, work)
        } else {
            work(&path)
        }
    }
}
