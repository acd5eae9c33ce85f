//! What one configured provider process shares between its operations: clients, build slots, locks. The composition root.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use fastcontainer_aws::{AwsSettings, Ecr};
use fastcontainer_build_context::{ManifestStore, StatCache};
use fastcontainer_registry::{Chain, CredentialSource, DockerConfigCredentials, RegistryClient, StaticCredentials};
use secrecy::ExposeSecret;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::backend::select::{Builder, Endpoints};
use crate::base_images::BaseImages;
use crate::config::Settings;
use crate::image::error::ImageError;
use crate::image::inputs::{self, ImageInputs, Reuse};
use crate::registries::{EcrLogins, Registries};

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
    /// Resources whose fingerprint came into Check from outside.
    pub kept_fingerprints: KeptFingerprints,
    endpoints: Arc<Endpoints>,
    slots: Arc<Semaphore>,
}

impl Session {
    /// Composes the clients. Nothing is contacted and no credential is read yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let config = &settings.config;
        let ecr = Arc::new(Ecr::new(AwsSettings {
            region: config.region.clone(),
            profile: config.profile.clone(),
            assume_role_arn: config.assume_role_arn.clone(),
            endpoint_url: config.endpoint_url.clone(),
        }));
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
            endpoints: Arc::new(Endpoints::new(registries.clone(), settings.cache_dir.join("records"))),
            base_images: BaseImages::new(registries.clone()),
            registries,
            stats: StatCache::new(settings.cache_dir.join("stat-cache")),
            contents: KeyedLocks::default(),
            kept_fingerprints: KeptFingerprints::default(),
            slots: Arc::new(Semaphore::new(settings.max_parallel_builds)),
            settings,
        }
    }

    /// The reuse rule in force for an image.
    #[must_use]
    pub fn reuse(&self, inputs: &ImageInputs) -> Reuse {
        inputs.reuse.or(self.settings.config.reuse).unwrap_or(Reuse::Anywhere)
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
        let chosen = inputs.builder.as_ref().or(self.settings.config.builder.as_ref());
        let address = chosen
            .and_then(|builder| builder.local.as_ref())
            .and_then(|local| local.address.as_deref());
        Ok(self.endpoints.select(address)?)
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

    /// Whether [`Session::build_slot`] would probably not wait.
    #[must_use]
    pub fn has_free_build_slot(&self) -> bool {
        self.slots.available_permits() > 0
    }

    /// Waits for one of `maxParallelBuilds`.
    ///
    /// # Errors
    /// When the operation is cancelled first.
    pub async fn build_slot(&self, cancel: &CancellationToken) -> Result<Held<OwnedSemaphorePermit>, ImageError> {
        if let Ok(permit) = self.slots.clone().try_acquire_owned() {
            return Ok(Held {
                _guard: permit,
                waited: false,
            });
        }
        tokio::select! {
            permit = self.slots.clone().acquire_owned() => {
                Ok(Held { _guard: permit.map_err(|_| ImageError::Cancelled)?, waited: true })
            }
            () = cancel.cancelled() => Err(ImageError::Cancelled),
        }
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

/// Something held until dropped, and whether it had to be waited for.
pub struct Held<G> {
    _guard: G,
    waited: bool,
}

impl<G> Held<G> {
    /// Whether time has passed since it was asked for.
    #[must_use]
    pub fn waited(&self) -> bool {
        self.waited
    }
}

/// Mutexes by name, forgotten when nobody holds them.
#[derive(Default)]
pub struct KeyedLocks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl KeyedLocks {
    /// Locks `key`.
    ///
    /// # Errors
    /// When the operation is cancelled first.
    pub async fn lock(&self, key: &str, cancel: &CancellationToken) -> Result<Held<OwnedMutexGuard<()>>, ImageError> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(key.to_owned()).or_default().clone()
        };
        if let Ok(guard) = lock.clone().try_lock_owned() {
            return Ok(Held {
                _guard: guard,
                waited: false,
            });
        }
        tokio::select! {
            guard = lock.lock_owned() => Ok(Held { _guard: guard, waited: true }),
            () = cancel.cancelled() => Err(ImageError::Cancelled),
        }
    }
}
