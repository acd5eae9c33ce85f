//! CodeBuild as the provider sees it: is the project fit, begin a build, watch it, end it.
//!
//! A handle costs nothing, and all handles of one [`Aws`] and region share the poller and the queue for free slots.
//! Which project, image and buildspec are right is the caller's business.

mod build;
mod poller;
mod project;
mod start;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_codebuild::operation::stop_build::StopBuildError;
use aws_sdk_codebuild::{Client, Config};
use tokio::sync::watch;

use crate::aws::Aws;
use crate::error::{ApiCall, AwsError};

pub use build::{BuildOutcome, BuildPhase, BuildStatus, BuildUpdate, BuildView, LogStream, PhaseContext};
pub(crate) use poller::BuildPoller;
pub use project::Project;
pub use start::{EnvironmentValue, Patience, StartBuild, StartedBuild};

/// How long one call may take whose failure is made good by the next.
const SHORT: Duration = Duration::from_secs(10);

/// CodeBuild in a region.
#[derive(Clone)]
pub struct CodeBuild {
    aws: Aws,
    region: String,
}

pub(crate) fn client(config: &SdkConfig) -> Client {
    Client::new(config)
}

/// For calls that are repeated by their own rules.
fn one_attempt(limit: Duration) -> aws_sdk_codebuild::config::Builder {
    let timeouts = TimeoutConfig::builder().operation_attempt_timeout(limit).build();
    Config::builder()
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
}

impl CodeBuild {
    pub(crate) fn new(aws: Aws, region: &str) -> Self {
        Self {
            aws,
            region: region.to_owned(),
        }
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Follows a build, and its automatic retries, to the end. Costs no call of its own: one question every two seconds
    /// covers all builds that are watched in the region. Nothing is asked any more when the receiver is dropped.
    ///
    /// # Errors
    /// When the configuration cannot be read. Later failures arrive as [`BuildUpdate::Lost`].
    pub async fn watch(&self, id: &str) -> Result<watch::Receiver<BuildUpdate>, AwsError> {
        let client = self.client().await?;
        Ok(self.aws.poller(&self.region).watch(&client, &self.aws, id))
    }

    /// Asks CodeBuild to end a build. A build that has ended already stays as it is.
    ///
    /// # Errors
    /// [`AwsError::BuildMissing`], and what every call may meet.
    pub async fn stop(&self, id: &str) -> Result<(), AwsError> {
        match self.client().await?.stop_build().id(id).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(match error.as_service_error() {
                Some(StopBuildError::ResourceNotFoundException(_)) => AwsError::BuildMissing { id: id.to_owned() },
                _ => AwsError::of(ApiCall::StopBuild, error),
            }),
        }
    }

    async fn client(&self) -> Result<Client, AwsError> {
        self.aws.codebuild(&self.region).await
    }
}
