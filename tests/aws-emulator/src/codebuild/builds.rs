//! BatchGetBuilds, StopBuild, ListBuildsForProject, BatchDeleteBuilds.
//!
//! A build is found by its id or its ARN; one that is not visible yet is answered as if it did not exist.

use serde::Deserialize;
use serde_json::{Value, json};

use super::state::State;
use super::{CodeBuildError, projects};
use crate::aws::{Caller, parse};

#[derive(Deserialize)]
struct Ids {
    ids: Vec<String>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListRequest {
    project_name: String,
    sort_order: Option<String>,
    next_token: Option<String>,
}

/// Refuses a list that is empty or longer than a hundred.
pub(super) fn check_count(member: &str, count: usize) -> Result<(), CodeBuildError> {
    if (1..=100).contains(&count) {
        return Ok(());
    }
    let constraint = "Member must have length between 1 and 100";
    Err(CodeBuildError::constraint(
        member,
        &format!("[{count} values]"),
        constraint,
    ))
}

pub(super) fn batch_get(caller: &Caller<'_>, state: &State, body: &[u8]) -> Result<Value, CodeBuildError> {
    let Ids { ids } = parse(body)?;
    check_count("ids", ids.len())?;
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        let key = key(&id);
        caller.permit(&projects::arn(caller, key.split(':').next().unwrap_or_default()))?;
        match state
            .builds
            .get(key)
            .filter(|build| build.owner == caller.owner() && build.is_visible())
        {
            Some(build) => found.push(build.describe()),
            None => missing.push(id),
        }
    }
    Ok(json!({"builds": found, "buildsNotFound": missing}))
}

pub(super) fn stop(caller: &Caller<'_>, state: &mut State, body: &[u8]) -> Result<Value, CodeBuildError> {
    let Id { id } = parse(body)?;
    let key = key(&id).to_owned();
    caller.permit(&projects::arn(caller, key.split(':').next().unwrap_or_default()))?;
    let build = state.builds.get_mut(&key).filter(|build| build.owner == caller.owner());
    let build = build.ok_or_else(|| CodeBuildError::NotFound(format!("Build {id} does not exist")))?;
    build.halt();
    let description = build.describe();
    state.queue.retain(|other| *other != key);
    Ok(json!({ "build": description }))
}

pub(super) fn list(caller: &Caller<'_>, state: &State, body: &[u8]) -> Result<Value, CodeBuildError> {
    let request: ListRequest = parse(body)?;
    let arn = projects::arn(caller, &request.project_name);
    caller.permit(&arn)?;
    if !state
        .projects
        .contains_key(&(caller.owner(), request.project_name.clone()))
    {
        return Err(projects::not_found(&arn));
    }
    let owner = caller.owner();
    let own = |build: &&super::record::Build| build.owner == owner && build.project == request.project_name;
    let mut builds: Vec<_> = state
        .builds
        .values()
        .filter(own)
        .filter(|build| build.is_visible())
        .collect();
    builds.sort_by_key(|build| build.number);
    if request.sort_order.as_deref() != Some("ASCENDING") {
        builds.reverse();
    }
    let from: usize = request
        .next_token
        .as_deref()
        .map_or(Ok(0), str::parse)
        .map_err(|_| CodeBuildError::InvalidInput("Invalid next token".to_owned()))?;
    let ids: Vec<_> = builds.iter().skip(from).take(100).map(|build| &build.id).collect();
    let mut answer = json!({ "ids": ids });
    if from + 100 < builds.len() {
        answer["nextToken"] = json!((from + 100).to_string());
    }
    Ok(answer)
}

pub(super) fn batch_delete(caller: &Caller<'_>, state: &mut State, body: &[u8]) -> Result<Value, CodeBuildError> {
    let Ids { ids } = parse(body)?;
    check_count("ids", ids.len())?;
    let (mut deleted, mut kept) = (Vec::new(), Vec::new());
    for id in ids {
        let key = key(&id).to_owned();
        caller.permit(&projects::arn(caller, key.split(':').next().unwrap_or_default()))?;
        match state.builds.get(&key) {
            Some(build) if build.owner == caller.owner() && build.is_complete() => {
                deleted.push(build.arn());
                state.builds.remove(&key);
            }
            Some(_) => kept.push(json!({"id": id, "statusCode": "BUILD_IN_PROGRESS"})),
            None => kept.push(json!({"id": id, "statusCode": "BUILD_DOES_NOT_EXIST"})),
        }
    }
    Ok(json!({"buildsDeleted": deleted, "buildsNotDeleted": kept}))
}

/// Returns the id in an id or an ARN.
fn key(id: &str) -> &str {
    id.split_once(":build/").map_or(id, |(_, id)| id)
}
