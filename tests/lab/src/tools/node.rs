//! Node.js packages: a folder `node_modules` with exact versions from npm.
//!
//! Install scripts never run.

use std::path::Path;
use std::process::Command;

use crate::error::{LabError, Result, cannot};
use crate::process::run_watched;

/// Installs `packages` into `directory/node_modules`.
///
/// # Errors
/// When npm is missing or a package is not served.
pub(crate) fn install_packages(directory: &Path, packages: &[&str]) -> Result<()> {
    let project = directory.join("package.json");
    std::fs::write(&project, "{\"name\": \"packages\", \"private\": true}\n").map_err(cannot("write", &project))?;
    let mut install = Command::new("npm");
    install
        .current_dir(directory)
        .args([
            "install",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ])
        .args(packages);
    let label = format!("npm install {}", packages.join(" "));
    run_watched(&label, &mut install, &directory.join("build.log")).map_err(|error| match error {
        LabError::NotStarted { .. } => LabError::missing("`npm`", "install Node.js 20 or newer"),
        other => other,
    })
}
