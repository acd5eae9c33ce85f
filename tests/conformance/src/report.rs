//! What the daemon says about a build: its steps, and what it asked of the contexts.
//!
//! Steps come from the progress messages, the `followpaths` lists from the provenance that the daemon writes about its
//! own build graph. Refuses to read anything into missing parts: a report without them ends the test.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use serde_json::Value;

/// Name of the provenance document in an exported archive.
const PROVENANCE: &str = "provenance.json";

/// Where a step's result came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// An earlier build.
    Cache,
    /// It ran.
    Run,
}

/// What the daemon did.
#[derive(Debug, Clone)]
pub struct Report {
    /// The steps of the Dockerfile by the name that was printed.
    pub steps: BTreeMap<String, Origin>,
    /// For each context that was read, the lists that were sent; an empty one asks for everything.
    pub asked: BTreeMap<String, Vec<Vec<String>>>,
}

impl Report {
    pub(crate) fn of(progress: &[u8], archive: &Path) -> Self {
        Self {
            steps: steps(progress),
            asked: provenance(archive).map(|document| asked(&document)).unwrap_or_default(),
        }
    }
}

fn steps(progress: &[u8]) -> BTreeMap<String, Origin> {
    let messages = serde_json::Deserializer::from_slice(progress).into_iter::<Value>();
    let mut steps = BTreeMap::new();
    for message in messages {
        let message = message.expect("progress as JSON");
        for vertex in message["vertexes"].as_array().into_iter().flatten() {
            let name = vertex["name"].as_str().unwrap_or_default();
            let is_step = name.starts_with('[') && !name.starts_with("[internal]") && !name.starts_with("[context ");
            if is_step && vertex["completed"].is_string() {
                let cached = vertex["cached"].as_bool().unwrap_or_default();
                let origin = if cached { Origin::Cache } else { Origin::Run };
                steps.insert(name.to_owned(), origin);
            }
        }
    }
    steps
}

/// An image of no steps has no provenance.
fn provenance(archive: &Path) -> Option<Value> {
    let mut archive = tar::Archive::new(File::open(archive).expect("an exported archive"));
    let mut entries = archive
        .entries()
        .expect("an archive")
        .map(|entry| entry.expect("an entry"));
    let document = entries.find(|entry| entry.path_bytes().as_ref() == PROVENANCE.as_bytes());
    document.map(|document| serde_json::from_reader(document).expect("JSON"))
}

fn asked(provenance: &Value) -> BTreeMap<String, Vec<Vec<String>>> {
    let config = &provenance["predicate"]["buildDefinition"]["internalParameters"]["buildConfig"];
    let mut asked: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
    for step in config["llbDefinition"].as_array().expect("a build graph") {
        let source = &step["op"]["Op"]["source"];
        let Some(context) = source["identifier"]
            .as_str()
            .and_then(|name| name.strip_prefix("local://"))
        else {
            continue;
        };
        let paths = source["attrs"]["local.followpaths"].as_str();
        let paths = paths.map_or_else(Vec::new, |paths| serde_json::from_str(paths).expect("a list of paths"));
        asked.entry(context.to_owned()).or_default().push(paths);
    }
    asked
}
