//! YAML: programs, their configuration, inputs of an image, workflows.
//!
//! The provider's own binary checks the inputs of every image, in a folder that has the directories which they name. References
//! between resources lead to outputs that exist; commands of workflows are checked as those of shell blocks are.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use fastcontainer_property::{PropertyMap, PropertyValue};
use pulumi_resource_fastcontainer::schema::{IMAGE, package_schema};
use serde_json::{Map, Value};
use tempfile::TempDir;
use wire::{Image, Options, Provider};

use crate::shell::Checker;
use crate::shown;

#[tokio::test]
async fn every_document_is_one_that_pulumi_and_the_provider_take() {
    let judge = Judge::new();
    let mut troubles = Vec::new();
    for (page, block) in shown(&["yaml"]) {
        let place = page.place(block.line);
        // A template of Go is what a workflow's expressions look like to a reader of YAML: plain text.
        match serde_norway::from_str::<Value>(&block.text) {
            Ok(document) => troubles.extend(
                judge
                    .document(&document)
                    .await
                    .into_iter()
                    .map(|one| format!("{place}: {one}")),
            ),
            Err(error) => troubles.push(format!("{place}: {error}")),
        }
    }
    assert!(troubles.is_empty(), "{troubles:#?}");
}

#[tokio::test]
async fn what_is_wrong_in_a_document_is_noticed() {
    let judge = Judge::new();
    for wrong in [
        "contxt: ./api",
        "platforms: [amd64]",
        "builder: {codebuild: {project: images}}",
        "resources: {a: {type: 'fastcontainer:FastContainerImage', properties: {context: ./api}}}",
        "resources: {a: {type: 'fastcontainer:Image', properties: {}}}",
        "resources: {a: {type: 'fastcontainer:FastContainerImage', properties: {repository: a/b}}}\noutputs: {x: '${a.imageUrl}'}",
        "resources: {p: {type: 'pulumi:providers:fastcontainer', properties: {regoin: eu-central-1}}}",
        "config: {'fastcontainer:regoin': eu-central-1}",
        "jobs: {a: {steps: [{run: pulumi preveiw}]}}",
        "whatever: 1",
    ] {
        let document = serde_norway::from_str(wrong).unwrap();
        assert!(!judge.document(&document).await.is_empty(), "{wrong}");
    }
}

struct Judge {
    checker: Checker,
    schema: Value,
}

impl Judge {
    fn new() -> Self {
        Self {
            checker: Checker::new(),
            schema: package_schema(),
        }
    }

    /// All that is wrong with a document, whatever it is.
    async fn document(&self, document: &Value) -> Vec<String> {
        let Some(members) = document.as_object() else {
            return vec!["is no mapping".to_owned()];
        };
        if members.contains_key("jobs") {
            return self.workflow(document);
        }
        if ["resources", "variables", "runtime"]
            .iter()
            .any(|key| members.contains_key(*key))
        {
            return self.program(members).await;
        }
        let settings = |key: &String| members["config"].get(key).is_some();
        if let Some(config) = members.get("config").and_then(Value::as_object) {
            return self.configuration(config.keys().filter(|key| settings(key)));
        }
        let inputs = &self.schema["resources"][IMAGE]["inputProperties"];
        if !members.keys().any(|key| inputs.get(key).is_some()) {
            return vec![format!(
                "is neither a program nor inputs of an image: {:?}",
                members.keys()
            )];
        }
        let mut inputs = members.clone();
        inputs.entry("repository").or_insert("localhost:5000/app".into());
        check(&inputs).await
    }

    async fn program(&self, members: &Map<String, Value>) -> Vec<String> {
        let mut troubles = Vec::new();
        let named = |key: &str| members.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
        let (resources, config) = (named("resources"), named("config"));
        for (name, resource) in &resources {
            let kind = resource["type"].as_str().unwrap_or_default();
            let properties = resource["properties"].as_object().cloned().unwrap_or_default();
            let found = match kind {
                "fastcontainer:FastContainerImage" | IMAGE => check(&properties).await,
                "pulumi:providers:fastcontainer" => self.configuration(properties.keys()),
                kind if kind.starts_with("fastcontainer:") || !kind.contains(':') => vec![format!("no type `{kind}`")],
                _ => Vec::new(),
            };
            troubles.extend(found.into_iter().map(|trouble| format!("{name}: {trouble}")));
        }
        troubles.extend(self.configuration(config.keys().filter(|key| key.starts_with("fastcontainer:"))));
        let variables = named("variables");
        for reference in references(&Value::Object(members.clone())) {
            let (first, rest) = reference.split_once(['.', '[']).unwrap_or((&reference, ""));
            let ours = resources
                .get(first)
                .map(|resource| resource["type"].as_str().unwrap_or_default());
            let known = [&config, &variables].iter().any(|group| group.contains_key(first)) || first == "pulumi";
            match ours {
                Some(kind) if kind.starts_with("fastcontainer:") && !rest.is_empty() => {
                    let output = rest.split(['.', '[']).next().unwrap_or_default();
                    if self.schema["resources"][IMAGE]["properties"].get(output).is_none() {
                        troubles.push(format!("an image has no output `{output}`"));
                    }
                }
                None if !known => troubles.push(format!("`${{{reference}}}` names nothing of the program")),
                _ => {}
            }
        }
        troubles
    }

