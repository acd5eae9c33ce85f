//! What to say about a registry that did not do what it was asked.

use fastcontainer_aws::AwsErrorKind;
use fastcontainer_registry::RegistryErrorKind;
use tonic::Code;

use super::Report;
use crate::registries::RegistryFailure;

/// Code and hint of a failure, by its kind.
pub(super) fn registry_failure(failure: &RegistryFailure) -> Report {
    match failure {
        RegistryFailure::Registry(error) => {
            let report = |code| Report::new(code, error);
            match error.kind() {
                RegistryErrorKind::RepositoryMissing => {
                    report(Code::NotFound).hint("create the repository first, or correct `repository`")
                }
                RegistryErrorKind::Unauthenticated => report(Code::Unauthenticated)
                    .hint("log in with `docker login`, or set `registries` in the provider's configuration"),
                RegistryErrorKind::Denied { .. } => report(Code::PermissionDenied)
                    .hint("the credentials are valid but may not do this in the repository"),
                RegistryErrorKind::TimedOut => report(Code::DeadlineExceeded)
                    .hint("check that the registry can be reached from here, then run again"),
                RegistryErrorKind::Unavailable | RegistryErrorKind::RateLimited => {
                    report(Code::Unavailable).hint("check that the registry can be reached from here, then run again")
                }
                RegistryErrorKind::Invalid => report(Code::FailedPrecondition),
            }
        }
        RegistryFailure::Ecr(error) => {
            let report = |code| Report::new(code, error);
            match error.kind() {
                AwsErrorKind::RepositoryMissing => report(Code::NotFound)
                    .hint("create it with `aws ecr create-repository --repository-name …` or as an aws.ecr.Repository, and use its `repositoryUrl` as `repository`"),
                AwsErrorKind::Unauthenticated => report(Code::Unauthenticated).hint(error.remedy().unwrap_or_default()),
                AwsErrorKind::Denied { .. } => report(Code::PermissionDenied).hint(error.remedy().unwrap_or_default()),
                AwsErrorKind::Unavailable | AwsErrorKind::RateLimited | AwsErrorKind::QuotaReached => report(Code::Unavailable)
                    .hint("check that ECR can be reached from here, then run again"),
                AwsErrorKind::TimedOut => report(Code::DeadlineExceeded)
                    .hint("check that ECR can be reached from here, then run again"),
                AwsErrorKind::Cancelled => report(Code::Cancelled),
                AwsErrorKind::Missing => report(Code::NotFound),
                AwsErrorKind::Invalid => report(Code::FailedPrecondition),
            }
        }
        RegistryFailure::Cancelled => Report::new(Code::Cancelled, failure),
    }
}

/// The code of a failure at AWS.
pub(super) fn aws_code(kind: AwsErrorKind) -> Code {
    match kind {
        AwsErrorKind::RepositoryMissing | AwsErrorKind::Missing => Code::NotFound,
        AwsErrorKind::Unauthenticated => Code::Unauthenticated,
        AwsErrorKind::Denied { .. } => Code::PermissionDenied,
        AwsErrorKind::Unavailable | AwsErrorKind::RateLimited | AwsErrorKind::QuotaReached => Code::Unavailable,
        AwsErrorKind::TimedOut => Code::DeadlineExceeded,
        AwsErrorKind::Cancelled => Code::Cancelled,
        AwsErrorKind::Invalid => Code::FailedPrecondition,
    }
}
