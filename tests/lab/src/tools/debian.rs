//! Debian packages that are unpacked into the cache, never installed.
//!
//! `apt-get download` fetches, `dpkg-deb -x` unpacks; no maintainer script runs and the machine's package database stays as it is.
//! Programs that need an unpacked library get it through `LD_LIBRARY_PATH` (see [`crate::Tools::debian_environment`]). The C library
//! and other essential packages are the machine's own.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::error::{LabError, Result, cannot};
use crate::process::run_watched;

/// Names of packages, and what to unpack them for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DebianPackages(pub(crate) &'static [&'static str]);

impl DebianPackages {
    /// What the lab needs: the classic dockerd, containerd and runc with their libraries, a registry, busybox, mmdebstrap.
    pub(crate) const LAB: Self = Self(&[
        "docker.io",
        "containerd",
        "runc",
        "tini",
        "libdevmapper1.02.1",
        "libseccomp2",
        "docker-registry",
        "busybox-static",
        "mmdebstrap",
    ]);

    /// What builds of CodeBuild need besides: the firewall that dockerd asks for, and jq.
    pub(crate) const BUILD_IMAGE: Self = Self(&[
        "iptables",
        "libip4tc2",
        "libip6tc2",
        "libxtables12",
        "libnftnl11",
        "libmnl0",
        "libnetfilter-conntrack3",
        "libnfnetlink0",
        "jq",
        "libjq1",
        "libonig5",
    ]);

    /// Programs that have to be there afterwards, relative to the tool's folder.
    pub(crate) const PROGRAMS: &[&str] = &[
        "root/usr/sbin/dockerd",
        "root/usr/bin/containerd",
        "root/usr/bin/containerd-shim-runc-v2",
        "root/usr/sbin/runc",
        "root/usr/bin/docker-registry",
        "root/bin/busybox",
        "root/usr/bin/mmdebstrap",
    ];

    /// Downloads the packages and unpacks them into `directory/root`.
    ///
    /// # Errors
    /// When apt is missing or serves one of the packages not even after an update of its lists.
    pub(crate) fn unpack(&self, directory: &Path) -> Result<()> {
        let archives = directory.join("archives");
        fs::create_dir_all(&archives).map_err(cannot("create", &archives))?;
        if self.download(&archives).is_err() {
            let log = directory.join("build.log");
            run_watched("apt-get update", Command::new("apt-get").args(["-q", "update"]), &log).map_err(explain)?;
            self.download(&archives).map_err(explain)?;
        }
        for entry in fs::read_dir(&archives).map_err(cannot("list", &archives))? {
            let archive = entry.map_err(cannot("list", &archives))?.path();
            let mut command = Command::new("dpkg-deb");
            command.arg("-x").arg(&archive).arg(directory.join("root"));
            run_watched("dpkg-deb", &mut command, &directory.join("build.log")).map_err(explain)?;
        }
        fs::remove_dir_all(&archives).map_err(cannot("remove", &archives))
    }

    fn download(&self, archives: &Path) -> Result<()> {
        let mut command = Command::new("apt-get");
        command.current_dir(archives).args(["-q", "download"]).args(self.0);
        let log = archives.with_file_name("build.log");
        let label = format!("apt-get download ({}, …)", self.0.first().unwrap_or(&"nothing"));
        run_watched(&label, &mut command, &log)
    }
}

fn explain(error: LabError) -> LabError {
    match error {
        LabError::NotStarted { program, .. } => LabError::missing(
            format!("`{program}`"),
            "Debian's docker.io, containerd, runc, docker-registry, busybox-static and mmdebstrap are unpacked with apt-get and dpkg-deb; \
             use Debian 12, or run end-to-end tests against your own Docker with `lab run --host`",
        ),
        other => other,
    }
}
