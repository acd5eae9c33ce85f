//! Golden tests: each folder of `corpus/` holds a Dockerfile and the canonical form of its last stage.
//!
//! `UPDATE_GOLDEN=1 cargo test -p fastcontainer-dockerfile --test corpus` writes the golden files anew; the difference
//! is then reviewed like any other change.

#![expect(clippy::unwrap_used, reason = "a test states what it expects with it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use fastcontainer_dockerfile::{Dockerfile, ResolveRequest, platform_args};

/// The folders of the corpus.
fn folders() -> Vec<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(corpus)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    folders
}

/// Prints what the last stage needs: its images, then its instructions.
fn render(dockerfile: &Dockerfile) -> String {
    let platform = platform_args("linux/amd64", "linux/arm64");
    let request = ResolveRequest {
        target: None,
        build_args: &BTreeMap::new(),
        platform: &platform,
        named_contexts: &BTreeMap::new(),
    };
    let resolved = dockerfile.resolve(&request).unwrap();
    let mut out = String::new();
    for image in dockerfile.syntax().into_iter().chain(resolved.external_images()) {
        let platform = image
            .platform
            .map(|platform| format!(" for {platform}"))
            .unwrap_or_default();
        writeln!(out, "image {}: {}{platform}", image.line, image.reference).unwrap();
    }
    for entry in resolved.canonical_instructions() {
        let text = entry
            .text
            .replace('\t', "\\t")
            .replace('\r', "\\r")
            .replace('\n', "\n   | ");
        writeln!(out, "{}: {text}", entry.line).unwrap();
    }
    out
}

#[test]
fn canonical_form_of_every_corpus_file_is_the_golden_one() {
    let folders = folders();
    assert!(folders.len() >= 12, "the corpus has shrunk to {}", folders.len());
    for folder in folders {
        let bytes = std::fs::read(folder.join("Dockerfile")).unwrap();
        let rendered = render(&Dockerfile::parse("Dockerfile", &bytes).unwrap());
        let golden = folder.join("canonical.txt");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&golden, &rendered).unwrap();
        }
        assert_eq!(
            rendered,
            std::fs::read_to_string(&golden).unwrap(),
            "{}",
            folder.display()
        );
    }
}
