//! Projects: create, change, delete, describe, list.
//!
//! A project is kept as the JSON that it is described with, so that members without a meaning here survive; its
//! configuration is read out of it and checked on every change.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::CodeBuildError;
use super::configuration::Configuration;
use crate::aws::{Caller, Owner, parse};
use crate::clock;

/// Projects by owner and name.
pub(super) type Projects = BTreeMap<(Owner, String), Map<String, Value>>;

const REQUIRED: &[&str] = &["name", "source", "artifacts", "environment", "serviceRole"];

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Names {
    names: Vec<String>,
}

/// Reads the configuration of a project.
pub(super) fn configuration(project: &Map<String, Value>) -> Result<Configuration, CodeBuildError> {
    let configuration: Configuration = serde_json::from_value(Value::Object(project.clone()))
        .map_err(|error| CodeBuildError::InvalidInput(format!("Invalid project: {error}")))?;
    configuration.check()?;
    Ok(configuration)
}

pub(super) fn create(caller: &Caller<'_>, projects: &mut Projects, body: &[u8]) -> Result<Value, CodeBuildError> {
    let mut project: Map<String, Value> = parse(body)?;
    if let Some(missing) = REQUIRED.iter().find(|name| !project.contains_key(**name)) {
        return Err(CodeBuildError::constraint(missing, "null", "Member must not be null"));
    }
    let name = text(&project, "name");
    caller.permit(&arn(caller, &name))?;
    if !is_name(&name) {
        return Err(CodeBuildError::constraint(
            "name",
            &name,
            "Member must satisfy regular expression pattern: [A-Za-z0-9][A-Za-z0-9\\-_]{1,254}",
        ));
    }
    let key = (caller.owner(), name.clone());
    if projects.contains_key(&key) {
        return Err(CodeBuildError::ProjectExists(arn(caller, &name)));
    }
    let defaults = json!({
        "timeoutInMinutes": 60, "queuedTimeoutInMinutes": 480, "arn": arn(caller, &name), "created": clock::epoch_seconds(),
        "encryptionKey": format!("arn:aws:kms:{}:{}:alias/aws/s3", caller.region, caller.identity.account),
        "cache": {"type": "NO_CACHE"}, "badge": {"badgeEnabled": false}, "projectVisibility": "PRIVATE", "tags": [],
    });
    for (name, value) in defaults.as_object().into_iter().flatten() {
        project.entry(name).or_insert_with(|| value.clone());
    }
    keep(projects, key, project)
}

pub(super) fn update(caller: &Caller<'_>, projects: &mut Projects, body: &[u8]) -> Result<Value, CodeBuildError> {
    let changes: Map<String, Value> = parse(body)?;
    let name = text(&changes, "name");
    caller.permit(&arn(caller, &name))?;
    let key = (caller.owner(), name);
    let Some(mut project) = projects.get(&key).cloned() else {
        return Err(not_found(&arn(caller, &key.1)));
    };
    project.extend(changes);
    keep(projects, key, project)
}

fn keep(
    projects: &mut Projects,
    key: (Owner, String),
    mut project: Map<String, Value>,
) -> Result<Value, CodeBuildError> {
    configuration(&project)?;
    project.insert("lastModified".to_owned(), json!(clock::epoch_seconds()));
    projects.insert(key, project.clone());
    Ok(json!({ "project": project }))
}

pub(super) fn delete(caller: &Caller<'_>, projects: &mut Projects, body: &[u8]) -> Result<Value, CodeBuildError> {
    let Named { name } = parse(body)?;
    caller.permit(&arn(caller, &name))?;
    // Deleting what is not there succeeds.
    projects.remove(&(caller.owner(), name));
    Ok(json!({}))
}

pub(super) fn batch_get(caller: &Caller<'_>, projects: &Projects, body: &[u8]) -> Result<Value, CodeBuildError> {
    let Names { names } = parse(body)?;
    super::builds::check_count("names", names.len())?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        let short = name
            .rsplit_once(":project/")
            .map_or(name.as_str(), |(_, short)| short)
            .to_owned();
        caller.permit(&arn(caller, &short))?;
        match projects.get(&(caller.owner(), short)) {
            Some(project) => found.push(project.clone()),
            None => missing.push(name),
        }
    }
    Ok(json!({"projects": found, "projectsNotFound": missing}))
}

pub(super) fn list(caller: &Caller<'_>, projects: &Projects) -> Result<Value, CodeBuildError> {
    caller.permit("*")?;
    let owner = caller.owner();
    let names: Vec<_> = projects
        .keys()
        .filter(|(of, _)| *of == owner)
        .map(|(_, name)| name)
        .collect();
    Ok(json!({ "projects": names }))
}

/// The error for a project that does not exist.
pub(super) fn not_found(arn: &str) -> CodeBuildError {
    CodeBuildError::NotFound(format!("Project cannot be found: {arn}"))
}

/// ARN of a project.
pub(super) fn arn(caller: &Caller<'_>, name: &str) -> String {
    caller.arn(&format!("project/{name}"))
}

fn text(members: &Map<String, Value>, name: &str) -> String {
    members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (2..=255).contains(&name.len()) && name.bytes().all(is_part) && name.as_bytes()[0].is_ascii_alphanumeric()
}
