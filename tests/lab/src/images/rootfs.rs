//! A minimal Debian file system by mmdebstrap, trimmed the way slim images are.
//!
//! mmdebstrap writes a sorted archive; it is copied entry by entry into the layer, without documentation, locales, caches and whatever
//! belongs to the machine it was made on.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tar::{Archive, EntryType};

use crate::error::{LabError, Result, cannot};
use crate::images::layer::{EPOCH, LayerWriter};
use crate::process::run_watched;
use crate::tools::Tools;

/// Only what lies below these folders is left out; the folders themselves stay.
const EMPTIED: &[&str] = &[
    "dev",
    "proc",
    "sys",
    "run",
    "tmp",
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
    "var/log",
];

const LEFT_OUT: &[&str] = &[
    "etc/hostname",
    "etc/resolv.conf",
    "etc/machine-id",
    "var/cache/debconf/templates.dat-old",
];

/// Adds a Debian 12 system with `packages` (comma separated) to the layer. Root only.
pub(super) fn write(tools: &Tools, packages: &str, directory: &Path, layer: &mut LayerWriter) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::missing(
            "root",
            "base images are made by mmdebstrap; run `cargo xtask setup` as root once",
        ));
    }
    let archive = directory.join("rootfs.tar");
    debootstrap(tools, packages, &archive)?;
    copy(&archive, layer)?;
    fs::remove_file(&archive).map_err(cannot("remove", &archive))
}

fn debootstrap(tools: &Tools, packages: &str, archive: &Path) -> Result<()> {
    let mut command = Command::new(tools.debian_root()?.join("usr/bin/mmdebstrap"));
    command
        .envs(tools.debian_environment()?)
        .env_remove("LD_LIBRARY_PATH")
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        .args([
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            "--include",
            packages,
            "bookworm",
        ])
        .arg(archive);
    run_watched(
        &format!("mmdebstrap bookworm with {packages}"),
        &mut command,
        &archive.with_file_name("build.log"),
    )
}

fn copy(archive: &Path, layer: &mut LayerWriter) -> Result<()> {
    let mut source = Archive::new(File::open(archive).map_err(cannot("open", archive))?);
    for entry in source.entries().map_err(cannot("read", archive))? {
        let mut entry = entry.map_err(cannot("read", archive))?;
        let path: PathBuf = entry
            .path()
            .map_err(cannot("read", archive))?
            .components()
            .skip_while(is_dot)
            .collect();
        if path.as_os_str().is_empty() || is_left_out(&path) {
            continue;
        }
        let link = entry
            .link_name()
            .map_err(cannot("read", archive))?
            .map(|link| match entry.header().entry_type() {
                EntryType::Link => link.components().skip_while(is_dot).collect(),
                _ => link.into_owned(),
            });
        let mut header = plain_header(entry.header());
        layer.add(&mut header, &path, link.as_deref(), &mut entry)?;
    }
    Ok(())
}

fn is_dot(part: &std::path::Component<'_>) -> bool {
    matches!(part, std::path::Component::CurDir)
}

fn is_left_out(path: &Path) -> bool {
    EMPTIED
        .iter()
        .any(|folder| path.starts_with(folder) && path != Path::new(folder))
        || LEFT_OUT.iter().any(|file| path == Path::new(file))
}

/// A header with the numbers of `old` and none of its names.
fn plain_header(old: &tar::Header) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(old.entry_type());
    header.set_mode(old.mode().unwrap_or(0o644));
    header.set_uid(old.uid().unwrap_or(0));
    header.set_gid(old.gid().unwrap_or(0));
    header.set_mtime(old.mtime().unwrap_or(EPOCH));
    header.set_size(old.entry_size().unwrap_or(0));
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documentation_goes_and_its_folder_stays() {
        assert!(is_left_out(Path::new("usr/share/doc/tar/copyright")));
        assert!(!is_left_out(Path::new("usr/share/doc")));
        assert!(!is_left_out(Path::new("usr/share/docking")));
    }
}
