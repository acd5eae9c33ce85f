//! What to say about a registry that did not do what it was asked.

use fastcontainer_aws::EcrErrorKind;
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
                EcrErrorKind::RepositoryMissing => report(Code::NotFound)
                    .hint("create it with `aws ecr create-repository --repository-name …` or as an aws.ecr.Repository, and use its `repositoryUrl` as `repository`"),
                EcrErrorKind::Unauthenticated => report(Code::Unauthenticated)
                    .hint("set AWS_PROFILE, run `aws sso login`, or set `profile` in the provider's configuration"),
                EcrErrorKind::Denied { action } => report(Code::PermissionDenied)
                    .hint(format!("allow `{action}` in the IAM policy of the identity in use")),
                EcrErrorKind::Unavailable | EcrErrorKind::RateLimited => report(Code::Unavailable)
                    .hint("check that ECR can be reached from here, then run again"),
                EcrErrorKind::TimedOut => report(Code::DeadlineExceeded)
                    .hint("check that ECR can be reached from here, then run again"),
                EcrErrorKind::Invalid => report(Code::FailedPrecondition),
            }
        }
        RegistryFailure::Cancelled => Report::new(Code::Cancelled, failure),
    }
}
