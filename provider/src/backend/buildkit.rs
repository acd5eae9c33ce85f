//! Builds on a BuildKit or Docker endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use fastcontainer_buildkit::{
    BuildRequest, BuiltImage as Built, DockerfileSource, Endpoint, FrontendOptions, LocalImage, NamedContextSource,
    RecordKey, RegistryCredential, canonical_reference,
};
use fastcontainer_registry::{Repository, Tag, registry_host};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::build_log::BuildLog;
use super::{BackendError, BuildBackend, BuildOutcome, BuiltImage, Effort};
use crate::planning::options::{BuildOptions, Network};
use crate::planning::plan::BuildPlan;
use crate::registries::Registries;

/// One connected endpoint.
pub struct BuildKit {
    endpoint: Arc<Endpoint>,
    registries: Arc<Registries>,
    records: PathBuf,
}

impl BuildKit {
    /// A backend on `endpoint` with its send records in `records`.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, registries: Arc<Registries>, records: PathBuf) -> Self {
        Self {
            endpoint,
            registries,
            records,
        }
    }

    /// Credentials for the hosts that this build names, and for no other. A source that cannot be read costs the
    /// credentials of a base image's host, which may not need any; for the repository's host it is an error.
    async fn credentials(&self, plan: &BuildPlan, log: &BuildLog) -> BTreeMap<String, RegistryCredential> {
        let named = plan.named_contexts.values().filter_map(image_reference);
        let read = plan.base_images.iter().map(String::as_str).chain(named);
        let hosts: BTreeSet<String> = read
            .filter_map(registry_host)
            .chain([plan.repository.host().to_owned()])
            .collect();
        let mut credentials = BTreeMap::new();
        for host in hosts {
            match self.registries.credential(&host).await {
                Ok(Some(found)) => {
                    let known = RegistryCredential {
                        username: found.username,
                        password: found.password,
                    };
                    credentials.insert(host, known);
                }
                Ok(None) => {}
                Err(error) => log.note(&format!("no credentials for `{host}`: {error}")),
            }
        }
        credentials
    }
}

#[async_trait]
impl BuildBackend for BuildKit {
    fn name(&self) -> &'static str {
        "buildkit"
    }

    async fn build(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, BackendError> {
        // A helper program or a registry's login may take its time.
        let credentials = tokio::select! {
            credentials = self.credentials(plan, log) => credentials,
            () = cancel.cancelled() => return Err(BackendError::Cancelled),
        };
        let (progress, mut events) = unbounded_channel();
        let mut running = std::pin::pin!(self.endpoint.build(self.request(plan, credentials), progress, cancel));
        let outcome = loop {
            tokio::select! {
                biased;
                Some(event) = events.recv() => log.event(&event),
                outcome = &mut running => break outcome?,
            }
        };
        while let Ok(event) = events.try_recv() {
            log.event(&event);
        }
        let image = match outcome.image {
            Built::PushedByDigest(digest) => BuiltImage::InRepository(digest),
            Built::Local(image) => BuiltImage::OnBuilder(image),
        };
        let effort = Effort {
            steps: outcome.steps,
            cached_steps: outcome.cached_steps,
            context_bytes_sent: outcome.context_bytes_sent,
        };
        let base_images = used_images(plan, &outcome.base_images);
        Ok(BuildOutcome {
            image,
            effort,
            base_images,
        })
    }

    async fn push(
        &self,
        image: &LocalImage,
        repository: &Repository,
        tag: &Tag,
        cancel: &CancellationToken,
    ) -> Result<String, BackendError> {
        let credential = tokio::select! {
            credential = self.registries.credential(repository.host()) => credential?,
            () = cancel.cancelled() => return Err(BackendError::Cancelled),
        };
        let credential = credential.map(|found| RegistryCredential {
            username: found.username,
            password: found.password,
        });
        Ok(self
            .endpoint
            .push(image, &format!("{repository}:{tag}"), credential.as_ref(), cancel)
            .await?)
    }
}

impl BuildKit {
    fn request(&self, plan: &BuildPlan, credentials: BTreeMap<String, RegistryCredential>) -> BuildRequest {
        BuildRequest {
            dockerfile: DockerfileSource {
                name: file_name(&plan.dockerfile_name),
                bytes: plan.dockerfile.to_vec(),
            },
            context: plan.context.clone(),
            named_contexts: plan.named_contexts.clone(),
            pins: plan.pins.clone(),
            options: frontend_options(&plan.options, plan.no_cache),
            repository: plan.repository.to_string(),
            insecure_registry: plan.repository.is_loopback(),
            credentials,
            record: RecordKey {
                directory: self.records.clone(),
                project: plan.project.clone(),
                resource: plan.resource.clone(),
            },
        }
    }
}

/// The image that a named context stands for; `None` for directories and sources of other kinds.
fn image_reference(source: &NamedContextSource) -> Option<&str> {
    match source {
        NamedContextSource::Directory(_) => None,
        NamedContextSource::Image(reference) => Some(reference.strip_prefix("docker-image://").unwrap_or(reference)),
    }
}

/// The digests of the plan's base images, from what the builder says that it used.
fn used_images(plan: &BuildPlan, used: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let digest = |reference: &String| used.get(&canonical_reference(reference)?).cloned();
    let images = plan.base_images.iter();
    images
        .filter_map(|reference| Some((reference.clone(), digest(reference)?)))
        .collect()
}

/// The builder sees the Dockerfile alone in a directory of its own.
fn file_name(path: &str) -> String {
    let name = Path::new(path)
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "Dockerfile".to_owned())
}

/// What the Dockerfile frontend is asked for. Triggers identify a build and change none of its bytes.
fn frontend_options(options: &BuildOptions, no_cache: bool) -> FrontendOptions {
    let BuildOptions {
        target,
        platform,
        named_contexts: _,
        build_args,
        labels,
        network,
        add_hosts,
        triggers: _,
    } = options.clone();
    FrontendOptions {
        target,
        platform,
        build_args,
        labels,
        network: match network {
            Network::Default => None,
            Network::None => Some(fastcontainer_buildkit::Network::None),
            Network::Host => Some(fastcontainer_buildkit::Network::Host),
        },
        add_hosts,
        no_cache,
    }
}
