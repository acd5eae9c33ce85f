//! Programs of this workspace that a lab needs, built by cargo when they are not up to date.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{LabError, Result};
use crate::process::run_watched;

/// How a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For tests.
    Debug,
    /// For demo and measurements.
    Release,
}

/// The root of the workspace that this crate was compiled in.
#[must_use]
pub fn workspace_root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Cargo, without the variables that describe the package whose program runs: build scripts that watch them would run
/// anew, and everything above them, whenever one of our programs builds another.
#[must_use]
pub fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let describes_a_package =
        |name: &str| name == "OUT_DIR" || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    let inherited = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in inherited.filter(|name| describes_a_package(name)) {
        command.env_remove(name);
    }
    command
}

/// Builds a program of the workspace and returns where it is.
///
/// # Errors
/// When it does not compile; the compiler's last lines are in the error.
pub fn build_program(package: &str, program: &str, profile: Profile) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
    let mut command = cargo();
    command
        .current_dir(workspace_root())
        .args(["build", "--quiet", "--bin", program]);
    let folder = match profile {
        // With the features that the tests' own builds of the whole workspace unify, so nothing is compiled twice.
        Profile::Debug => {
            command.arg("--workspace");
            "debug"
        }
        Profile::Release => {
            command.args(["--release", "--package", package]);
            "release"
        }
    };
    let log = target.join(format!("lab-{program}.log"));
    run_watched(&format!("cargo build {program} ({folder})"), &mut command, &log)?;
    let path = target.join(folder).join(program);
    if path.is_file() {
        return Ok(path);
    }
    Err(LabError::missing(
        format!("`{}`", path.display()),
        "cargo built it somewhere else; unset build.target-dir",
    ))
}
