//! Python environments: a virtual environment with exact requirements from PyPI.
//!
//! Built in its final place, because its scripts hold absolute paths; the stamp still comes last.

use std::path::Path;
use std::process::Command;

use crate::error::{LabError, Result};
use crate::process::run_watched;

/// Creates a virtual environment in `directory` and installs `requirements`.
///
/// # Errors
/// When Python or its `venv` module is missing, or a requirement is not served.
pub(crate) fn create_environment(directory: &Path, requirements: &[&str]) -> Result<()> {
    let log = directory.join("build.log");
    let mut create = Command::new("python3");
    create.args(["-m", "venv"]).arg(directory);
    run_watched("python3 -m venv", &mut create, &log).map_err(|error| match error {
        LabError::NotStarted { .. } => LabError::missing("`python3`", "install python3 and python3-venv"),
        other => other,
    })?;
    let mut install = Command::new(directory.join("bin/python"));
    install
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
        .args(requirements);
    run_watched(&format!("pip install {}", requirements.join(" ")), &mut install, &log)
}
