//! How the plugin gets onto a machine: release archives, servers that hold them, and a checkout of the sources. Each test is one
//! fact, run with the real CLI, which begins with an empty home.

#![expect(clippy::expect_used, clippy::panic, reason = "tests: a panic is a finding")]

mod archives;
mod broken;
mod forge;
mod mirror;
mod plugins;
mod sources;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::{Project, Stack};
use fastcontainer_lab::{Profile, build_program, workspace_root};
use tempfile::TempDir;

const PROGRAM: &str = "pulumi-resource-fastcontainer";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The provider as the tests build it, without what only debuggers read: quicker to pack.
fn provider() -> &'static Path {
    static PROVIDER: OnceLock<PathBuf> = OnceLock::new();
    PROVIDER.get_or_init(|| {
        let built = build_program(PROGRAM, PROGRAM, Profile::Debug).expect("the provider");
        let small = TempDir::new().expect("a directory").keep().join(PROGRAM);
        let strip = Command::new("strip").arg("-o").arg(&small).arg(&built).status();
        assert!(strip.expect("strip, which comes with a linker").success());
        small
    })
}

/// Files of a release for this machine, made by the command that makes releases.
fn release() -> &'static Path {
    static RELEASE: OnceLock<PathBuf> = OnceLock::new();
    RELEASE.get_or_init(|| {
        let folder = TempDir::new().expect("a directory").keep();
        make_release(provider(), &folder);
        folder
    })
}

fn make_release(program: &Path, folder: &Path) {
    let xtask = build_program("xtask", "xtask", Profile::Debug).expect("the project's commands");
    let (platform, mut dist) = (platform(), Command::new(xtask));
    let program = format!("{platform}={}", program.display());
    dist.args(["dist", "--platform", &platform, "--program", &program, "--out"])
        .arg(folder);
    let output = dist.current_dir(workspace_root()).output().expect("xtask");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// This machine's platform, as the CLI writes it.
fn platform() -> String {
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    format!("linux-{arch}")
}

/// Name of the archive that the CLI asks for on this machine.
fn archive_name() -> String {
    format!("{PROGRAM}-v{VERSION}-{}.tar.gz", platform())
}

fn archive() -> String {
    release().join(archive_name()).display().to_string()
}

/// The stack of a user whose CLI has no plugin yet. The home goes with the value.
struct User {
    home: TempDir,
    project: Project,
    stack: Stack,
}

impl User {
    /// A user with a program of one image; `more` are further lines of its properties.
    fn new(fact: &str, more: &str) -> Self {
        let project = Project::with_image(fact, more);
        let home = TempDir::new().expect("a directory");
        let stack = project
            .stack("dev")
            .with("PULUMI_HOME", home.path().to_str().expect("a path"));
        Self { home, project, stack }
    }

    /// `pulumi plugin install resource fastcontainer` with more arguments.
    fn install(&self, arguments: &[&str]) -> e2e::Run {
        let command = ["plugin", "install", "resource", "fastcontainer", VERSION];
        self.stack.run(&[&command, arguments].concat())
    }

    /// The stack while the CLI may download what a program needs, which it may not elsewhere in a lab.
    fn online(&self) -> Stack {
        self.stack.without("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION")
    }

    /// Where the CLI keeps the plugin.
    fn plugin(&self) -> PathBuf {
        let folder = format!("plugins/resource-fastcontainer-v{VERSION}");
        self.home.path().join(folder)
    }

    /// Demands that no plugin is installed, not even a part of one.
    #[track_caller]
    fn has_nothing(&self) {
        assert!(!self.plugin().join(PROGRAM).exists(), "a plugin is left");
    }
}

/// Properties' end and the options of the image: the plugin comes from `server`.
fn from_server(server: &str) -> String {
    format!("    options:\n      version: {VERSION}\n      pluginDownloadURL: {server}\n")
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
