//! What a release consists of, beginning with a program.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use fastcontainer_lab::workspace_root;
use serde_json::Value;
use tempfile::TempDir;

use crate::{PROGRAM, archive, archive_name, make_release, provider, read, release};

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .expect("a directory")
        .map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(&entry.path())))
        .collect()
}

fn bill() -> Value {
    let name = archive_name().replace(".tar.gz", ".cdx.json");
    serde_json::from_slice(&read(&release().join(name))).expect("JSON")
}

#[test]
fn release_made_again_has_the_same_bytes() {
    let again = TempDir::new().expect("a directory");
    make_release(provider(), again.path());
    let (first, second) = (files(release()), files(again.path()));
    assert_eq!(first.len(), 3, "{:?}", first.keys());
    assert_eq!(first.keys().collect::<Vec<_>>(), second.keys().collect::<Vec<_>>());
    for (name, content) in &first {
        assert!(second[name] == *content, "{name} differs");
    }
}

#[test]
fn checksums_are_those_of_the_files() {
    let check = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(release())
        .output()
        .expect("sha256sum");
    let said = String::from_utf8_lossy(&check.stdout);
    assert!(check.status.success(), "{said}");
    assert_eq!(said.matches(": OK").count(), 2, "{said}");
}

#[test]
fn archive_holds_the_program_at_its_root_and_no_plugin_file() {
    let list = Command::new("tar")
        .args(["--list", "--file", &archive()])
        .output()
        .expect("tar");
    let said = String::from_utf8_lossy(&list.stdout);
    // With a PulumiPlugin.yaml the CLI would start a language host instead of the program.
    assert_eq!(said.lines().collect::<Vec<_>>(), ["LICENSE", PROGRAM]);
}

#[test]
fn bill_of_materials_names_what_is_linked_and_nothing_else() {
    let bill = bill();
    let components = bill["components"].as_array().expect("components");
    let named = |name: &str| components.iter().find(|component| component["name"] == name);
    for linked in ["ring", "tonic", "rustls", "fastcontainer-dockerfile", "std"] {
        let component = named(linked).unwrap_or_else(|| panic!("{linked} is missing"));
        assert!(component["licenses"][0]["expression"].is_string(), "{component}");
    }
    let ring = named("ring").expect("ring");
    assert_eq!(ring["hashes"][0]["content"].as_str().expect("a digest").len(), 64);
    assert_eq!(
        ring["purl"],
        format!("pkg:cargo/ring@{}", ring["version"].as_str().expect("a version"))
    );
    for absent in [
        "fastcontainer-lab",
        "proptest",
        "tonic-prost-build",
        "serde_derive",
        "xtask",
    ] {
        assert!(named(absent).is_none(), "{absent} is not part of the program");
    }
}

#[test]
fn bill_of_materials_explains_every_part() {
    let bill = bill();
    let components = bill["components"].as_array().expect("components").iter();
    let root = &bill["metadata"]["component"];
    let known: BTreeSet<&str> = components
        .chain([root])
        .filter_map(|part| part["bom-ref"].as_str())
        .collect();
    let edges = bill["dependencies"].as_array().expect("dependencies");
    let mut needed: BTreeSet<&str> = edges
        .iter()
        .flat_map(|edge| edge["dependsOn"].as_array().expect("a list"))
        .map(|part| part.as_str().expect("a reference"))
        .collect();
    assert!(needed.iter().all(|part| known.contains(part)), "unknown parts");
    needed.extend(root["bom-ref"].as_str());
    let unexplained: Vec<_> = known
        .difference(&needed)
        .filter(|part| !part.starts_with("std@"))
        .collect();
    assert!(unexplained.is_empty(), "nothing needs {unexplained:?}");
}

#[test]
fn bill_of_materials_says_nothing_about_this_machine() {
    let text = bill().to_string();
    let root = workspace_root().to_str().expect("a path");
    assert!(!text.contains(root) && !text.contains("file://"), "{text}");
}
