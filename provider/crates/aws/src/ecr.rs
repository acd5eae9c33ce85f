//! ECR as the provider sees it: log in to a registry, ask what is in a repository.
//!
//! Holds one client of the SDK for each region and kind of endpoint, all over one configuration that is read when it is
//! first needed. Remembers logins, and of images nothing.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use aws_sdk_ecr::Client;
use bytes::Bytes;

use crate::aws::Aws;
use crate::batch::{Batches, Place};
use crate::error::AwsError;
use crate::host::EcrHost;
use crate::login::{Login, Logins};
use crate::settings::AwsSettings;

/// What names an image in a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageId {
    /// A tag.
    Tag(String),
    /// A digest with its algorithm.
    Digest(String),
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(name) | Self::Digest(name) => f.write_str(name),
        }
    }
}

/// A manifest whose digest is the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcrManifest {
    /// The digest of `bytes`, with its algorithm.
    pub digest: String,
    /// The media type under which it is stored.
    pub media_type: String,
    /// Exactly what is stored.
    pub bytes: Bytes,
}

/// Which client of the SDK serves a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Endpoint {
    region: String,
    fips: bool,
    dual_stack: bool,
}

/// All private registries of ECR that the configured credentials reach.
pub struct Ecr {
    aws: Aws,
    clients: Mutex<HashMap<Endpoint, Client>>,
    logins: Logins,
    batches: Arc<Batches>,
}

impl Ecr {
    /// With AWS's default chain and `settings` over it. Nothing is read or contacted before the first call.
    #[must_use]
    pub fn new(settings: AwsSettings) -> Self {
        Self::of(Aws::new(settings))
    }

    /// With a configuration that was made elsewhere.
    #[must_use]
    pub fn with_config(config: SdkConfig) -> Self {
        Self::of(Aws::with_config(config))
    }

    pub(crate) fn of(aws: Aws) -> Self {
        Self {
            aws,
            clients: Mutex::default(),
            logins: Logins::default(),
            batches: Arc::default(),
        }
    }

    /// A login for the registry at `host`. With `fresh`, one that was not remembered from before.
    ///
    /// # Errors
    /// When there is none; see [`AwsError::kind`].
    pub async fn login(&self, host: &EcrHost, fresh: bool) -> Result<Login, AwsError> {
        let client = self.client(host).await?;
        self.logins.get(&host.region, &client, fresh).await
    }

    /// The manifest of an image, verified against its digest. `None` only when AWS says that there is none; a missing
    /// repository is [`AwsError::RepositoryMissing`].
    ///
    /// # Errors
    /// When AWS cannot be asked or does not answer the question.
    pub async fn look_up(
        &self,
        host: &EcrHost,
        repository: &str,
        image: ImageId,
    ) -> Result<Option<EcrManifest>, AwsError> {
        let client = self.client(host).await?;
        let place = Place {
            host: host.clone(),
            repository: repository.to_owned(),
        };
        self.batches.ask(&client, place, image).await
    }

    pub(crate) async fn client(&self, host: &EcrHost) -> Result<Client, AwsError> {
        let config = self.aws.config(&host.region).await?;
        let endpoint = Endpoint {
            region: host.region.clone(),
            fips: host.fips,
            dual_stack: host.is_dual_stack(),
        };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(clients
            .entry(endpoint)
            .or_insert_with_key(|endpoint| client(config, endpoint))
            .clone())
    }
}

/// An endpoint that is set explicitly is taken as it is; AWS knows no variants of it.
fn client(config: &SdkConfig, endpoint: &Endpoint) -> Client {
    let mut builder = aws_sdk_ecr::config::Builder::from(config).region(Region::new(endpoint.region.clone()));
    if config.endpoint_url().is_none() {
        builder = builder.use_fips(endpoint.fips).use_dual_stack(endpoint.dual_stack);
    }
    Client::from_conf(builder.build())
}
