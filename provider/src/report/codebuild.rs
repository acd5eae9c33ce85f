//! What to say about a build on CodeBuild, and what to do next.

use fastcontainer_aws::{AwsError, AwsErrorKind};
use fastcontainer_buildkit::BuildError;
use tonic::Code;

use super::Report;
use super::image::{build, context};
use crate::backend::codebuild::{CodeBuildError, EndReason, Ended, NotForBuild, Unsuitable};

/// What a push asks for. ECR answers some of it without saying what was denied.
const PUSH: &str = "ecr:BatchCheckLayerAvailability, ecr:InitiateLayerUpload, ecr:UploadLayerPart, \
                    ecr:CompleteLayerUpload, ecr:PutImage and ecr:BatchGetImage";

pub(super) fn codebuild(error: &CodeBuildError) -> Report {
    match error {
        CodeBuildError::Aws(error) => aws(error),
        CodeBuildError::Unsuitable { source, .. } => {
            let headline = format!("{}: {error}", input_of_placement(source));
            Report::say(Code::FailedPrecondition, headline).hint(suitable(source))
        }
        CodeBuildError::Lost { source, .. } => lost(error, source),
        CodeBuildError::Files(error) => context(error),
        CodeBuildError::Spool { .. } => Report::new(Code::FailedPrecondition, error)
            .hint("free space there, or set `cacheDir` in the provider's configuration"),
        CodeBuildError::SecretNotForBuild { source, .. } => {
            Report::say(Code::FailedPrecondition, error.to_string()).hint(travelling(source))
        }
        CodeBuildError::OptionsTooLong { .. } => Report::new(Code::FailedPrecondition, error)
            .hint("put long values into files of the context, or build with `builder: {local: {}}`"),
        CodeBuildError::Credential(_) => Report::new(Code::Unauthenticated, error)
            .hint("log in with `docker login`, or set `registries` in the provider's configuration"),
        CodeBuildError::Ended(ended) => ended_report(ended),
        CodeBuildError::NoRandomness => Report::new(Code::Unavailable, error),
        CodeBuildError::Cancelled => Report::new(Code::Cancelled, error),
    }
}

fn aws(error: &AwsError) -> Report {
    let code = match error.kind() {
        AwsErrorKind::Unauthenticated => Code::Unauthenticated,
        AwsErrorKind::Denied { .. } => Code::PermissionDenied,
        AwsErrorKind::Missing | AwsErrorKind::RepositoryMissing => Code::NotFound,
        AwsErrorKind::TimedOut => Code::DeadlineExceeded,
        AwsErrorKind::Cancelled => Code::Cancelled,
        AwsErrorKind::Invalid => Code::FailedPrecondition,
        _ => Code::Unavailable,
    };
    let mut report = Report::new(code, error);
    if let Some(input) = input_of(error) {
        report.headline.insert_str(0, &format!("{input}: "));
    }
    match error.remedy() {
        Some(remedy) => report.hint(remedy),
        None => report,
    }
}

/// A build whose end nobody will see. What it pushes is adopted by the next update.
fn lost(error: &CodeBuildError, source: &AwsError) -> Report {
    let why = aws(source);
    let again = "run `pulumi up` again, which adopts the image if that build succeeds";
    let hint = match why.hint {
        Some(remedy) => format!("{remedy}; then {again}"),
        None => again.to_owned(),
    };
    Report::new(why.code, error).hint(hint)
}

/// The input that names what AWS does not have.
fn input_of(error: &AwsError) -> Option<&'static str> {
    match error {
        AwsError::ProjectMissing { .. } => Some("builder.codebuild.project"),
        AwsError::BucketMissing { .. } | AwsError::BucketElsewhere { .. } => Some("builder.codebuild.sourceBucket"),
        AwsError::RegionMissing => Some("builder.codebuild.region"),
        _ => None,
    }
}

/// The input that asks for what no machine can do.
fn input_of_placement(error: &Unsuitable) -> &'static str {
    match error {
        Unsuitable::Platform(_) => "platforms",
        Unsuitable::EnvironmentType { .. } => "builder.codebuild.environmentType",
        Unsuitable::ComputeType(_) => "builder.codebuild.computeType",
        Unsuitable::Image { .. } => "builder.codebuild.image",
    }
}

fn travelling(error: &NotForBuild) -> &'static str {
    match error {
        NotForBuild::NotText | NotForBuild::Braces => {
            "store it in base64 and decode it in the step that uses it, or build with `builder: {local: {}}`"
        }
        NotForBuild::TooLarge(_) => {
            "put it into Secrets Manager and refer to it with `secretRefs`, or build with `builder: {local: {}}`"
        }
        NotForBuild::Region { .. } => {
            "replicate the secret to the project's region and refer to the replica, or build with `builder: {local: {}}`"
        }
        NotForBuild::Account { .. } => {
            "copy the parameter to the project's account, use a secret of Secrets Manager, or build with `builder: \
             {local: {}}`"
        }
    }
}

