//! What the user can do about an error, as a command or a setting.
//!
//! Speaks of AWS only; which input of a resource is meant is known to the caller.

use super::AwsError;

impl AwsError {
    /// What to do next, if there is anything more to say than the error itself.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::RepositoryMissing { repository, region, .. } => {
                format!("create it with `aws ecr create-repository --repository-name {repository} --region {region}`")
            }
            Self::BucketMissing { bucket } => {
                format!("create it with `aws s3 mb s3://{bucket}` in the project's region, or correct its name")
            }
            Self::BucketElsewhere { region, .. } => {
                format!("name a bucket in `{region}`, where the CodeBuild project is, or set `region` to the bucket's")
            }
            Self::ProjectMissing { region, .. } => format!(
                "list the projects with `aws codebuild list-projects --region {region}`, and correct the name, the \
                 region or the credentials"
            ),
            Self::BuildMissing { .. } => "it was deleted; run again".to_owned(),
            Self::ReferenceMissing { .. } => "create it, or correct the ARN".to_owned(),
            Self::ValueTooLarge { .. } => "put it into Secrets Manager and refer to it with `secretRefs`".to_owned(),
            Self::QuotaReached { said, .. } if said.contains("Project-level") => {
                "build less at the same time with `maxParallelBuilds`, or raise the limit of the project with `aws codebuild \
                 update-project --name … --concurrent-build-limit …`"
                    .to_owned()
            }
            Self::QuotaReached { .. } => "build less at the same time with `maxParallelBuilds`, or raise the quota \
                                          \"Concurrently running builds\" of CodeBuild in the console of Service Quotas"
                .to_owned(),
            Self::KeyDenied { action, .. } => {
                format!(
                    "allow `{action}` on the KMS key, in its key policy or in the IAM policy of the identity in use"
                )
            }
            Self::ProfileMissing { .. } => {
                "list the profiles with `aws configure list-profiles`, and correct the name, or make it with `aws configure`"
                    .to_owned()
            }
            Self::Denied { action, said, .. } if said.contains("no resource-based policy") => {
                format!("allow `{action}` to this account in the policy of the repository")
            }
            Self::Denied { action, .. } => format!("allow `{action}` in the IAM policy of the identity in use"),
            Self::RegionMissing => "set `region`, or the environment variable `AWS_REGION`".to_owned(),
            Self::SsoLoginNeeded { .. } => "run `aws sso login`".to_owned(),
            Self::CredentialsMissing { .. } | Self::CredentialsFailed { .. } => {
                "set AWS_PROFILE, run `aws sso login`, or set `profile` in the provider's configuration".to_owned()
            }
            Self::CredentialsRefused { code, .. } if code == "RequestTimeTooSkewed" => {
                "correct the clock of this machine".to_owned()
            }
            Self::CredentialsRefused { .. } => "renew the credentials, for example with `aws sso login`, or choose others with AWS_PROFILE".to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::error::ApiCall;
    use crate::error::AwsError;
    use crate::error::meaning::refusal;

    fn remedy(code: &str, said: &str) -> (AwsError, String) {
        let error = refusal(ApiCall::StartBuild, Some(code), Some(said), 400);
        let remedy = error.remedy().unwrap();
        (error, remedy)
    }

    #[test]
    fn the_limit_of_a_project_and_of_an_account_are_raised_in_different_places() {
        let said = "Project-level concurrent build limit cannot exceed 1";
        let (error, project) = remedy("InvalidInputException", said);
        assert!(matches!(error, AwsError::QuotaReached { .. }), "{error:?}");
        assert!(project.contains("--concurrent-build-limit"), "{project}");
        let said = "Cannot have more than 1 builds in queue for the account";
        let (_, account) = remedy("AccountLimitExceededException", said);
        assert!(account.contains("Service Quotas"), "{account}");
    }

    #[test]
    fn what_the_owner_of_a_repository_has_to_allow_is_asked_of_the_owner() {
        let denied = |why: &str| {
            let said = format!("User: u is not authorized to perform: ecr:PutImage on resource: r because {why}");
            remedy("AccessDeniedException", &said).1
        };
        let by_owner = denied("no resource-based policy allows the ecr:PutImage action");
        assert!(by_owner.ends_with("in the policy of the repository"), "{by_owner}");
        let own = denied("no identity-based policy allows the ecr:PutImage action");
        assert!(own.ends_with("in the IAM policy of the identity in use"), "{own}");
    }
}