    fn configuration<'a>(&self, keys: impl Iterator<Item = &'a String>) -> Vec<String> {
        let ours = keys.map(|key| key.strip_prefix("fastcontainer:").unwrap_or(key));
        ours.filter_map(|key| self.checker.has_setting(key).err()).collect()
    }

    fn workflow(&self, document: &Value) -> Vec<String> {
        let jobs = document["jobs"].as_object().into_iter().flatten();
        let steps = jobs.flat_map(|(_, job)| job["steps"].as_array().cloned().unwrap_or_default());
        let mut troubles = Vec::new();
        for step in steps {
            let lines = step["run"]
                .as_str()
                .unwrap_or_default()
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>();
            troubles.extend(lines.iter().filter_map(|line| self.checker.line(line).err()));
            let uses = step["uses"].as_str();
            let pinned = uses.is_none_or(|uses| uses.split_once('@').is_some_and(|(action, _)| action.contains('/')));
            if !pinned {
                troubles.push(format!("no version: {uses:?}"));
            }
        }
        troubles
    }
}

/// What the provider finds wrong with the inputs of an image.
async fn check(inputs: &Map<String, Value>) -> Vec<String> {
    let folder = plant(inputs);
    let options = Options {
        directory: Some(folder.path().join("program")),
        ..Options::default()
    };
    let provider = Provider::start_with(options).await.unwrap();
    let news: PropertyMap = inputs
        .iter()
        .map(|(name, value)| (name.clone(), property(value)))
        .collect();
    let checked = Image::named("api").check(&provider, &news).await.unwrap();
    let failures: BTreeMap<_, _> = checked.failures;
    failures
        .iter()
        .map(|(path, reason)| format!("{path}: {reason}"))
        .collect()
}

/// A folder with the directories and Dockerfiles that the inputs name.
fn plant(inputs: &Map<String, Value>) -> TempDir {
    let folder = TempDir::new().unwrap();
    let text = |name: &str| {
        inputs
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.contains("${"))
    };
    let target = text("target").map_or(String::new(), |target| format!(" AS {target}"));
    let dockerfile = format!("FROM scratch{target}\nCOPY . /app\n");
    let context = text("context").unwrap_or(".");
    put(folder.path(), &format!("{context}/app.txt"), "app\n");
    let named = inputs
        .get("namedContexts")
        .and_then(Value::as_object)
        .into_iter()
        .flatten();
    for directory in named
        .filter_map(|(_, value)| value.as_str())
        .filter(|value| !value.contains("://"))
    {
        put(folder.path(), &format!("{directory}/file.txt"), "file\n");
    }
    let path = text("dockerfile").map_or_else(|| format!("{context}/Dockerfile"), str::to_owned);
    put(folder.path(), &path, &dockerfile);
    folder
}

fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join("program").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A value as Pulumi's YAML host hands it over at preview: what another resource makes is unknown.
fn property(value: &Value) -> PropertyValue {
    match value {
        Value::Null => PropertyValue::Null,
        Value::Bool(truth) => PropertyValue::Bool(*truth),
        Value::Number(number) => PropertyValue::Number(number.as_f64().unwrap_or_default()),
        Value::String(text) if text.contains("${") => PropertyValue::Unknown,
        Value::String(text) => PropertyValue::String(text.clone()),
        Value::Array(items) => PropertyValue::List(items.iter().map(property).collect()),
        Value::Object(fields) => PropertyValue::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), property(value)))
                .collect(),
        ),
    }
}

/// Everything between `${` and `}`.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => {
            let inner = text.split("${").skip(1).filter_map(|part| part.split('}').next());
            inner.map(str::to_owned).collect()
        }
        Value::Array(items) => items.iter().flat_map(references).collect(),
        Value::Object(fields) => fields.values().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
