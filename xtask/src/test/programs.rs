//! The compiled test programs.
//!
//! Cargo compiles all of them in one go: with every other choice of packages it unifies other features, and compiles
//! the big dependencies once more.

use std::path::{Path, PathBuf};
use std::process::Command;

use fastcontainer_lab::cargo;
use serde_json::Value;

use crate::shell::{self, Outcome, output};

/// A compiled test program.
#[derive(Debug, Clone)]
pub(super) struct Program {
    path: PathBuf,
    /// Name of its target.
    name: String,
    /// Name of its package.
    package: String,
    /// Folder of its package.
    folder: PathBuf,
    /// Whether it is one of the package's integration tests.
    is_integration: bool,
}

/// All test programs, and beside them the binaries that they start.
pub(super) fn compile() -> Result<Vec<Program>, Box<dyn std::error::Error>> {
    let arguments = [
        "test",
        "--workspace",
        "--all-targets",
        "--no-run",
        "--message-format",
        "json-render-diagnostics",
    ];
    let messages = output(cargo().args(arguments))?;
    compile_binaries()?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    Ok(messages.filter_map(|message| Program::of(&message)).collect())
}

fn compile_binaries() -> Outcome {
    shell::run(cargo().args(["build", "--quiet", "--workspace", "--bins"]))
}

impl Program {
    /// What cargo says of a test program it compiled; `None` for everything else that it says.
    fn of(message: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let manifest = text(&message["manifest_path"])?;
        let folder = Path::new(&manifest).parent()?.to_owned();
        (message["profile"]["test"] == true).then_some(())?;
        Some(Self {
            path: text(&message["executable"])?.into(),
            name: text(&message["target"]["name"])?,
            package: folder_package(&message["package_id"])?,
            is_integration: message["target"]["kind"][0] == "test",
            folder,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it belongs to one of these packages.
    pub(super) fn is_in(&self, packages: &[&str]) -> bool {
        packages.contains(&self.package.as_str())
    }

    /// Whether it wants a lab around it, with the builder of an endpoint.
    pub(super) fn needs_lab(&self) -> bool {
        self.is_integration && (self.is_in(&["e2e", "conformance"]) || self.name == "real_endpoints")
    }

    /// The program as cargo runs it: in the folder of its package.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .current_dir(&self.folder)
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .arg("--quiet");
        command
    }
}

/// The name in a package id: `path+file:///checkout/tests/e2e#0.1.0`, or `…/provider#fastcontainer@0.1.0` where the
/// folder has another name.
fn folder_package(id: &Value) -> Option<String> {
    let (folder, version) = id.as_str()?.rsplit_once('#')?;
    let name = match version.split_once('@') {
        Some((name, _)) => name,
        None => folder.rsplit('/').next()?,
    };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(id: &str) -> Value {
        json!({
            "reason": "compiler-artifact",
            "package_id": id,
            "manifest_path": "/checkout/tests/e2e/Cargo.toml",
            "target": { "kind": ["test"], "name": "lifecycle" },
            "profile": { "test": true },
            "executable": "/checkout/target/debug/deps/lifecycle-12ab",
        })
    }

    #[test]
    fn programs_are_known_by_package_and_target() {
        for id in [
            "path+file:///checkout/tests/e2e#0.1.0",
            "path+file:///checkout/tests/x#e2e@0.1.0",
        ] {
            let program = Program::of(&message(id)).unwrap();
            assert_eq!((program.name(), program.is_in(&["wire", "e2e"])), ("lifecycle", true));
            assert!(program.needs_lab() && !program.is_in(&["wire"]));
        }
    }

    #[test]
    fn libraries_and_plain_binaries_are_no_test_programs() {
        let mut plain = message("path+file:///checkout/tests/e2e#0.1.0");
        plain["profile"]["test"] = false.into();
        assert!(Program::of(&plain).is_none());
        let mut library = message("path+file:///checkout/tests/e2e#0.1.0");
        library["executable"] = Value::Null;
        assert!(Program::of(&library).is_none());
    }
}
