//! What a project is set to, to be checked before the first build.

use super::CodeBuild;
use crate::error::{ApiCall, AwsError};

/// A project of CodeBuild. Absent settings are those that AWS did not name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Such as `LINUX_CONTAINER` or `ARM_CONTAINER`.
    pub environment_type: String,
    /// Such as `aws/codebuild/amazonlinux-x86_64-standard:5.0`.
    pub image: String,
    /// Such as `BUILD_GENERAL1_SMALL`.
    pub compute_type: String,
    /// Whether builds may run Docker.
    pub privileged: bool,
    /// ARN of the role that builds have.
    pub service_role: Option<String>,
    /// Builds that run at the same time; more are refused.
    pub concurrent_build_limit: Option<u32>,
    /// ARN of the fleet that runs the builds.
    pub fleet: Option<String>,
    /// Whether its builds run in a VPC.
    pub in_vpc: bool,
}

impl CodeBuild {
    /// The settings of a project; `None` when there is definitely none of this name.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn project(&self, name: &str) -> Result<Option<Project>, AwsError> {
        let call = self.client().await?.batch_get_projects().names(name);
        let answer = call.send().await;
        let answer = answer.map_err(|error| AwsError::of(ApiCall::BatchGetProjects, error))?;
        let found = answer
            .projects()
            .iter()
            .find(|project| project.name() == Some(name) || project.arn() == Some(name));
        match found {
            Some(project) => Ok(Some(read(project))),
            None if answer.projects_not_found().iter().any(|missing| missing == name) => Ok(None),
            None => Err(AwsError::Malformed {
                call: ApiCall::BatchGetProjects,
                problem: "it says nothing about the project".to_owned(),
            }),
        }
    }

    /// The error for a project that is not there.
    #[must_use]
    pub fn project_missing(&self, name: &str) -> AwsError {
        AwsError::ProjectMissing {
            project: name.to_owned(),
            region: self.region.clone(),
        }
    }
}

fn read(project: &aws_sdk_codebuild::types::Project) -> Project {
    let owned = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let environment = project.environment();
    Project {
        name: owned(project.name()),
        arn: owned(project.arn()),
        environment_type: owned(environment.map(|it| it.r#type().as_str())),
        image: owned(environment.map(|it| it.image())),
        compute_type: owned(environment.map(|it| it.compute_type().as_str())),
        privileged: environment.and_then(|it| it.privileged_mode()).unwrap_or(false),
        service_role: project.service_role().map(str::to_owned),
        concurrent_build_limit: project
            .concurrent_build_limit()
            .and_then(|limit| u32::try_from(limit).ok()),
        fleet: environment
            .and_then(|it| it.fleet())
            .and_then(|fleet| fleet.fleet_arn())
            .map(str::to_owned),
        in_vpc: project.vpc_config().is_some_and(|vpc| vpc.vpc_id().is_some()),
    }
}
