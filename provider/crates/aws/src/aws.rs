//! One set of credentials and what was made from it: the configuration, a client for each service and region, and the
//! pollers that all builds of a region share.
//!
//! Cheap to clone; all clones are one. Reads and contacts nothing before the first call. Refuses to guess a region: the
//! caller names one, or asks for the configured one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use tokio::sync::OnceCell;

use crate::build_logs::{self, BuildLogs, LogPace};
use crate::codebuild::{self, BuildPoller, CodeBuild};
use crate::ecr::Ecr;
use crate::error::AwsError;
use crate::parameters::Parameters;
use crate::s3::S3Bucket;
use crate::settings::AwsSettings;

/// AWS as one set of credentials reaches it.
#[derive(Clone)]
pub struct Aws {
    shared: Arc<Shared>,
    haste: u32,
}

struct Shared {
    settings: AwsSettings,
    config: OnceCell<SdkConfig>,
    s3: PerRegion<aws_sdk_s3::Client>,
    codebuild: PerRegion<aws_sdk_codebuild::Client>,
    logs: PerRegion<aws_sdk_cloudwatchlogs::Client>,
    ssm: PerRegion<aws_sdk_ssm::Client>,
    secrets: PerRegion<aws_sdk_secretsmanager::Client>,
    pollers: PerRegion<Arc<BuildPoller>>,
    paces: PerRegion<Arc<LogPace>>,
}

/// One thing for each region, made when it is first asked for.
struct PerRegion<T>(Mutex<HashMap<String, T>>);

impl<T> Default for PerRegion<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> PerRegion<T> {
    fn get(&self, region: &str, make: impl FnOnce() -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get(region) {
            Some(made) => made.clone(),
            None => all.entry(region.to_owned()).or_insert(make()).clone(),
        }
    }
}

impl Aws {
    /// With AWS's default chain and `settings` over it. Nothing is read or contacted before the first call.
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        Self::of(settings, OnceCell::new())
    }

    /// With a configuration that was made elsewhere.
    #[must_use]
    pub fn with_config(config: SdkConfig) -> Self {
        Self::of(AwsSettings::default(), OnceCell::new_with(Some(config)))
    }

    fn of(settings: AwsSettings, config: OnceCell<SdkConfig>) -> Self {
        let shared = Shared {
            settings,
            config,
            s3: PerRegion::default(),
            codebuild: PerRegion::default(),
            logs: PerRegion::default(),
            ssm: PerRegion::default(),
            secrets: PerRegion::default(),
            pollers: PerRegion::default(),
            paces: PerRegion::default(),
        };
        Self {
            shared: Arc::new(shared),
            haste: 1,
        }
    }

    /// Makes all waiting between calls `times` as short, for tests. Calls themselves may take as long as ever.
    #[must_use]
    pub fn hastened(mut self, times: u32) -> Self {
        self.haste = times.max(1);
        self
    }

    /// How long to wait where the rules say `rule`.
    pub(crate) fn wait(&self, rule: Duration) -> Duration {
        rule / self.haste
    }

    /// The region that the settings, the environment or the profile name.
    ///
    /// # Errors
    /// [`AwsError::RegionMissing`] when none does.
    pub async fn region(&self) -> Result<String, AwsError> {
        let known = match self.shared.config.get() {
            Some(config) if self.shared.settings == AwsSettings::default() => config.region().cloned(),
            _ => None,
        };
        let region = match known {
            Some(region) => Some(region),
            None => self.shared.settings.region(None).await,
        };
        region.map(|region| region.to_string()).ok_or(AwsError::RegionMissing)
    }

    /// ECR. Keep it: it remembers logins.
    #[must_use]
    pub fn ecr(&self) -> Ecr {
        Ecr::of(self.clone())
    }

    /// A bucket in a region.
    #[must_use]
    pub fn bucket(&self, bucket: &str, region: &str) -> S3Bucket {
        S3Bucket::new(self.clone(), bucket, region)
    }

    /// CodeBuild in a region. All of them share one poller.
    #[must_use]
    pub fn code_build(&self, region: &str) -> CodeBuild {
        CodeBuild::new(self.clone(), region)
    }

    /// The logs of builds in a region. All of them share one budget of calls.
    #[must_use]
    pub fn build_logs(&self, region: &str) -> BuildLogs {
        BuildLogs::new(self.clone(), region)
    }

    /// The parameters of Systems Manager in a region.
    #[must_use]
    pub fn parameters(&self, region: &str) -> Parameters {
        Parameters::new(self.clone(), region)
    }

    /// The configuration. `region` stands in when nothing else names one.
    pub(crate) async fn config(&self, region: &str) -> Result<&SdkConfig, AwsError> {
        let shared = &self.shared;
        shared.config.get_or_try_init(|| shared.settings.load(region)).await
    }

    async fn config_in(&self, region: &str) -> Result<SdkConfig, AwsError> {
        let builder = self.config(region).await?.clone().into_builder();
        Ok(builder.region(Region::new(region.to_owned())).build())
    }

    /// An endpoint that is set explicitly has no host for each bucket.
    pub(crate) async fn s3(&self, region: &str) -> Result<aws_sdk_s3::Client, AwsError> {
        let config = self.config_in(region).await?;
        Ok(self.shared.s3.get(region, || {
            let path_style = config.endpoint_url().is_some();
            let builder = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style);
            aws_sdk_s3::Client::from_conf(builder.build())
        }))
    }

    pub(crate) async fn codebuild(&self, region: &str) -> Result<aws_sdk_codebuild::Client, AwsError> {
        let config = self.config_in(region).await?;
        Ok(self.shared.codebuild.get(region, || codebuild::client(&config)))
    }

    pub(crate) async fn logs(&self, region: &str) -> Result<aws_sdk_cloudwatchlogs::Client, AwsError> {
        let config = self.config_in(region).await?;
        Ok(self.shared.logs.get(region, || build_logs::client(&config)))
    }

    pub(crate) async fn ssm(&self, region: &str) -> Result<aws_sdk_ssm::Client, AwsError> {
        let config = self.config_in(region).await?;
        Ok(self.shared.ssm.get(region, || aws_sdk_ssm::Client::new(&config)))
    }

    pub(crate) async fn secrets_manager(&self, region: &str) -> Result<aws_sdk_secretsmanager::Client, AwsError> {
        let config = self.config_in(region).await?;
        Ok(self
            .shared
            .secrets
            .get(region, || aws_sdk_secretsmanager::Client::new(&config)))
    }

    pub(crate) fn poller(&self, region: &str) -> Arc<BuildPoller> {
        self.shared.pollers.get(region, Arc::default)
    }

    pub(crate) fn log_pace(&self, region: &str) -> Arc<LogPace> {
        self.shared.paces.get(region, Arc::default)
    }
}
