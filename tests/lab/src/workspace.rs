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

/// Builds a program of the workspace and returns where it is.
///
/// # Errors
/// When it does not compile; the compiler's last lines are in the error.
pub fn build_program(package: &str, program: &str, profile: Profile) -> Result<PathBuf> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(workspace_root())
        .args(["build", "--quiet", "--package", package, "--bin", program]);
    let folder = match profile {
        Profile::Debug => "debug",
        Profile::Release => {
            command.arg("--release");
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
