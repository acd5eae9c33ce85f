//! What one configured provider process shares between its operations: clients, build slots, locks. The composition root.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fastcontainer_aws::{Aws, AwsSettings};
use fastcontainer_build_context::{ManifestStore, StatCache};
use fastcontainer_registry::{Chain, CredentialSource, DockerConfigCredentials, RegistryClient, StaticCredentials};
use secrecy::ExposeSecret;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::backend::select::{Builder, Builders};
use crate::backend::settings::Builder as ChosenBuilder;
use crate::base_images::BaseImages;
use crate::config::Settings;
use crate::image::error::ImageError;
use crate::image::inputs::{self, ImageInputs, Reuse};
use crate::registries::{EcrLogins, Registries};
use crate::sharing::{Held, KeyedLocks, OncePerKey, permit};

/// Everything that operations share.
pub struct Session {
    settings: Settings,
    /// Registries and their credentials.
    pub registries: Arc<Registries>,
    /// What is known of files whose stat has not changed.
    pub stats: StatCache,
    /// Digests of base images, looked up once.
    pub base_images: BaseImages,
    /// One lock per content and endpoint: the same content is built once per process.
    pub contents: KeyedLocks,
    /// Whether the tags of caches may be moved, asked once.
    pub frozen_tags: OncePerKey<bool>,
    /// Resources whose fingerprint came into Check from outside.
    pub kept_fingerprints: KeptFingerprints,
    builders: Arc<Builders>,
}

impl Session {
    /// Composes the clients. Nothing is contacted and no credential is read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let config = &settings.config;
        let aws = Aws::new(AwsSettings {
            region: config.region.clone(),
            profile: config.profile.clone(),
            assume_role_arn: config.assume_role_arn.clone(),
            endpoint_url: config.endpoint_url.clone(),
        });
        let ecr = Arc::new(aws.ecr());
        let logins = config.registries.iter().flatten();
        let configured = StaticCredentials::new(logins.map(|login| {
            (
                login.address.clone(),
                login.username.clone(),
                login.password.clone().into(),
            )
        }));
        let credentials: Arc<dyn CredentialSource> = Arc::new(Chain::new(vec![
            Arc::new(configured),
            Arc::new(EcrLogins(ecr.clone())),
            Arc::new(DockerConfigCredentials::from_environment()),
        ]));
        let client = RegistryClient::new(credentials.clone());
        let registries = Arc::new(Registries::new(client, ecr, credentials));
        Self {
            builders: Arc::new(Builders::new(
                aws,
                registries.clone(),
                settings.cache_dir.clone(),
                settings.max_parallel_builds,
            )),
            base_images: BaseImages::new(registries.clone()),
            registries,
            stats: StatCache::new(settings.cache_dir.join("stat-cache")),
            contents: KeyedLocks::default(),
            frozen_tags: OncePerKey::default(),
            kept_fingerprints: KeptFingerprints::default(),
            settings,
        }
    }

    /// The reuse rule in force for an image.
    #[must_use]
    pub fn reuse(&self, inputs: &ImageInputs) -> Reuse {
        let configured = self.settings.config.reuse.unwrap_or(Reuse::Anywhere);
        // A default for all images is no permission for those with secrets.
        let default = match configured {
            Reuse::Anywhere if !inputs.secret_ids().is_empty() => Reuse::Stack,
            configured => configured,
        };
        inputs.reuse.unwrap_or(default)
    }

    /// Whether the tags of an image's base images are followed.
    #[must_use]
    pub fn base_images_mode(&self, inputs: &ImageInputs) -> inputs::BaseImages {
        inputs
            .base_images
            .or(self.settings.config.base_images)
            .unwrap_or_default()
    }

    /// The key of content tags; empty without one.
    #[must_use]
    pub fn reuse_key(&self) -> &[u8] {
        self.settings.reuse_key.expose_secret().as_bytes()
    }

    /// The builder of an image; nothing is contacted yet.
    ///
    /// # Errors
    /// When its address cannot be used.
    pub fn builder(&self, inputs: &ImageInputs) -> Result<Builder, ImageError> {
        Ok(self
            .builders
            .select(self.chosen_builder(inputs), &inputs.repository()?)?)
    }

    /// What the program says about who builds an image.
    #[must_use]
    pub fn chosen_builder<'a>(&'a self, inputs: &'a ImageInputs) -> Option<&'a ChosenBuilder> {
        inputs.builder.as_ref().or(self.settings.config.builder.as_ref())
    }

    /// The lists of files of earlier fingerprints on this machine.
    #[must_use]
    pub fn manifests(&self) -> ManifestStore {
        ManifestStore::new(self.settings.cache_dir.join("manifests"))
    }

    /// Where build logs go.
    #[must_use]
    pub fn log_directory(&self) -> PathBuf {
        self.settings.cache_dir.join("logs")
    }

    /// Waits for one of the builder's slots.
    ///
    /// # Errors
    /// When the operation is cancelled first.
    pub async fn build_slot(
        &self,
        builder: &Builder,
        cancel: &CancellationToken,
    ) -> Result<Held<OwnedSemaphorePermit>, ImageError> {
        Ok(permit(builder.slots(), cancel).await?)
    }
}

/// URNs whose Check was handed a fingerprint: by `ignoreChanges`, or by a program that sets it, which Diff tells apart.
#[derive(Default)]
pub struct KeptFingerprints(Mutex<HashSet<String>>);

impl KeptFingerprints {
    /// Notes whether the last Check of `urn` was handed one.
    pub fn set(&self, urn: &str, kept: bool) {
        let mut urns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept {
            urns.insert(urn.to_owned());
        } else {
            urns.remove(urn);
        }
    }

    /// Whether it was.
    #[must_use]
    pub fn contains(&self, urn: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(urn)
    }
}
