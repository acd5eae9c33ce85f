//! `cargo xtask sdk`: the SDKs under `sdk/`, generated from the provider's schema and committed.
//!
//! Nobody edits them. What they were made from and what came out is noted in `sdk/generated.json`, so that tests see in a moment
//! whether they are current; `--check` makes them again and compares every byte; `--pack` makes packages of what is committed.

mod generate;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use fastcontainer_lab::{Profile, build_program, say};

use crate::shell::{Outcome, output, workspace_root};
use tree::{Note, Tree};

type Failure = Box<dyn std::error::Error>;

/// Generate the SDKs from the schema.
#[derive(Debug, Args)]
pub(crate) struct Sdk {
    /// Write nothing; fail if what is there is not what would be written.
    #[arg(long)]
    check: bool,
    /// Generate nothing; make packages for the registries of the languages in this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "check")]
    pack: Option<PathBuf>,
}

impl Sdk {
    pub(crate) fn run(&self) -> Outcome {
        if let Some(folder) = &self.pack {
            return pack(folder);
        }
        let (root, schema) = (workspace_root(), schema()?);
        let made = generate::all(root, &schema)?;
        let note = Note {
            made_from: ingredients(root, &schema)?,
            files: made.digests(),
        };
        if self.check {
            return compare(root, &made);
        }
        made.write(&folder(root), generate::LANGUAGES)?;
        note.write(&folder(root))?;
        say(&format!("{} files in sdk/", note.files.len()));
        Ok(())
    }
}

/// Demands that the SDKs were made from the present schema and generators, and that nobody edited them. Generates nothing.
pub(crate) fn current() -> Outcome {
    let (root, schema) = (workspace_root(), schema()?);
    let note = Note::read(&folder(root))?;
    if note.made_from != ingredients(root, &schema)? {
        return stale("the schema or a generator changed since the SDKs were generated");
    }
    for (path, digest) in &note.files {
        let found = fs::read(folder(root).join(path)).map(|content| tree::digest(&content));
        if found.ok().as_ref() != Some(digest) {
            return stale(&format!("sdk/{path} is not as it was generated"));
        }
    }
    Ok(())
}

/// What is not current is not packed.
fn pack(folder: &Path) -> Outcome {
    current()?;
    for file in ::sdk::pack(&std::path::absolute(folder)?)? {
        say(&file.display().to_string());
    }
    Ok(())
}

fn compare(root: &Path, made: &Tree) -> Outcome {
    for (path, content) in made.files() {
        if fs::read(folder(root).join(path)).ok().as_ref() != Some(content) {
            return stale(&format!("sdk/{path} is not what the schema gives"));
        }
    }
    current()
}

fn stale(what: &str) -> Outcome {
    Err(format!("{what}: run `cargo xtask sdk` and commit the result").into())
}

fn folder(root: &Path) -> PathBuf {
    root.join("sdk")
}

/// The schema as the provider prints it.
fn schema() -> Result<String, Failure> {
    let name = "pulumi-resource-fastcontainer";
    let plugin = build_program(name, name, Profile::Debug)?;
    output(Command::new(plugin).arg("schema"))
}

/// One digest over everything that decides what the SDKs are.
fn ingredients(root: &Path, schema: &str) -> Result<String, Failure> {
    let mut all: BTreeMap<String, Vec<u8>> = BTreeMap::from([("schema".to_owned(), schema.as_bytes().to_vec())]);
    let mut files = ::sdk::files_below(&folder(root).join("generate"))?;
    files.extend(["xtask/src/sdk/generate.rs", "xtask/src/sdk/pom.xml", "LICENSE"].map(|name| root.join(name)));
    for file in files {
        let name = file.strip_prefix(root)?.to_string_lossy().into_owned();
        all.insert(name, fs::read(&file)?);
    }
    Ok(tree::digest(serde_json::to_string(&all)?.as_bytes()))
}
