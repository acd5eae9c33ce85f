//! Reading a Dockerfile or an ignore file whole.
//!
//! Responsible for the two small files that steer a build; both may lie outside the context, so symbolic links are
//! followed here as the shell would. What is not a regular file, or is larger than anybody writes, is refused before
//! it is read, so that a device or FIFO cannot hang a preview.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::error::ContextError;
use crate::ignore::IgnoreRules;

/// Larger Dockerfiles and ignore files are refused.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Reads the Dockerfile at `path`. Blocks.
///
/// # Errors
/// [`ContextError::DockerfileMissing`], [`ContextError::NotAFile`], [`ContextError::TooLarge`] over 16 MiB,
/// [`ContextError::Unreadable`]; each with the absolute path.
pub fn read_dockerfile(path: &Path) -> Result<Vec<u8>, ContextError> {
    read_if_there(path)?.ok_or_else(|| ContextError::DockerfileMissing { path: absolute(path) })
}

/// Finds and reads the ignore file of a context. `<dockerfile>.dockerignore` beside the Dockerfile comes before
/// `.dockerignore` in the context, even when it is empty. No file means no rules. Blocks.
///
/// # Errors
/// [`ContextError::IgnorePattern`] for a line that is no pattern; [`ContextError::NotAFile`],
/// [`ContextError::TooLarge`] over 16 MiB and [`ContextError::Unreadable`] for the file itself.
pub fn find_ignore_file(context: &Path, dockerfile: Option<&Path>) -> Result<IgnoreRules, ContextError> {
    let beside = dockerfile.map(|dockerfile| {
        let mut name = OsString::from(dockerfile);
        name.push(".dockerignore");
        PathBuf::from(name)
    });
    for path in beside.into_iter().chain([context.join(".dockerignore")]) {
        if let Some(bytes) = read_if_there(&path)? {
            return IgnoreRules::parse(&path.display().to_string(), &bytes);
        }
    }
    Ok(IgnoreRules::none())
}

/// The absolute form of a path, for messages and for walking; symbolic links stay.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, ContextError> {
    let unreadable = |source: io::Error| ContextError::Unreadable {
        path: absolute(path),
        source,
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match openat(CWD, path, flags, Mode::empty())
        .map(File::from)
        .map_err(io::Error::from)
    {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(error)),
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(ContextError::NotAFile { path: absolute(path) });
    }
    let mut bytes = Vec::new();
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LIMIT {
        return Err(ContextError::TooLarge {
            path: absolute(path),
            limit: LIMIT,
        });
    }
    Ok(Some(bytes))
}
