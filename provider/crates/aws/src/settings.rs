//! From the provider's settings to the SDK's configuration, when it is first needed.
//!
//! Follows AWS's own chain for everything that is not set. A profile that is set explicitly wins over credentials in the
//! environment, as in the other tools; the region of a registry comes from its host and never from here.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{self, ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::os_shim_internal::{Env, Fs};

use crate::error::AwsError;
use crate::http_client::http_client;

const APP_NAME: &str = "pulumi-fastcontainer";
const ATTEMPTS: u32 = 4;
const CONNECT: Duration = Duration::from_secs(10);
const ATTEMPT: Duration = Duration::from_secs(30);
const WHOLE_CALL: Duration = Duration::from_secs(120);

/// What overrides AWS's default configuration chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region of calls that no registry's host decides on, such as assuming a role.
    pub region: Option<String>,
    /// The profile in the shared configuration files.
    pub profile: Option<String>,
    /// A role to assume with the credentials of the chain.
    pub assume_role_arn: Option<String>,
    /// Where the API is, instead of at AWS.
    pub endpoint_url: Option<String>,
}

impl AwsSettings {
    /// Reads the configuration. `region` stands in when nothing else names one.
    pub(crate) async fn load(&self, region: &str) -> Result<SdkConfig, AwsError> {
        let http = http_client()?;
        self.check_profile().await?;
        let region = self.region(Some(region)).await;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts())
            .region(region.clone());
        if let Ok(name) = AppName::new(APP_NAME) {
            loader = loader.app_name(name);
        }
        if let Some(url) = &self.endpoint_url {
            loader = loader.endpoint_url(url);
        }
        if let Some(profile) = &self.profile {
            loader = loader
                .profile_name(profile)
                .credentials_provider(of_profile(profile, http, region));
        }
        let config = loader.load().await;
        Ok(match &self.assume_role_arn {
            Some(role) => with_role(config, role).await,
            None => config,
        })
    }

    /// The SDK goes on without a profile that does not exist, and ends with nothing that tells so.
    async fn check_profile(&self) -> Result<(), AwsError> {
        let environment = Env::real();
        let named = match (&self.profile, environment.get("AWS_ACCESS_KEY_ID")) {
            (Some(profile), _) => Some((profile.clone(), "`profile`")),
            (None, Ok(_)) => None,
            (None, Err(_)) => environment.get("AWS_PROFILE").ok().map(|name| (name, "`AWS_PROFILE`")),
        };
        let Some((profile, named_by)) = named else {
            return Ok(());
        };
        match profile::load(&Fs::real(), &environment, &EnvConfigFiles::default(), None).await {
            Ok(all) if all.get_profile(&profile).is_none() => Err(AwsError::ProfileMissing { profile, named_by }),
            // Files that cannot be read are the SDK's to report.
            _ => Ok(()),
        }
    }

    /// The region that is set, or the environment's, or the profile's, or `last`. Instance metadata is not asked: it
    /// costs seconds where there is none.
    pub(crate) async fn region(&self, last: Option<&str>) -> Option<Region> {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &self.profile {
            profile = profile.profile_name(name);
        }
        let last = last.map(|name| Region::new(name.to_owned()));
        RegionProviderChain::first_try(self.region.clone().map(Region::new))
            .or_else(EnvironmentVariableRegionProvider::new())
            .or_else(profile.build())
            .or_else(last)
            .region()
            .await
    }
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(WHOLE_CALL)
        .build()
}

fn of_profile(name: &str, http: SharedHttpClient, region: Option<Region>) -> ProfileFileCredentialsProvider {
    let provider = ProviderConfig::default().with_http_client(http).with_region(region);
    ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .profile_name(name)
        .build()
}

async fn with_role(config: SdkConfig, role: &str) -> SdkConfig {
    let provider = AssumeRoleProvider::builder(role)
        .session_name(APP_NAME)
        .configure(&config)
        .build()
        .await;
    config
        .into_builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .build()
}
