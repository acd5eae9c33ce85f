//! What programs import, in one folder of the lab: packages of the tools' cache, and the SDKs of this checkout as they would be
//! installed. Nothing is downloaded.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::lab;
use fastcontainer_lab::{Tool, workspace_root};
use sdk::{Node, Python};

/// The folder that holds the copies of examples, and the packages beside them. What examples reach above themselves is there too.
pub(crate) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let checkout = lab().directory().join("checkout");
        for part in ["sdk/go", "docs/iam"] {
            copy(&workspace_root().join(part), &checkout.join(part));
        }
        let folder = checkout.join("examples");
        node_modules(&folder.join("node_modules"));
        site_packages(&folder.join("site-packages"));
        folder
    })
}

/// For an example in Python: the programs of its environment, and what it finds beside the environment's own modules.
pub(crate) fn python_of(example: &Path) -> Option<(PathBuf, PathBuf)> {
    let wanted = example.join("requirements.txt").exists();
    wanted.then(|| (tool(Tool::PythonPackages).join("bin"), folder().join("site-packages")))
}

/// The folder of an installed tool.
pub(crate) fn tool(tool: Tool) -> PathBuf {
    lab().tools().require(tool).expect("`cargo xtask setup`")
}

/// A program of the Node.js packages, such as `tsc`.
pub(crate) fn node_program(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(tool(Tool::NodePackages).join("node_modules").join(script));
    command
}

/// Links to packages, and the SDK of this checkout as npm has installed it, copied beside them: from there it finds them.
fn node_modules(folder: &Path) {
    let source = tool(Tool::NodePackages).join("node_modules");
    fs::create_dir_all(folder).expect("a folder");
    for entry in fs::read_dir(&source).expect("packages") {
        let name = entry.expect("a package").file_name();
        symlink(source.join(&name), folder.join(&name)).expect("a link");
    }
    let package = "node_modules/pulumi-fastcontainer";
    copy(
        &Node::install().project().join(package),
        &folder.join("pulumi-fastcontainer"),
    );
}

/// The SDK of this checkout, as pip has installed it.
fn site_packages(folder: &Path) {
    for part in Python::install().package() {
        copy(&part, &folder.join(part.file_name().expect("a name")));
    }
}

/// Copies a folder, without what was installed into it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    run(Command::new("cp")
        .arg("-R")
        .arg(format!("{}/.", from.display()))
        .arg(to));
    let _ = fs::remove_dir_all(to.join("node_modules"));
}

/// Runs a program to its end and demands success.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().expect("a program");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}
