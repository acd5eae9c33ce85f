//! Dockerfiles, JSON documents and pictures.
//!
//! Dockerfiles go through the provider's own reader. JSON is a policy that other tests prove (the same text as a file in `docs/iam`)
//! or a lifecycle policy of ECR. Pictures are flow charts in a part of Mermaid's language that is small enough to be read here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fastcontainer_dockerfile::{Dockerfile, ResolveRequest, platform_args};
use fastcontainer_lab::workspace_root;
use serde_json::Value;

use crate::shown;

#[test]
fn dockerfiles_are_what_the_provider_reads() {
    for (page, block) in shown(&["dockerfile"]) {
        let place = page.place(block.line);
        // A block may show some instructions only.
        let text = match block.text.contains("FROM ") {
            true => block.text.clone(),
            false => format!("FROM scratch\n{}", block.text),
        };
        let parsed = Dockerfile::parse(&place, text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
        let nothing = BTreeMap::new();
        let request = ResolveRequest {
            target: None,
            build_args: &nothing,
            platform: &platform_args("linux/amd64", "linux/arm64"),
            named_contexts: &BTreeMap::new(),
        };
        parsed
            .resolve(&request)
            .unwrap_or_else(|error| panic!("{place}: {error}"));
    }
}

#[test]
fn json_is_a_tested_policy() {
    for (page, block) in shown(&["json"]) {
        let place = page.place(block.line);
        let value: Value = serde_json::from_str(&block.text).unwrap_or_else(|error| panic!("{place}: {error}"));
        if value.get("Statement").is_some() {
            assert!(
                tested_policies().contains(&value),
                "{place}: no file in docs/iam says the same"
            );
        } else if value.get("rules").is_some() {
            lifecycle_policy(&place, &value);
        } else {
            panic!("{place}: nobody knows how to check this document");
        }
    }
}

/// The documents that end-to-end tests attach.
fn tested_policies() -> Vec<Value> {
    let files = fs::read_dir(workspace_root().join("docs/iam")).unwrap();
    files
        .map(|file| serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap())
        .collect()
}

/// The rules of <https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html>.
fn lifecycle_policy(place: &str, policy: &Value) {
    let rules = policy["rules"].as_array().unwrap();
    let mut priorities = BTreeSet::new();
    for rule in rules {
        let (selection, text) = (&rule["selection"], |value: &Value| {
            value.as_str().unwrap_or_default().to_owned()
        });
        assert!(
            priorities.insert(rule["rulePriority"].as_u64().unwrap()),
            "{place}: a priority is there twice"
        );
        assert_eq!(rule["action"]["type"], "expire", "{place}");
        let (status, count) = (text(&selection["tagStatus"]), text(&selection["countType"]));
        let by_tag = selection["tagPrefixList"].is_array() || selection["tagPatternList"].is_array();
        assert_eq!(status == "tagged", by_tag, "{place}: tags are listed for `tagged` only");
        assert!(
            ["tagged", "untagged", "any"].contains(&status.as_str()),
            "{place}: {status}"
        );
        assert!(
            selection["countNumber"].as_u64().is_some_and(|number| number > 0),
            "{place}"
        );
        match count.as_str() {
            "sinceImagePushed" => assert_eq!(selection["countUnit"], "days", "{place}"),
            "imageCountMoreThan" => assert!(selection["countUnit"].is_null(), "{place}"),
            other => panic!("{place}: {other}"),
        }
        let spared = selection["tagPrefixList"].to_string().contains("\"fc-") || status == "any";
        assert!(!spared, "{place}: this rule deletes images in use");
    }
}

#[test]
fn pictures_are_flow_charts_without_loose_ends() {
    for (page, block) in shown(&["mermaid"]) {
        let place = page.place(block.line);
        flow_chart(&block.text).unwrap_or_else(|trouble| panic!("{place}: {trouble}"));
    }
}

/// `flowchart TD`, then lines of `id`, `id[text]`, `id{text}`, `id([text])`, joined by `-->` or `-->|text|`.
fn flow_chart(text: &str) -> Result<(), String> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    if !["flowchart TD", "flowchart LR"].contains(&lines.next().unwrap_or_default()) {
        return Err("does not begin with `flowchart TD`".to_owned());
    }
    let (mut described, mut used) = (BTreeSet::new(), BTreeSet::new());
    for line in lines {
        for (at, part) in line.split("-->").enumerate() {
            let part = part.trim();
            let node = match part.strip_prefix('|') {
                Some(label) if at > 0 => label.split_once('|').ok_or(format!("open label: {line}"))?.1.trim(),
                _ => part,
            };
            let (id, shape) = node.split_at(node.find(['[', '{', '(']).unwrap_or(node.len()));
            if id.is_empty() || !id.chars().all(char::is_alphanumeric) {
                return Err(format!("`{id}` is no name: {line}"));
            }
            if !shape.is_empty() {
                shape_is_closed(shape).ok_or(format!("`{shape}` is no shape: {line}"))?;
                described.insert(id.to_owned());
            }
            used.insert(id.to_owned());
        }
    }
    let loose: Vec<_> = used.difference(&described).collect();
    if loose.is_empty() {
        Ok(())
    } else {
        Err(format!("not described: {loose:?}"))
    }
}

/// A quoted text in one pair of brackets.
fn shape_is_closed(shape: &str) -> Option<()> {
    let pairs = [("([\"", "\"])"), ("[\"", "\"]"), ("{\"", "\"}")];
    let inner = pairs
        .iter()
        .find_map(|(open, close)| shape.strip_prefix(open)?.strip_suffix(close))?;
    (!inner.is_empty() && !inner.contains('"')).then_some(())
}

#[test]
fn a_broken_picture_is_noticed() {
    assert_eq!(
        flow_chart("flowchart TD\n a[\"x\"] -->|yes| b{\"y?\"}\n b --> a"),
        Ok(())
    );
    for broken in [
        "graph",
        "flowchart TD\na --> b",
        "flowchart TD\na[\"x\"] -->|yes b[\"y\"]",
        "flowchart TD\na[x]",
    ] {
        assert!(flow_chart(broken).is_err(), "{broken}");
    }
}
