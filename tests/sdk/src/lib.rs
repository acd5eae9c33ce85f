//! The committed SDKs as packages: packed with the tools of their languages, and installed as a user would.
//!
//! Works on copies below `target/sdk/`. What was made from the same sources by the same recipe is not made again, so that several test
//! programs share it, also those in labs. Needs the package registries, and `node`, `npm`, `python3`, `go`, `mvn`, `javac` on PATH.
//! Publishes nothing. [`pack`] and [`install`] return errors; all else serves tests, and panics with what a tool said.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a harness for tests: a panic is a finding"
)]

mod go;
mod java;
mod made;
mod node;
mod pack;
mod python;
mod server;
mod tool;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use go::{Go, MODULE};
pub use java::Java;
pub use made::files_below;
pub use node::Node;
pub use pack::pack;
pub use python::Python;
pub use server::{LanguageServer, TypeScriptServer};
pub use tool::ToolError;

/// Version of all SDKs.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Examples of the schema, by folder.
pub const EXAMPLES: [&str; 3] = ["image", "get_image", "get_fingerprint"];

/// The root of the checkout.
#[must_use]
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// Installs the SDKs for Node.js, Python, Go and Java.
///
/// # Errors
/// When a tool is missing or fails.
pub fn install() -> Result<(), ToolError> {
    let _alone = alone();
    Node::make()?;
    Python::make()?;
    Go::make()?;
    Java::make().map(drop)
}

/// Keeps other tests and programs out of `target/sdk/` while the answer lives.
#[must_use]
pub fn alone() -> File {
    let lock = File::create(work("").join("lock")).expect("a lock below target/sdk");
    lock.lock().expect("a lock below target/sdk");
    lock
}

/// A folder below `target/sdk/`.
#[must_use]
pub fn work(name: &str) -> PathBuf {
    let folder = root().join("target/sdk").join(name);
    fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    folder
}

/// The text of an example.
#[must_use]
pub fn example(folder: &str, file: &str) -> String {
    let path = root().join("provider/src/schema/examples").join(folder).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes a file, with its parent directories.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Runs a program to its end, demands success and returns its standard output.
pub fn run(command: &mut Command) -> String {
    tool::succeed(command).unwrap_or_else(|error| panic!("{error}"))
}
