//! Unpacks image layers into a root file system (OCI Image Specification, "Image Layer Filesystem Changeset").
//!
//! Whiteouts of a layer act on what lower layers left, so they are applied before the layer's own files. Layers are plain tar or gzip.

use std::fs::{self, File};
use std::io;
use std::path::{Component, Path, PathBuf};

use tar::{Archive, EntryType};

use crate::error::{LabError, Result, cannot};
use crate::images::decompress;

const WHITEOUT: &str = ".wh.";
const OPAQUE: &str = ".wh..wh..opq";

/// Unpacks `layers`, lowest first, into the new folder `root`.
pub(super) fn unpack(layers: &[PathBuf], root: &Path) -> Result<()> {
    fs::create_dir_all(root).map_err(cannot("create", root))?;
    for layer in layers {
        // The layer is shared with other containers, the root is not.
        let archive = root.with_extension("tar");
        decompress(layer, &archive)?;
        remove_whited_out(&archive, root)?;
        extract(&archive, root)?;
        fs::remove_file(&archive).map_err(cannot("remove", &archive))?;
    }
    Ok(())
}

fn remove_whited_out(archive: &Path, root: &Path) -> Result<()> {
    let mut source = open(archive)?;
    for entry in source.entries().map_err(cannot("read", archive))? {
        let entry = entry.map_err(cannot("read", archive))?;
        let path = inside(&entry.path().map_err(cannot("read", archive))?)?;
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let folder = root.join(path.parent().unwrap_or(Path::new("")));
        if name == OPAQUE {
            empty(&folder)?;
        } else if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            remove(&folder.join(hidden))?;
        }
    }
    Ok(())
}

fn extract(archive: &Path, root: &Path) -> Result<()> {
    let mut source = open(archive)?;
    source.set_preserve_permissions(true);
    source.set_preserve_ownerships(true);
    for entry in source.entries().map_err(cannot("read", archive))? {
        let mut entry = entry.map_err(cannot("read", archive))?;
        let path = inside(&entry.path().map_err(cannot("read", archive))?)?;
        let is_whiteout = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(WHITEOUT.as_bytes()));
        if is_whiteout || path.as_os_str().is_empty() {
            continue;
        }
        let target = root.join(&path);
        let there = fs::symlink_metadata(&target);
        let both_folders =
            entry.header().entry_type() == EntryType::Directory && there.as_ref().is_ok_and(fs::Metadata::is_dir);
        if there.is_ok() && !both_folders {
            remove(&target)?;
        }
        if !entry.unpack_in(root).map_err(cannot("unpack", &target))? {
            return Err(LabError::malformed(
                "the layer",
                format!("`{}` leads out of it", path.display()),
            ));
        }
    }
    Ok(())
}

fn open(archive: &Path) -> Result<Archive<File>> {
    Ok(Archive::new(File::open(archive).map_err(cannot("open", archive))?))
}

/// The path without `.` and leading `/`; refuses `..`.
fn inside(path: &Path) -> Result<PathBuf> {
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(LabError::malformed(
            "the layer",
            format!("`{}` leads out of it", path.display()),
        ));
    }
    Ok(path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect())
}

fn empty(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.flatten().try_for_each(|entry| remove(&entry.path())),
        Err(_) => Ok(()),
    }
}

fn remove(path: &Path) -> Result<()> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    let removed = if is_folder {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cannot("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(folder: &Path, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let path = folder.join(name);
        let mut archive = tar::Builder::new(File::create(&path).unwrap());
        for (file, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o640);
            let me = fs::metadata(folder).unwrap();
            header.set_uid(std::os::unix::fs::MetadataExt::uid(&me).into());
            header.set_gid(std::os::unix::fs::MetadataExt::gid(&me).into());
            archive.append_data(&mut header, file, text.as_bytes()).unwrap();
        }
        archive.finish().unwrap();
        path
    }

    #[test]
    fn whiteouts_hide_files_of_lower_layers_only() {
        let folder = tempfile::tempdir().unwrap();
        let lower = layer(folder.path(), "a", &[("d/gone", "1"), ("d/kept", "2"), ("o/old", "3")]);
        let upper = layer(
            folder.path(),
            "b",
            &[("o/new", "4"), ("d/.wh.gone", ""), ("o/.wh..wh..opq", "")],
        );
        let root = folder.path().join("root");
        unpack(&[lower, upper], &root).unwrap();
        assert!(!root.join("d/gone").exists());
        assert_eq!(fs::read_to_string(root.join("d/kept")).unwrap(), "2");
        assert!(!root.join("o/old").exists());
        assert_eq!(fs::read_to_string(root.join("o/new")).unwrap(), "4");
        assert!(!root.join("d/.wh.gone").exists());
    }

    #[test]
    fn folder_of_a_lower_layer_gives_way_to_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let lower = layer(folder.path(), "a", &[("x/y", "1")]);
        let upper = layer(folder.path(), "b", &[("x", "2")]);
        let root = folder.path().join("root");
        unpack(&[lower, upper], &root).unwrap();
        assert_eq!(fs::read_to_string(root.join("x")).unwrap(), "2");
    }
}
