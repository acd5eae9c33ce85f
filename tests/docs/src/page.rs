//! All pages: every Markdown file of the checkout that a person wrote.
//!
//! Generated SDKs, build output and what package managers install are no pages.

use std::fs;
use std::path::{Path, PathBuf};

use fastcontainer_lab::workspace_root;

use crate::{Block, blocks};

/// Folders with files that nobody of this project wrote.
const FOREIGN: [&str; 5] = ["target", "node_modules", ".venv", "sdk", ".git"];

/// One Markdown file.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its path from the root of the checkout.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

impl Page {
    /// Its blocks of code.
    #[must_use]
    pub fn blocks(&self) -> Vec<Block> {
        blocks(&self.text)
    }

    /// A place in it, as compilers write places.
    #[must_use]
    pub fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// Every page of the checkout, by path.
#[must_use]
pub fn pages() -> Vec<Page> {
    let markdown = files().into_iter();
    let markdown = markdown.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let read = |path: PathBuf| {
        let text = fs::read_to_string(workspace_root().join(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Page { path, text }
    };
    let found: Vec<_> = markdown.map(read).collect();
    assert!(
        found.len() > 3,
        "only {} pages found in {}",
        found.len(),
        workspace_root().display()
    );
    found
}

/// Every file of the checkout that a person wrote, from its root and in order.
#[must_use]
pub fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(workspace_root(), &mut found);
    found.sort();
    found
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if !path.is_dir() || path.is_symlink() {
            found.push(path.strip_prefix(workspace_root()).unwrap_or(&path).to_owned());
        } else if !FOREIGN.iter().any(|foreign| name == *foreign) {
            collect(&path, found);
        }
    }
}
