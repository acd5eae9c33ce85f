//! A copy of an example, and its program run with the real CLI.

use std::fs;
use std::path::{Path, PathBuf};

use e2e::{Stack, admin};
use fastcontainer_lab::workspace_root;
use serde_json::Value;

use crate::{packages, prepare};

/// A copy of a folder below `examples/`, beside the packages that its program imports.
pub(crate) struct Example {
    directory: PathBuf,
}

impl Example {
    /// Copies the example, as it is in the checkout, without what was installed into it.
    pub(crate) fn copy(name: &str) -> Self {
        Self::copy_as(name, name)
    }

    /// Copies the example to a folder of another name.
    pub(crate) fn copy_as(name: &str, folder: &str) -> Self {
        prepare();
        let directory = packages::folder().join(folder);
        packages::copy(&workspace_root().join("examples").join(name), &directory);
        Self { directory }
    }

    /// Where the copy is.
    pub(crate) fn path(&self) -> &Path {
        &self.directory
    }

    /// A stack of the program, with the packages of its language in reach.
    pub(crate) fn stack(&self) -> Stack {
        let path = std::env::var("PATH").expect("PATH");
        let stack = Stack::init(&self.directory, "dev")
            .with("PULUMI_PARALLEL", "32")
            // Types are checked once for all programs.
            .with("PULUMI_NODEJS_TRANSPILE_ONLY", "true");
        match packages::python_of(&self.directory) {
            Some((programs, modules)) => stack
                .with("PATH", &format!("{}:{path}", programs.display()))
                .with("PYTHONPATH", &modules.display().to_string()),
            None => stack,
        }
    }

    /// Replaces a part of a file that is there exactly once.
    pub(crate) fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.directory.join(file);
        let text = fs::read_to_string(&path).expect("a file of the example");
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        fs::write(&path, text.replace(from, to)).expect("the file");
    }
}

/// Makes sure that a repository exists that the program expects.
pub(crate) fn repository(uri: &str) {
    admin("PUT", &format!("repository?repository={uri}"));
}

/// An output of a resource of the stack, known by type and name.
#[track_caller]
pub(crate) fn received(stack: &Stack, kind: &str, output: &str) -> Value {
    let state = stack.state();
    let resources = state["deployment"]["resources"].as_array().cloned().unwrap_or_default();
    let found = resources.iter().find(|one| one["type"] == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {state}"))["outputs"][output].clone()
}

/// Demands the cycle of every example: what is unchanged is skipped; after `edit` of the file `changed`, a preview names it and the
/// step that reads it, and an update builds from there on.
#[track_caller]
pub(crate) fn edited(stack: &Stack, edit: impl FnOnce(), changed: &str, step: &str) {
    stack.up(&["--expect-no-changes"]).ok().never_says("built in");
    edit();
    stack
        .preview(&[])
        .ok()
        .says(&format!("rebuild – 1 file changed: {changed} modified"))
        .says("first step to run: [")
        .says(&format!("] {step}"));
    stack.up(&[]).ok().says("built in").says("steps cached");
}
