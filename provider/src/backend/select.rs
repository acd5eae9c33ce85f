//! Which backend builds an image: the only place that chooses.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastcontainer_aws::{Aws, EcrHost};
use fastcontainer_buildkit::{Endpoint, Environment, Patience, ResolvedAddress, connect, resolve};
use fastcontainer_registry::Repository;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::buildkit::BuildKit;
use super::codebuild::{CodeBuild, CodeBuildError};
use super::settings::{Builder as Chosen, CodeBuildBuilder};
use super::{BackendError, BuildBackend};
use crate::registries::Registries;
use crate::sharing::OncePerKey;

/// No endpoint at all is reported in less than two seconds; one that is there may be busy.
const PATIENCE: Patience = Patience {
    reach: Duration::from_millis(1500),
    answer: Duration::from_secs(30),
};
/// Builds on CodeBuild at the same time, unless the program says otherwise.
const REMOTE_BUILDS: u32 = 20;

/// The builders that this process has met, each connected once.
pub struct Builders {
    aws: Aws,
    registries: Arc<Registries>,
    cache_dir: PathBuf,
    local_slots: Arc<Semaphore>,
    endpoints: OncePerKey<Arc<Endpoint>>,
    projects: OncePerKey<Arc<CodeBuild>>,
    remote_slots: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Builders {
    /// Builders whose records and archives live in `cache_dir`; `local` builds run at the same time on this machine.
    #[must_use]
    pub fn new(aws: Aws, registries: Arc<Registries>, cache_dir: PathBuf, local: usize) -> Self {
        Self {
            aws,
            registries,
            cache_dir,
            local_slots: Arc::new(Semaphore::new(local)),
            endpoints: OncePerKey::default(),
            projects: OncePerKey::default(),
            remote_slots: Mutex::default(),
        }
    }

    /// Chooses the builder of an image that goes to `repository`; nothing is contacted.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub fn select(self: &Arc<Self>, chosen: Option<&Chosen>, repository: &Repository) -> Result<Builder, BackendError> {
        let kind = match chosen.and_then(|chosen| chosen.codebuild.as_ref()) {
            Some(settings) => Kind::CodeBuild {
                region: settings
                    .region
                    .clone()
                    .or_else(|| EcrHost::parse(repository.host()).map(|host| host.region)),
                settings: settings.clone(),
            },
            None => {
                let address = chosen.and_then(|chosen| chosen.local.as_ref()?.address.as_deref());
                Kind::Local(resolve(address, &Environment::of_this_process())?)
            }
        };
        Ok(Builder {
            builders: self.clone(),
            kind,
        })
    }
}

/// A chosen builder that may not have been contacted yet.
pub struct Builder {
    builders: Arc<Builders>,
    kind: Kind,
}

enum Kind {
    Local(ResolvedAddress),
    CodeBuild {
        /// Absent when the AWS default chain names it.
        region: Option<String>,
        settings: CodeBuildBuilder,
    },
}

impl Builder {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        match &self.kind {
            Kind::Local(resolved) => resolved.address.to_string(),
            Kind::CodeBuild { region, settings } => {
                format!(
                    "codebuild:{}/{}",
                    region.as_deref().unwrap_or_default(),
                    settings.project
                )
            }
        }
    }

    /// What limits the builds at the same time on it.
    #[must_use]
    pub fn slots(&self) -> Arc<Semaphore> {
        match &self.kind {
            Kind::Local(_) => self.builders.local_slots.clone(),
            Kind::CodeBuild { settings, .. } => {
                let limit = settings.max_parallel_builds.unwrap_or(REMOTE_BUILDS);
                let mut slots = self
                    .builders
                    .remote_slots
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                let new = || Arc::new(Semaphore::new(limit as usize));
                slots
                    .entry(format!("{} {limit}", self.address()))
                    .or_insert_with(new)
                    .clone()
            }
        }
    }

    /// Whether a build would probably not have to wait for a slot.
    #[must_use]
    pub fn has_free_slot(&self) -> bool {
        self.slots().available_permits() > 0
    }

    /// Contacts it, once per process. A failed attempt is tried again by the next image.
    ///
    /// # Errors
    /// When nothing answers there.
    pub async fn connect(&self, cancel: &CancellationToken) -> Result<Arc<dyn BuildBackend>, BackendError> {
        tokio::select! {
            backend = self.connected() => backend,
            () = cancel.cancelled() => Err(BackendError::Cancelled),
        }
    }

    async fn connected(&self) -> Result<Arc<dyn BuildBackend>, BackendError> {
        let builders = &self.builders;
        match &self.kind {
            Kind::Local(resolved) => {
                let cell = builders.endpoints.of(&self.address());
                let connecting = || async { connect(resolved, PATIENCE).await.map(Arc::new) };
                let endpoint = cell.get_or_try_init(connecting).await?.clone();
                let records = builders.cache_dir.join("records");
                Ok(Arc::new(BuildKit::new(
                    endpoint,
                    builders.registries.clone(),
                    builders.aws.clone(),
                    records,
                )))
            }
            Kind::CodeBuild { region, settings } => {
                let cell = builders.projects.of(&format!("{region:?} {settings:?}"));
                let connecting = || self.project(region.as_deref(), settings);
                let project: Arc<CodeBuild> = cell.get_or_try_init(connecting).await?.clone();
                Ok(project)
            }
        }
    }

    async fn project(
        &self,
        region: Option<&str>,
        settings: &CodeBuildBuilder,
    ) -> Result<Arc<CodeBuild>, CodeBuildError> {
        let Builders {
            aws,
            registries,
            cache_dir,
            ..
        } = &*self.builders;
        let region = match region {
            Some(region) => region.to_owned(),
            None => aws.region().await?,
        };
        let spool = cache_dir.join("archives");
        let project = CodeBuild::connect(aws, (&region, settings), registries.clone(), spool).await?;
        Ok(Arc::new(project))
    }
}
