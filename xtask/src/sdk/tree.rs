//! A tree of generated files: what is in it, how it replaces an older one, what is noted about it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Failure;
use crate::shell::Outcome;

const NOTE: &str = "generated.json";

/// Files by their path below `sdk/`.
#[derive(Debug, Default)]
pub(super) struct Tree(BTreeMap<String, Vec<u8>>);

impl Tree {
    pub(super) fn put(&mut self, path: String, content: Vec<u8>) {
        self.0.insert(path, content);
    }

    pub(super) fn get(&self, path: &str) -> Option<&Vec<u8>> {
        self.0.get(path)
    }

    pub(super) fn files(&self) -> impl Iterator<Item = (&String, &Vec<u8>)> {
        self.0.iter()
    }

    pub(super) fn digests(&self) -> BTreeMap<String, String> {
        self.files()
            .map(|(path, content)| (path.clone(), digest(content)))
            .collect()
    }

    /// Replaces the folders of `languages` below `directory`.
    pub(super) fn write(&self, directory: &Path, languages: &[&str]) -> Outcome {
        for language in languages {
            let old = directory.join(language);
            if old.exists() {
                fs::remove_dir_all(old)?;
            }
        }
        for (path, content) in self.files() {
            let path = directory.join(path);
            fs::create_dir_all(path.parent().unwrap_or(directory))?;
            fs::write(path, content)?;
        }
        Ok(())
    }
}

/// What is known about the last generation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Note {
    /// Digest of schema and generators.
    pub(super) made_from: String,
    /// SHA-256 of each file.
    pub(super) files: BTreeMap<String, String>,
}

impl Note {
    pub(super) fn read(directory: &Path) -> Result<Self, Failure> {
        let path = directory.join(NOTE);
        let text = fs::read(&path).map_err(|error| format!("{}: {error}: run `cargo xtask sdk`", path.display()))?;
        Ok(serde_json::from_slice(&text)?)
    }

    pub(super) fn write(&self, directory: &Path) -> Outcome {
        fs::write(directory.join(NOTE), serde_json::to_string_pretty(self)? + "\n")?;
        Ok(())
    }
}

pub(super) fn digest(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
