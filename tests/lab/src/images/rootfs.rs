//! A minimal Debian file system by mmdebstrap, trimmed the way slim images are.
//!
//! mmdebstrap writes a sorted archive; it is copied entry by entry into the layer, without documentation, locales, caches, whatever
//! belongs to the machine it was made on, and what the layers below have.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use tar::Archive;

use crate::error::{LabError, Result, cannot};
use crate::gateway;
use crate::images::below::{Below, Item};
use crate::images::layer::{EPOCH, Layer, LayerWriter, decompress};
use crate::process::run_watched;
use crate::tools::{Tool, Tools};

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

/// A Debian 12 system.
#[derive(Debug, Clone, Copy)]
pub(super) struct Debian {
    /// Packages besides those that are there in any case.
    pub(super) packages: &'static [&'static str],
    /// Shell commands run once they are installed, with the new system as `$1`.
    pub(super) then: &'static [&'static str],
}

/// Adds to the layer what the system has more than the layers `below`; without any it is a whole one, which trusts the authority of
/// labs. Root only.
pub(super) fn write(
    tools: &Tools,
    debian: &Debian,
    below: &[Layer],
    (directory, layer): (&Path, &mut LayerWriter),
) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::missing(
            "root",
            "base images are made by mmdebstrap; run `cargo xtask setup` as root once",
        ));
    }
    let mut known = Below::default();
    let mut archives = Vec::new();
    for (number, lower) in below.iter().enumerate() {
        let archive = directory.join(format!("below-{number}.tar"));
        decompress(&lower.path, &archive)?;
        known.add(&archive)?;
        archives.push(archive);
    }
    let archive = directory.join("rootfs.tar");
    debootstrap(tools, debian, &archives, &archive)?;
    copy(&archive, known, layer)?;
    archives.push(archive);
    archives
        .iter()
        .try_for_each(|file| fs::remove_file(file).map_err(cannot("remove", file)))
}

fn debootstrap(tools: &Tools, debian: &Debian, below: &[PathBuf], archive: &Path) -> Result<()> {
    let mut command = Command::new(tools.debian_root()?.join("usr/bin/mmdebstrap"));
    command
        .envs(tools.debian_environment()?)
        .env_remove("LD_LIBRARY_PATH")
        .env("SOURCE_DATE_EPOCH", EPOCH.to_string())
        .args(["--quiet", "--mode=root", "--dpkgopt=force-unsafe-io"]);
    if below.is_empty() {
        whole(&mut command, debian, &tools.require(Tool::Authority)?);
    } else {
        extended(&mut command, debian, below);
    }
    for hook in debian.then {
        command.arg(format!("--customize-hook={hook}"));
    }
    command.arg("bookworm").arg(archive);
    run_watched(
        &format!("mmdebstrap bookworm with {}", debian.packages.join(",")),
        &mut command,
        &archive.with_file_name("build.log"),
    )
}

/// A new system.
fn whole(command: &mut Command, debian: &Debian, authority: &Path) {
    command
        .args(["--variant=minbase", "--include"])
        .arg(debian.packages.join(","))
        .arg(format!(
            "--customize-hook=upload {} /usr/local/share/ca-certificates/lab.crt",
            authority.join(gateway::CERTIFICATE).display()
        ))
        .arg("--customize-hook=chroot \"$1\" update-ca-certificates");
}

/// The system of the layers below, with more packages.
fn extended(command: &mut Command, debian: &Debian, below: &[PathBuf]) {
    command.arg("--variant=custom");
    for archive in below {
        command.arg(format!("--setup-hook=tar -C \"$1\" -xf '{}'", archive.display()));
    }
    // Java's packages link a manual page and do not make its folder.
    command.arg("--customize-hook=mkdir -p \"$1\"/usr/share/man/man1");
    command.arg(format!(
        "--customize-hook=APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get --yes install -oDPkg::Chroot-Directory=\"$1\" {}",
        debian.packages.join(" ")
    ));
}

fn copy(archive: &Path, mut below: Below, layer: &mut LayerWriter) -> Result<()> {
    let mut source = Archive::new(File::open(archive).map_err(cannot("open", archive))?);
    for entry in source.entries().map_err(cannot("read", archive))? {
        let item = entry.and_then(|mut entry| Item::read(&mut entry));
        let Some(mut item) = item.map_err(cannot("read", archive))? else {
            continue;
        };
        if !is_left_out(&item.path) && !below.holds(&item) {
            layer.add(
                &mut item.header,
                &item.path,
                item.link.as_deref(),
                item.content.as_slice(),
            )?;
        }
    }
    below.hide_the_rest(layer)
}

fn is_left_out(path: &Path) -> bool {
    EMPTIED
        .iter()
        .any(|folder| path.starts_with(folder) && path != Path::new(folder))
        || LEFT_OUT.iter().any(|file| path == Path::new(file))
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
