//! The bill of materials of an archive, in CycloneDX: every crate whose code is in the program.
//!
//! Written from what cargo says alone, so that it is the same for the same sources: no time, no path, no random number.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::process::Command;

use fastcontainer_lab::cargo;
use serde_json::{Value, json};

use super::platform::Platform;
use super::{PROGRAM, VERSION};
use crate::shell::{output, workspace_root};

type Failure = Box<dyn Error>;

/// `NAME@VERSION`, how parts refer to each other.
type Reference = String;

/// The bill of the program for `platform`.
pub(super) fn of(platform: Platform) -> Result<Value, Failure> {
    let linked = linked(platform)?;
    let metadata = output(
        cargo()
            .args(["metadata", "--format-version", "1", "--locked"])
            .args(["--filter-platform", platform.rust()]),
    )?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let lock = std::fs::read_to_string(workspace_root().join("Cargo.lock"))?;
    let digests = digests(&lock);
    let root = reference(PROGRAM, VERSION);
    let packages = packages(&metadata, &linked);
    let component = |(name, package): (&Reference, &&Value)| component(name, package, digests.get(name));
    let mut components: Vec<Value> = packages
        .iter()
        .filter(|(name, _)| **name != root)
        .map(component)
        .collect();
    components.push(standard_library()?);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": PROGRAM,
                "version": VERSION,
                "licenses": [{ "expression": env!("CARGO_PKG_LICENSE") }],
                "properties": [{ "name": "platform", "value": platform.name() }],
                "externalReferences": [{ "type": "vcs", "url": env!("CARGO_PKG_REPOSITORY") }],
            },
        },
        "components": components,
        "dependencies": dependencies(&metadata, &packages),
    }))
}

fn reference(name: &str, version: &str) -> Reference {
    format!("{name}@{version}")
}

/// What cargo compiles into the program: neither build scripts and macros nor what only tests use.
fn linked(platform: Platform) -> Result<BTreeSet<Reference>, Failure> {
    let tree = output(
        cargo()
            .args(["tree", "--locked", "--package", PROGRAM, "--target", platform.rust()])
            .args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]),
    )?;
    let parts = tree.lines().filter_map(|line| {
        let (name, rest) = line.split_once(" v")?;
        Some(reference(name, rest.split(' ').next()?))
    });
    Ok(parts.collect())
}

fn packages<'a>(metadata: &'a Value, linked: &BTreeSet<Reference>) -> BTreeMap<Reference, &'a Value> {
    let all = metadata["packages"].as_array().into_iter().flatten();
    let named = all.filter_map(|package| {
        let name = reference(package["name"].as_str()?, package["version"].as_str()?);
        linked.contains(&name).then_some((name, package))
    });
    named.collect()
}

fn component(name: &str, package: &Value, digest: Option<&String>) -> Value {
    let licence = package["license"]
        .as_str()
        .unwrap_or("NOASSERTION")
        .replace('/', " OR ");
    let licence = licence.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut component = json!({
        "type": "library",
        "bom-ref": name,
        "name": package["name"],
        "version": package["version"],
        "licenses": [{ "expression": licence }],
    });
    if !package["source"].is_null() {
        component["purl"] = json!(format!("pkg:cargo/{name}"));
    }
    if let Some(digest) = digest {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
    }
    if let Some(repository) = package["repository"].as_str() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

/// Rust's own library, which no lock file names.
fn standard_library() -> Result<Value, Failure> {
    let said = output(Command::new("rustc").arg("--version"))?;
    let version = said.split(' ').nth(1).unwrap_or_default().trim();
    Ok(json!({
        "type": "library",
        "bom-ref": reference("std", version),
        "name": "std",
        "version": version,
        "description": "Rust's standard library",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }))
}

fn dependencies(metadata: &Value, packages: &BTreeMap<Reference, &Value>) -> Vec<Value> {
    let names: BTreeMap<&str, &Reference> = packages
        .iter()
        .filter_map(|(name, package)| Some((package["id"].as_str()?, name)))
        .collect();
    let name_of = |id: &Value| names.get(id.as_str()?).copied();
    let nodes = metadata["resolve"]["nodes"].as_array().into_iter().flatten();
    let all: BTreeMap<&Reference, BTreeSet<&Reference>> = nodes
        .filter_map(|node| {
            let needs = node["deps"].as_array().into_iter().flatten();
            let needs = needs
                .filter(|need| is_normal(need))
                .filter_map(|need| name_of(&need["pkg"]));
            Some((name_of(&node["id"])?, needs.collect()))
        })
        .collect();
    all.iter()
        .map(|(name, needs)| json!({ "ref": name, "dependsOn": needs }))
        .collect()
}

/// Whether one crate needs another at run time, not only in tests or build scripts.
fn is_normal(need: &Value) -> bool {
    let kinds = need["dep_kinds"].as_array();
    kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
}

/// SHA-256 of each crate's package as the lock file has it.
fn digests(lock: &str) -> BTreeMap<Reference, String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let value = |key: &str| {
            let mut lines = package.lines();
            let line = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
            Some(line.trim_matches('"'))
        };
        if let (Some(name), Some(version), Some(digest)) = (value("name"), value("version"), value("checksum")) {
            found.insert(reference(name, version), digest.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_come_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"theirs\"\n\
                    version = \"1.2.3\"\nsource = \"registry\"\nchecksum = \"abc\"\n";
        let expected = BTreeMap::from([("theirs@1.2.3".to_owned(), "abc".to_owned())]);
        assert_eq!(digests(lock), expected);
    }
}
