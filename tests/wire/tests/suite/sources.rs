//! Throw-away build contexts.

use std::{fs, path::Path};

use fastcontainer_property::{PropertyMap, PropertyValue};
use tempfile::TempDir;
use wire::bag;

/// A Dockerfile with two stages and an argument.
pub(crate) const DOCKERFILE: &str =
    "FROM busybox:1.36 AS base\nARG VERSION=1\nRUN echo $VERSION > /version\nFROM base AS app\nCOPY src /app\n";

/// A context with a Dockerfile and two files.
pub(crate) fn context() -> TempDir {
    let directory = TempDir::new().unwrap();
    write(directory.path(), "Dockerfile", DOCKERFILE);
    write(directory.path(), "src/main.py", "print('one')\n");
    write(directory.path(), "src/data.txt", "data\n");
    directory
}

/// Writes a file and the folders above it.
pub(crate) fn write(directory: &Path, path: &str, text: &str) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Inputs for a context, with a repository that is never asked.
pub(crate) fn inputs(context: &Path) -> PropertyMap {
    bag([
        ("repository", "localhost:1/app".into()),
        ("context", context.to_str().unwrap().into()),
    ])
}

/// The same inputs with one more.
pub(crate) fn with(inputs: &PropertyMap, name: &str, value: impl Into<PropertyValue>) -> PropertyMap {
    let mut inputs = inputs.clone();
    inputs.insert(name.to_owned(), value.into());
    inputs
}
