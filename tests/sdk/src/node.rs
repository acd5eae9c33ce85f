//! The Node.js SDK, packed by npm and installed into a project beside TypeScript and Pyright.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::made::{copy_sources, once};
use crate::tool::{ToolError, at, succeed};
use crate::{VERSION, write};

/// `@pulumi/pulumi` is the newest that Node 20 runs.
const PACKAGES: [&str; 4] = [
    "@pulumi/pulumi@3.248.0",
    "typescript@5.9.3",
    "@types/node@20.19.0",
    "pyright@1.1.400",
];

/// A project that the SDK is installed in.
#[derive(Debug)]
pub struct Node {
    project: PathBuf,
}

impl Node {
    /// Compiles the SDK, packs it, installs the package; does nothing when that was done.
    #[must_use]
    pub fn install() -> &'static Self {
        static INSTALLED: OnceLock<Node> = OnceLock::new();
        INSTALLED.get_or_init(|| Self::make().unwrap_or_else(|error| panic!("{error}")))
    }

    pub(crate) fn make() -> Result<Self, ToolError> {
        let recipe = format!("{PACKAGES:?}");
        let package = pack()?;
        let project = once("node-project", "nodejs", &recipe, |project| {
            let manifest = project.join("package.json");
            if !manifest.exists() {
                write(&manifest, "{\"name\": \"program\", \"private\": true}\n");
            }
            npm(project, &[&["install"], &PACKAGES[..]].concat())?;
            npm(project, &["install", "--no-save", &package.display().to_string()])
        })?;
        Ok(Self { project })
    }

    /// The project's folder.
    #[must_use]
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// A program that a package of the project brought.
    #[must_use]
    pub fn tool(&self, name: &str) -> Command {
        let mut command = Command::new(self.project.join("node_modules/.bin").join(name));
        command.current_dir(&self.project);
        command
    }
}

/// `npm pack` of what the compiler made, as it is published.
pub(crate) fn pack() -> Result<PathBuf, ToolError> {
    let recipe = format!("{PACKAGES:?}");
    let folder = once("nodejs", "nodejs", &recipe, |sdk| {
        copy_sources("nodejs", sdk, "node_modules")?;
        npm(sdk, &["install", "--no-save", PACKAGES[0]])?;
        succeed(Command::new(sdk.join("node_modules/.bin/tsc")).current_dir(sdk))?;
        for file in ["package.json", "README.md", "LICENSE"] {
            let target = sdk.join("bin").join(file);
            std::fs::copy(sdk.join(file), &target).map_err(at(target))?;
        }
        succeed(
            Command::new("npm")
                .current_dir(sdk.join("bin"))
                .args(["pack", "--silent"]),
        )
        .map(drop)
    })?;
    Ok(folder.join(format!("bin/pulumi-fastcontainer-{VERSION}.tgz")))
}

fn npm(directory: &Path, arguments: &[&str]) -> Result<(), ToolError> {
    let quiet = [
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefer-offline",
        "--silent",
    ];
    succeed(Command::new("npm").current_dir(directory).args(arguments).args(quiet)).map(drop)
}