fn suitable(error: &Unsuitable) -> String {
    match error {
        Unsuitable::Platform(_) => {
            "CodeBuild builds `linux/amd64` and `linux/arm64`; build other platforms with `builder: {local: {address: …}}`"
                .to_owned()
        }
        Unsuitable::EnvironmentType { .. } => {
            "leave `environmentType` out of `builder.codebuild`: it follows the platform".to_owned()
        }
        Unsuitable::ComputeType(_) => {
            "set `computeType` to a type such as `BUILD_GENERAL1_MEDIUM`, or leave it out".to_owned()
        }
        Unsuitable::Image { .. } => "leave `image` out of `builder.codebuild`: it follows the platform".to_owned(),
    }
}

/// With the link to the log, which says more.
fn ended_report(ended: &Ended) -> Report {
    let report = |code: Code| Report::say(code, ended.reason.to_string());
    let mut report = match &ended.reason {
        EndReason::BuildKit(error) => build(error),
        EndReason::Script { failure, .. } => match script_remedy(failure) {
            Some(remedy) => report(Code::FailedPrecondition).hint(remedy),
            None => report(Code::FailedPrecondition),
        },
        EndReason::QueuedTooLong => report(Code::DeadlineExceeded).hint(
            "raise `queueTimeoutMinutes`, or the quota \"Concurrently running builds\" of CodeBuild in the console of \
             Service Quotas",
        ),
        EndReason::RanTooLong { .. } => {
            report(Code::DeadlineExceeded).hint("raise `timeoutMinutes`, or take a larger `computeType`")
        }
        EndReason::Stopped => report(Code::Unavailable).hint("run `pulumi up` again to build it"),
        EndReason::Fault { .. } => {
            report(Code::Unavailable).hint("run `pulumi up` again; if it stays, look at the AWS Health Dashboard")
        }
        EndReason::Phase { phase, message } => report(Code::FailedPrecondition).hint(phase_remedy(phase, message)),
        EndReason::NoResult => report(Code::Unavailable).hint("run `pulumi up` again: it adopts what was pushed"),
    };
    if let Some(remedy) = role_remedy(&report.headline, &ended.build.id) {
        report.code = Code::PermissionDenied;
        report.hint = Some(remedy);
    } else if let EndReason::BuildKit(BuildError::PushDenied { .. }) = &ended.reason {
        report.hint = Some(format!(
            "let {} push, in its IAM policy and, for a repository of another account, in the repository's policy: {PUSH}",
            service_role(&ended.build.id)
        ));
    }
    let headline = &mut report.headline;
    headline.push_str(&format!("\nCodeBuild build {}", ended.build.id));
    if let Some(url) = &ended.build.log_url {
        headline.push_str(&format!(", its log: {url}"));
    }
    report
}

/// What AWS says when it denies something to the role that builds act as. A step of a Dockerfile may be denied something
/// too: then the same helps.
fn role_remedy(said: &str, build: &str) -> Option<String> {
    let (_, after) = said.split_once("is not authorized to perform: ")?;
    let action = after.split_whitespace().next()?.trim_end_matches(['.', ',']);
    let role = service_role(build);
    Some(if said.contains("no resource-based policy") {
        format!("allow `{action}` to {role} in the policy of the repository")
    } else {
        format!("allow `{action}` in the IAM policy of {role}")
    })
}

/// The role of the project that a build, `project:uuid`, belongs to.
fn service_role(build: &str) -> String {
    let project = build.split(':').next().unwrap_or_default();
    format!("the service role of project `{project}`")
}

fn script_remedy(failure: &str) -> Option<&'static str> {
    if failure.contains("build image has no") {
        return Some("use a curated image of CodeBuild, or add the program to the image in `builder.codebuild.image`");
    }
    if failure.contains("BuildKit of buildkitImage") {
        return Some(
            "correct `builder.codebuild.buildkitImage`, and let the service role of the project pull it; the build's log says more",
        );
    }
    if failure.contains("daemon does not start") {
        return Some("leave `image` and `computeType` out of `builder.codebuild`, so that those with Docker are used");
    }
    None
}

fn phase_remedy(phase: &str, message: &str) -> &'static str {
    if message.contains("UNABLE_TO_PULL_IMAGE") {
        return "the build's image cannot be pulled: correct `builder.codebuild.image`, or let the service role of the project pull it";
    }
    if message.contains("ACCESS_DENIED") {
        return "let the service role of the project write logs: logs:CreateLogGroup, logs:CreateLogStream and logs:PutLogEvents";
    }
    match phase {
        "PROVISIONING" => "look at the service role and the image of the project",
        "DOWNLOAD_SOURCE" => {
            "let the service role of the project read the secrets: ssm:GetParameters, secretsmanager:GetSecretValue and kms:Decrypt"
        }
        _ => "look at the build's log",
    }
}
