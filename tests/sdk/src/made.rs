//! What is below `target/sdk/`: made once from the same sources by the same recipe.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::tool::{ToolError, at};
use crate::{root, work};

/// Name of the file that tells what a folder was made from.
const STAMP: &str = ".made-from";

/// Lets `make` fill the folder `name`, unless it is full already: made from these sources of `sdk/LANGUAGE`, with this recipe.
pub(crate) fn once(
    name: &str,
    language: &str,
    recipe: &str,
    make: impl FnOnce(&Path) -> Result<(), ToolError>,
) -> Result<PathBuf, ToolError> {
    let folder = work(name);
    let (stamp, wanted) = (folder.join(STAMP), digest(language, recipe)?);
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(folder);
    }
    let _ = fs::remove_file(&stamp);
    make(&folder)?;
    fs::write(&stamp, wanted).map_err(at(stamp))?;
    Ok(folder)
}

/// Fills `folder` with the sources of `sdk/LANGUAGE` and nothing else but `kept`.
pub(crate) fn copy_sources(language: &str, folder: &Path, kept: &str) -> Result<(), ToolError> {
    for entry in fs::read_dir(folder).map_err(at(folder))?.flatten() {
        let path = entry.path();
        if entry.file_name() == kept {
            continue;
        }
        let removed = if path.is_dir() {
            fs::remove_dir_all(&path)
        } else {
            fs::remove_file(&path)
        };
        removed.map_err(at(path))?;
    }
    let sources = root().join("sdk").join(language);
    for file in files_below(&sources)? {
        let target = folder.join(file.strip_prefix(&sources).unwrap_or(&file));
        fs::create_dir_all(target.parent().unwrap_or(folder)).map_err(at(folder))?;
        fs::copy(&file, &target).map_err(at(target))?;
    }
    Ok(())
}

fn digest(language: &str, recipe: &str) -> Result<String, ToolError> {
    let sources = root().join("sdk").join(language);
    let mut hash = Sha256::new();
    hash.update(recipe);
    for file in files_below(&sources)? {
        hash.update(file.to_string_lossy().as_bytes());
        hash.update(Sha256::digest(fs::read(&file).map_err(at(file))?));
    }
    Ok(hex::encode(hash.finalize()))
}

/// All files below a folder, in order.
///
/// # Errors
/// When a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>, ToolError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(at(folder))? {
        let path = entry.map_err(at(folder))?.path();
        if path.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
