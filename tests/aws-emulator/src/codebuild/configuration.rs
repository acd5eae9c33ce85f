//! What a build is configured with: source, environment, logs, time limits, role. A project has one configuration, a
//! build the project's with the overrides of its StartBuild call.
//!
//! Checks the values of the API model and the combinations that the service refuses. Members without a meaning here
//! (VPC, caches, triggers, file systems) are kept and shown as they were given. Follows the API model `CodeBuild_20161006`.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::buildspec::is_variable;
use super::error::{CodeBuildError, check_member, check_range};

const ENVIRONMENT_TYPES: &[&str] = &[
    "WINDOWS_CONTAINER",
    "LINUX_CONTAINER",
    "LINUX_GPU_CONTAINER",
    "ARM_CONTAINER",
    "WINDOWS_SERVER_2019_CONTAINER",
    "WINDOWS_SERVER_2022_CONTAINER",
    "LINUX_LAMBDA_CONTAINER",
    "ARM_LAMBDA_CONTAINER",
    "LINUX_EC2",
    "ARM_EC2",
    "WINDOWS_EC2",
    "MAC_ARM",
];
const COMPUTE_TYPES: &[&str] = &[
    "BUILD_GENERAL1_SMALL",
    "BUILD_GENERAL1_MEDIUM",
    "BUILD_GENERAL1_LARGE",
    "BUILD_GENERAL1_XLARGE",
    "BUILD_GENERAL1_2XLARGE",
    "BUILD_LAMBDA_1GB",
    "BUILD_LAMBDA_2GB",
    "BUILD_LAMBDA_4GB",
    "BUILD_LAMBDA_8GB",
    "BUILD_LAMBDA_10GB",
    "ATTRIBUTE_BASED_COMPUTE",
    "CUSTOM_INSTANCE_TYPE",
];
const SOURCE_TYPES: &[&str] = &[
    "CODECOMMIT",
    "CODEPIPELINE",
    "GITHUB",
    "GITLAB",
    "GITLAB_SELF_MANAGED",
    "S3",
    "BITBUCKET",
    "GITHUB_ENTERPRISE",
    "NO_SOURCE",
];

/// Members that a project has and a build inherits.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Configuration {
    pub(super) source: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_version: Option<String>,
    pub(super) artifacts: Artifacts,
    pub(super) environment: Environment,
    pub(super) service_role: String,
    #[serde(default = "an_hour")]
    pub(super) timeout_in_minutes: i64,
    #[serde(default = "eight_hours")]
    pub(super) queued_timeout_in_minutes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encryption_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logs_config: Option<LogsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache: Option<Value>,
}

/// Where the source comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Source {
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) buildspec: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// What becomes of a build's files; nothing, here.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Artifacts {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The machine that builds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Environment {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) image: String,
    pub(super) compute_type: String,
    #[serde(default)]
    pub(super) environment_variables: Vec<Variable>,
    #[serde(default)]
    pub(super) privileged_mode: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) image_pull_credentials_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fleet: Option<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// An environment variable.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) value: String,
    #[serde(rename = "type", default = "plaintext")]
    pub(super) kind: String,
}

/// Where logs go.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cloud_watch_logs: Option<CloudWatchLogs>,
    #[serde(rename = "s3Logs", skip_serializing_if = "Option::is_none")]
    s3_logs: Option<Value>,
}

/// Where logs go in CloudWatch Logs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CloudWatchLogs {
    pub(super) status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stream_name: Option<String>,
}

impl Configuration {
    /// Checks everything that a project or a build may be refused for.
    pub(super) fn check(&self) -> Result<(), CodeBuildError> {
        self.check_source()?;
        check_member(
            "artifacts.type",
            &self.artifacts.kind,
            &["CODEPIPELINE", "S3", "NO_ARTIFACTS"],
        )?;
        self.environment.check()?;
        check_range("timeoutInMinutes", self.timeout_in_minutes, (5, 2160))?;
        check_range("queuedTimeoutInMinutes", self.queued_timeout_in_minutes, (5, 480))?;
        if role_name(&self.service_role).is_none() {
            return Err(CodeBuildError::InvalidInput(format!(
                "Invalid service role: {}",
                self.service_role
            )));
        }
        let logs = self
            .logs_config
            .as_ref()
            .and_then(|logs| logs.cloud_watch_logs.as_ref());
        logs.map_or(Ok(()), |logs| {
            check_member(
                "logsConfig.cloudWatchLogs.status",
                &logs.status,
                &["ENABLED", "DISABLED"],
            )
        })
    }

