//! What base images hold besides Debian: programs and libraries from PyPI wheels, npm packages and the Go module proxy, and scripts.
//!
//! Each part is fetched by the package manager of its language, which checks what it got, and copied file by file into the layer in
//! the order of names.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tar::EntryType;

use super::layer::{LayerWriter, header};
use crate::error::{LabError, Result, cannot};
use crate::process::{capture, run_watched};

/// Files from somewhere else than Debian.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// Folders and files of a wheel: where they are in it, where they go in the image.
    Wheel {
        requirement: &'static str,
        files: &'static [(&'static str, &'static str)],
    },
    /// Folders and files of one npm package, without those that it depends on.
    Npm {
        package: &'static str,
        files: &'static [(&'static str, &'static str)],
    },
    /// The Go distribution of this version, in `/usr/local/go`.
    Go(&'static str),
    /// An empty folder.
    Folder(&'static str),
    /// A script of our own.
    Script { path: &'static str, text: &'static str },
}

/// Folders of the Go distribution that no build needs.
const GO_EXTRAS: &[&str] = &["api", "doc", "misc", "test"];

/// Wheels are for the interpreter of the images, not for the one that unpacks them.
const PYTHON_VERSION: &str = "3.11";
const WHEEL_POLICIES: &[&str] = &["manylinux2014", "manylinux_2_28"];

impl Part {
    /// Adds the files to the layer; `directory` is for what has to be kept meanwhile.
    pub(super) fn write(&self, directory: &Path, layer: &mut LayerWriter) -> Result<()> {
        match self {
            Self::Wheel { requirement, files } => {
                let unpacked = directory.join("wheel");
                unpack_wheel(requirement, &unpacked)?;
                add_some(layer, &unpacked, files)
            }
            Self::Npm { package, files } => {
                let unpacked = directory.join("package");
                unpack_npm(package, directory)?;
                add_some(layer, &unpacked, files)
            }
            Self::Folder(path) => layer.directory(path, 0o755),
            Self::Script { path, text } => layer.file(path, 0o755, text.as_bytes()),
            Self::Go(version) => add(layer, &go_root(version)?, Path::new("usr/local/go"), GO_EXTRAS),
        }
    }
}

fn unpack_wheel(requirement: &str, into: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(["--no-deps", "--no-compile", "--only-binary=:all:"])
        .args(["--implementation", "cp", "--python-version", PYTHON_VERSION]);
    for policy in WHEEL_POLICIES {
        command.arg(format!("--platform={policy}_{}", std::env::consts::ARCH));
    }
    command.arg("--target").arg(into).arg(requirement);
    run_watched(
        &format!("pip install {requirement}"),
        &mut command,
        &into.with_file_name("build.log"),
    )
}

/// Unpacks a package into the folder `package` of `directory`; npm checks what it got.
fn unpack_npm(package: &str, directory: &Path) -> Result<()> {
    let log = directory.join("build.log");
    let mut command = Command::new("npm");
    command
        .args(["pack", "--silent", package, "--pack-destination"])
        .arg(directory)
        .current_dir(directory);
    run_watched(&format!("npm pack {package}"), &mut command, &log)?;
    let archive = directory.join(format!("{}.tgz", package.replace('@', "-")));
    let mut unpack = Command::new("tar");
    unpack.arg("-xzf").arg(&archive).arg("-C").arg(directory);
    run_watched(&format!("tar -xzf {package}"), &mut unpack, &log)?;
    fs::remove_file(&archive).map_err(cannot("remove", &archive))
}

/// Adds these files of an unpacked package and removes it.
fn add_some(layer: &mut LayerWriter, unpacked: &Path, files: &[(&str, &str)]) -> Result<()> {
    for (from, to) in files {
        add(layer, &unpacked.join(from), Path::new(to), &[])?;
    }
    fs::remove_dir_all(unpacked).map_err(cannot("remove", unpacked))
}

/// Go fetches its own distributions as modules and says where one is.
fn go_root(version: &str) -> Result<PathBuf> {
    let mut command = Command::new("go");
    command
        .args(["env", "GOROOT"])
        .current_dir(std::env::temp_dir())
        .env("GOTOOLCHAIN", format!("go{version}"));
    let said = capture(&format!("go{version} env GOROOT"), &mut command)?;
    let root = PathBuf::from(said.trim());
    if root.join("bin/go").is_file() {
        return Ok(root);
    }
    Err(LabError::malformed("what go says about GOROOT", root.display()))
}

/// Adds a file, or a folder without those of its entries that are `skipped`.
fn add(layer: &mut LayerWriter, from: &Path, to: &Path, skipped: &[&str]) -> Result<()> {
    let metadata = fs::symlink_metadata(from).map_err(cannot("read", from))?;
    if metadata.is_symlink() {
        let target = fs::read_link(from).map_err(cannot("read", from))?;
        return layer.add(
            &mut header(EntryType::Symlink, 0o777, 0),
            to,
            Some(&target),
            std::io::empty(),
        );
    }
    if metadata.is_file() {
        let runnable = metadata.permissions().mode() & 0o111 != 0;
        let mode = if runnable { 0o755 } else { 0o644 };
        let content = File::open(from).map_err(cannot("open", from))?;
        return layer.add(&mut header(EntryType::Regular, mode, metadata.len()), to, None, content);
    }
    layer.add(&mut header(EntryType::Directory, 0o755, 0), to, None, std::io::empty())?;
    let entries = fs::read_dir(from).map_err(cannot("list", from))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names
        .iter()
        .filter(|name| !skipped.iter().any(|skipped| *name == skipped))
        .try_for_each(|name| add(layer, &from.join(name), &to.join(name), &[]))
}
