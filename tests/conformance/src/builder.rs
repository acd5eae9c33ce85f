//! The truth: a real build by `buildctl` on the lab's daemon.
//!
//! Responsible for building one context with the daemon's own Dockerfile frontend, exporting the result and listing it.
//! Nothing of this project takes part: buildctl's own client reads and filters the context.
//!
//! Refuses to guess: a failure that is not the case's own fault (a daemon that is not there) ends the test.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::listing::{Listing, read};
use crate::report::Report;

/// Failures of the surroundings; such a build is tried again.
const NOT_OUR_FAULT: [&str; 5] = [
    "connection refused",
    "no such host",
    "connection reset",
    "context deadline exceeded",
    "Unavailable",
];

/// What a build led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Built {
    /// The image's file system.
    Image(Listing),
    /// The daemon or the client refused; holds the last line of what it said.
    Refused(String),
}

impl Built {
    /// Whether two builds give a user the same. All refusals are alike.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Image(one), Self::Image(other)) => one == other,
            (Self::Refused(_), Self::Refused(_)) => true,
            _ => false,
        }
    }
}

/// What to build, as a user of `buildctl` would say it.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The main context.
    pub context: &'a Path,
    /// The Dockerfile; its folder is what the daemon asks for it and for an ignore file beside it.
    pub dockerfile: &'a Path,
    /// Directories that the Dockerfile can name.
    pub named: &'a BTreeMap<String, PathBuf>,
    /// Options of the frontend, such as `target` or `build-arg:NAME`.
    pub options: &'a [(String, String)],
}

impl Order<'_> {
    /// Builds without the daemon's cache, and exports to `archive`. Names in `without` are left out of the listing.
    ///
    /// # Panics
    /// If the daemon cannot be reached.
    #[must_use]
    pub fn build(&self, archive: &Path, without: &[&str]) -> Built {
        let mut said = String::new();
        for _ in 0..3 {
            let mut command = self.command(archive);
            command.args(["--no-cache", "--progress", "plain"]);
            let output = command.output().expect("buildctl on the PATH of a lab");
            if output.status.success() {
                return Built::Image(read(archive, without));
            }
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            if !NOT_OUR_FAULT.iter().any(|sign| said.contains(sign)) {
                let last = said.lines().rev().find(|line| !line.trim().is_empty());
                return Built::Refused(last.unwrap_or_default().to_owned());
            }
        }
        panic!("the daemon does not answer: run this through `cargo xtask test`\n{said}");
    }

    /// Builds with the daemon's cache, and tells what the daemon did for it. `None` when the build fails.
    ///
    /// # Panics
    /// Outside a lab.
    #[must_use]
    pub fn report(&self, archive: &Path) -> Option<Report> {
        let mut command = self.command(archive);
        command.args([
            "--progress",
            "rawjson",
            "--opt",
            "attest:provenance=mode=max,version=v1",
        ]);
        let output = command.output().expect("buildctl on the PATH of a lab");
        output.status.success().then(|| Report::of(&output.stderr, archive))
    }

    fn command(&self, archive: &Path) -> Command {
        let folder = self.dockerfile.parent().expect("a folder of the Dockerfile");
        let name = self.dockerfile.file_name().expect("a name of the Dockerfile");
        let mut command = Command::new("buildctl");
        command.args(["build", "--frontend", "dockerfile.v0"]);
        command.arg("--local").arg(join("context", self.context));
        command.arg("--local").arg(join("dockerfile", folder));
        command.arg("--opt").arg(join("filename", Path::new(name)));
        for (name, folder) in self.named {
            command.arg("--opt").arg(format!("context:{name}=local:{name}"));
            command.arg("--local").arg(join(name, folder));
        }
        for (name, value) in self.options {
            command.arg("--opt").arg(format!("{name}={value}"));
        }
        command.arg("--output").arg(join("type=tar,dest", archive));
        command.stdin(Stdio::null());
        command
    }
}

fn join(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push("=");
    text.push(path);
    text
}
