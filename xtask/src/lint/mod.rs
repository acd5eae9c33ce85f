//! `cargo xtask lint`: everything about the code that a machine can judge.

mod dependencies;
mod layers;
mod sizes;

use fastcontainer_lab::{cargo, say};

use crate::fuzz;
use crate::shell::{Outcome, run, workspace_root};

/// Formatting, clippy, file sizes, import directions, dependencies.
pub(crate) fn lint() -> Outcome {
    say("lint: rustfmt");
    run(cargo().args(["fmt", "--all", "--check"]))?;
    say("lint: clippy");
    run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "--deny",
        "warnings",
    ]))?;
    say("lint: fuzz targets");
    fuzz::lint()?;
    say("lint: sizes, layers, dependencies");
    let root = workspace_root();
    let found = [sizes::check(root)?, layers::check(root)?, dependencies::check()?].concat();
    if found.is_empty() {
        return Ok(());
    }
    Err(found.join("\n").into())
}
