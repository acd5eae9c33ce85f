//! What a build of CodeBuild finds on its PATH in a lab: the tools of the curated images, and no others.
//!
//! One folder of links and small wrappers is all that a build has on its PATH. Ordinary tools are the machine's; the
//! curated images have no zstd and neither has this folder. Docker is a CLI with buildx and a dockerd that builds may
//! start once more; `aws` trusts what the system trusts.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::error::{LabError, Result, cannot};
use crate::tools::{Tool, Tools};

/// Folders of the machine in which ordinary tools are.
const SYSTEM: &[&str] = &["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// Tools without which no buildspec of ours runs.
const NEEDED: &[&str] = &[
    "sh",
    "dash",
    "bash",
    "awk",
    "sed",
    "grep",
    "xargs",
    "tar",
    "gzip",
    "sha256sum",
];

/// Tools that are there if the machine has them.
const USUAL: &[&str] = &[
    "[",
    "base64",
    "basename",
    "cat",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "cmp",
    "comm",
    "cp",
    "curl",
    "cut",
    "date",
    "dd",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "env",
    "expand",
    "expr",
    "false",
    "fgrep",
    "find",
    "flock",
    "fold",
    "getent",
    "groups",
    "gunzip",
    "head",
    "hostname",
    "id",
    "install",
    "join",
    "kill",
    "ln",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "nice",
    "nl",
    "nohup",
    "nproc",
    "od",
    "paste",
    "pgrep",
    "pkill",
    "printenv",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "rm",
    "rmdir",
    "seq",
    "setsid",
    "sha1sum",
    "sha512sum",
    "sleep",
    "sort",
    "split",
    "stat",
    "stdbuf",
    "stty",
    "sync",
    "tac",
    "tail",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "tty",
    "umount",
    "uname",
    "uniq",
    "unlink",
    "wc",
    "which",
    "who",
    "whoami",
    "yes",
    "zcat",
];

/// Unpacked programs of Debian's Docker, below `usr` of their root.
const DOCKER: &[&str] = &[
    "bin/docker",
    "bin/containerd",
    "bin/containerd-shim-runc-v2",
    "sbin/docker-proxy",
    "sbin/runc",
];

/// Names that `xtables-nft-multi` answers to.
const FIREWALL: &[&str] = &[
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

/// Fills `folder` with the programs of a build and returns the folders that they need elsewhere.
///
/// # Errors
/// When a tool is not installed, or the folder cannot be written.
pub(crate) fn prepare(folder: &Path, tools: &Tools) -> Result<Vec<PathBuf>> {
    // A folder that was used before may hold what is no longer meant to be there.
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(cannot("create", folder))?;
    link_system(folder)?;
    let debian = tools.debian_root()?;
    for program in DOCKER {
        wrap_debian(folder, &debian, &debian.join("usr").join(program))?;
    }
    // The daemon lends this one to containers, where a wrapper finds nothing that it needs.
    link(folder, "docker-init", &debian.join("usr/bin/docker-init"))?;
    wrap(
        folder,
        "ip",
        &format!("exec {} ip \"$@\"", debian.join("bin/busybox").display()),
    )?;
    let image = tools.require(Tool::BuildImage)?.join("root");
    wrap_debian(folder, &image, &image.join("usr/bin/jq"))?;
    for name in FIREWALL {
        let program = image.join("usr/sbin/xtables-nft-multi");
        let extensions = libraries(&image).join("xtables");
        let body = format!(
            "export LD_LIBRARY_PATH={} XTABLES_LIBDIR={}\nexec {} {name} \"$@\"",
            libraries(&image).display(),
            extensions.display(),
            program.display()
        );
        wrap(folder, name, &body)?;
    }
    link(folder, "docker-buildx", &tools.require(Tool::Buildx)?.join("buildx"))?;
    let dockerd = tools.require(Tool::Dockerd)?.join("dockerd");
    // The Docker CLI is older than what this daemon speaks by itself.
    let body = format!("export DOCKER_MIN_API_VERSION=1.24\nexec {} \"$@\"", dockerd.display());
    wrap(folder, "dockerd", &body)?;
    let aws = tools.require(Tool::AwsCli)?.join("bin/aws");
    let body = format!(
        "export AWS_CA_BUNDLE=\"${{AWS_CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}}\"\nexec {} \"$@\"",
        aws.display()
    );
    wrap(folder, "aws", &body)?;
    Ok(vec![
        tools.root().to_owned(),
        interpreter_home(&aws.with_file_name("python"))?,
    ])
}

/// Where the interpreter behind a virtual environment's `python` has its library.
fn interpreter_home(python: &Path) -> Result<PathBuf> {
    let interpreter = fs::canonicalize(python).map_err(cannot("find", python))?;
    Ok(interpreter.ancestors().nth(2).unwrap_or(&interpreter).to_owned())
}

fn link_system(folder: &Path) -> Result<()> {
    let find = |name: &str| {
        SYSTEM
            .iter()
            .map(|place| Path::new(place).join(name))
            .find(|path| path.exists())
    };
    for name in NEEDED {
        let path = find(name).ok_or_else(|| LabError::missing(format!("`{name}`"), "builds of CodeBuild need it"))?;
        link(folder, name, &path)?;
    }
    USUAL
        .iter()
        .try_for_each(|name| find(name).map_or(Ok(()), |path| link(folder, name, &path)))
}

/// A wrapper for a program of an unpacked root, with that root's libraries.
fn wrap_debian(folder: &Path, root: &Path, program: &Path) -> Result<()> {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    let body = format!(
        "export LD_LIBRARY_PATH={}\nexec {} \"$@\"",
        libraries(root).display(),
        program.display()
    );
    wrap(folder, &name, &body)
}

fn libraries(root: &Path) -> PathBuf {
    root.join("usr/lib")
        .join(format!("{}-linux-gnu", std::env::consts::ARCH))
}

fn link(folder: &Path, name: &str, to: &Path) -> Result<()> {
    let path = folder.join(name);
    symlink(to, &path).map_err(cannot("create", &path))
}

fn wrap(folder: &Path, name: &str, body: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{body}\n")).map_err(cannot("write", &path))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(cannot("change", &path))
}
