//! StartBuild: the project's configuration with the overrides of the call, and the rules of idempotency tokens.
//!
//! A token is good for five minutes. The same request under it answers the same build; another request is refused.

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::configuration::{Artifacts, Configuration, LogsConfig, Variable};
use super::error::{check_member, check_range};
use super::record::{Build, Order};
use super::state::State;
use super::{CodeBuildError, projects};
use crate::aws::{Caller, parse};
use crate::random;

const TOKEN_LIFETIME: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    project_name: String,
    idempotency_token: Option<String>,
    #[serde(flatten)]
    overrides: Overrides,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Overrides {
    source_version: Option<String>,
    source_type_override: Option<String>,
    source_location_override: Option<String>,
    buildspec_override: Option<String>,
    artifacts_override: Option<Artifacts>,
    #[serde(default)]
    environment_variables_override: Vec<Variable>,
    environment_type_override: Option<String>,
    image_override: Option<String>,
    compute_type_override: Option<String>,
    privileged_mode_override: Option<bool>,
    service_role_override: Option<String>,
    timeout_in_minutes_override: Option<i64>,
    queued_timeout_in_minutes_override: Option<i64>,
    logs_config_override: Option<LogsConfig>,
    encryption_key_override: Option<String>,
    image_pull_credentials_type_override: Option<String>,
    cache_override: Option<Value>,
    fleet_override: Option<Value>,
}

/// What a token was used for.
pub(super) struct Used {
    request: Value,
    build: String,
    at: Instant,
}

/// Queues a build; returns its description, and its id if it is a new one.
pub(super) fn start(
    caller: &Caller<'_>,
    state: &mut State,
    (body, ending): (&[u8], &CancellationToken),
) -> Result<(Value, Option<String>), CodeBuildError> {
    let whole: Value = parse(body)?;
    let request: Request = parse(body)?;
    let arn = projects::arn(caller, &request.project_name);
    caller.permit(&arn)?;
    if let Some(token) = &request.idempotency_token
        && let Some(build) = earlier(state, token, &whole)?
    {
        return Ok((build, None));
    }
    let owner = caller.owner();
    let project = state.projects.get(&(owner.clone(), request.project_name.clone()));
    let project = project.ok_or_else(|| projects::not_found(&arn))?;
    let configuration = request.overrides.apply(projects::configuration(project)?)?;
    state.check_limits(project_limit(project), &request.project_name)?;
    let number = state
        .numbers
        .entry((owner.clone(), request.project_name.clone()))
        .or_default();
    *number += 1;
    let order = Order {
        owner,
        project: request.project_name,
        number: *number,
        initiator: caller.identity.arn.rsplit(':').next().unwrap_or_default().to_owned(),
        configuration,
    };
    let visible_from =
        Instant::now() + Duration::from_millis(state.knobs_of(&order.project).visible_after_milliseconds);
    let build = Build::submitted(order, &uuid(), (ending.child_token(), visible_from));
    let (id, description) = (build.id.clone(), build.describe());
    if let Some(token) = request.idempotency_token {
        let used = Used {
            request: whole,
            build: id.clone(),
            at: Instant::now(),
        };
        state.tokens.insert(token, used);
    }
    state.queue.push_back(id.clone());
    state.builds.insert(id.clone(), build);
    Ok((json!({ "build": description }), Some(id)))
}

/// Finds the build that a token was used for.
fn earlier(state: &mut State, token: &str, request: &Value) -> Result<Option<Value>, CodeBuildError> {
    if token.is_empty() {
        return Err(CodeBuildError::constraint(
            "idempotencyToken",
            "",
            "Member must have length greater than or equal to 1",
        ));
    }
    state.tokens.retain(|_, used| used.at.elapsed() < TOKEN_LIFETIME);
    match state.tokens.get(token) {
        None => Ok(None),
        Some(used) if used.request == *request => Ok(state
            .builds
            .get(&used.build)
            .map(|build| json!({ "build": build.describe() }))),
        Some(_) => {
            let text = format!("Request parameter mismatch for idempotency token {token}");
            Err(CodeBuildError::InvalidInput(text))
        }
    }
}

fn project_limit(project: &Map<String, Value>) -> Option<u64> {
    project.get("concurrentBuildLimit").and_then(Value::as_u64)
}

impl Overrides {
    fn apply(self, mut to: Configuration) -> Result<Configuration, CodeBuildError> {
        for (member, minutes, range) in [
            ("timeoutInMinutesOverride", self.timeout_in_minutes_override, (5, 2160)),
            (
                "queuedTimeoutInMinutesOverride",
                self.queued_timeout_in_minutes_override,
                (5, 480),
            ),
        ] {
            minutes.map_or(Ok(()), |minutes| check_range(member, minutes, range))?;
        }
        to.source.kind = self.source_type_override.unwrap_or(to.source.kind);
        if to.source.kind == "NO_SOURCE" {
            to.source.location = None;
        }
        to.source.location = self.source_location_override.or(to.source.location);
        to.source.buildspec = self.buildspec_override.or(to.source.buildspec);
        to.source_version = self.source_version.or(to.source_version);
        to.artifacts = self.artifacts_override.unwrap_or(to.artifacts);
        let environment = &mut to.environment;
        environment.kind = self
            .environment_type_override
            .unwrap_or_else(|| environment.kind.clone());
        environment.image = self.image_override.unwrap_or_else(|| environment.image.clone());
        environment.compute_type = self
            .compute_type_override
            .unwrap_or_else(|| environment.compute_type.clone());
        environment.privileged_mode = self.privileged_mode_override.unwrap_or(environment.privileged_mode);
        environment.fleet = self.fleet_override.or_else(|| environment.fleet.take());
        if let Some(kind) = self.image_pull_credentials_type_override {
            check_member(
                "imagePullCredentialsTypeOverride",
                &kind,
                &["CODEBUILD", "SERVICE_ROLE"],
            )?;
            environment.image_pull_credentials_type = Some(kind);
        }
        for variable in self.environment_variables_override {
            environment
                .environment_variables
                .retain(|other| other.name != variable.name);
            environment.environment_variables.push(variable);
        }
        to.service_role = self.service_role_override.unwrap_or(to.service_role);
        to.timeout_in_minutes = self.timeout_in_minutes_override.unwrap_or(to.timeout_in_minutes);
        to.queued_timeout_in_minutes = self
            .queued_timeout_in_minutes_override
            .unwrap_or(to.queued_timeout_in_minutes);
        to.logs_config = self.logs_config_override.or(to.logs_config);
        to.encryption_key = self.encryption_key_override.or(to.encryption_key);
        to.cache = self.cache_override.or(to.cache);
        to.check()?;
        Ok(to)
    }
}

fn uuid() -> String {
    let digits = random::hex(16);
    format!(
        "{}-{}-{}-{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..]
    )
}