    fn check_source(&self) -> Result<(), CodeBuildError> {
        let source = &self.source;
        check_member("source.type", &source.kind, SOURCE_TYPES)?;
        let refuse = |text: &str| Err(CodeBuildError::InvalidInput(text.to_owned()));
        match (source.kind.as_str(), source.location.as_deref()) {
            ("NO_SOURCE", Some(_)) => refuse("Location must not be specified for source type NO_SOURCE"),
            ("NO_SOURCE", None) if source.buildspec.as_deref().is_none_or(|spec| !spec.contains('\n')) => {
                refuse("Project with source type NO_SOURCE must have an inline buildspec")
            }
            ("S3", None) => refuse("Project source location is required for source type S3"),
            ("S3", Some(location)) if !location.contains('/') => {
                refuse("Invalid project source: location must be BUCKET/KEY")
            }
            _ => Ok(()),
        }
    }
}

impl Environment {
    fn check(&self) -> Result<(), CodeBuildError> {
        check_member("environment.type", &self.kind, ENVIRONMENT_TYPES)?;
        check_member("environment.computeType", &self.compute_type, COMPUTE_TYPES)?;
        if let Some(kind) = &self.image_pull_credentials_type {
            check_member(
                "environment.imagePullCredentialsType",
                kind,
                &["CODEBUILD", "SERVICE_ROLE"],
            )?;
        }
        if self.image.is_empty() {
            return Err(CodeBuildError::constraint(
                "environment.image",
                "",
                "Member must have length greater than or equal to 1",
            ));
        }
        let on_lambda = self.kind.contains("LAMBDA");
        if on_lambda != self.compute_type.starts_with("BUILD_LAMBDA") {
            let text = format!(
                "Compute type {} is not available for environment type {}",
                self.compute_type, self.kind
            );
            return Err(CodeBuildError::InvalidInput(text));
        }
        if on_lambda && self.privileged_mode {
            return Err(CodeBuildError::InvalidInput(format!(
                "Privileged mode is not available for environment type {}",
                self.kind
            )));
        }
        self.environment_variables.iter().try_for_each(Variable::check)
    }

    /// Whether a curated image is one for another processor than the environment's.
    pub(super) fn has_image_of_another_architecture(&self) -> bool {
        let curated_arm = self.image.contains("aarch64") || self.image.contains("arm64");
        let curated = self.image.starts_with("aws/codebuild/");
        curated && curated_arm != self.kind.starts_with("ARM_")
    }

    /// Length of all names and values together.
    pub(super) fn size(&self) -> usize {
        self.environment_variables
            .iter()
            .map(|variable| variable.name.len() + variable.value.len())
            .sum()
    }
}

impl Variable {
    fn check(&self) -> Result<(), CodeBuildError> {
        check_member(
            "environment.environmentVariables.type",
            &self.kind,
            &["PLAINTEXT", "PARAMETER_STORE", "SECRETS_MANAGER"],
        )?;
        let refuse = |text: String| Err(CodeBuildError::InvalidInput(text));
        if !is_variable(&self.name) {
            return refuse(format!("Invalid environment variable name: {}", self.name));
        }
        if self.name.starts_with("CODEBUILD_") {
            return refuse(format!(
                "Environment variable name {} uses the reserved prefix CODEBUILD_",
                self.name
            ));
        }
        Ok(())
    }
}

/// Returns the name in the ARN of a role.
pub(super) fn role_name(arn: &str) -> Option<&str> {
    let (account, role) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    role.rsplit('/').next().filter(|name| is_account && !name.is_empty())
}

fn an_hour() -> i64 {
    60
}

fn eight_hours() -> i64 {
    480
}

fn plaintext() -> String {
    "PLAINTEXT".to_owned()
}
