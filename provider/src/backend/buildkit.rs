//! Builds on a BuildKit or Docker endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use fastcontainer_aws::Aws;
use fastcontainer_buildkit::{
    BuildRequest, BuiltImage as Built, DockerfileSource, Endpoint, Execution as OnEndpoint, FrontendOptions,
    LocalImage, NamedContextSource, RecordKey, RegistryCredential, canonical_reference,
};
use fastcontainer_dockerfile::Platform;
use fastcontainer_registry::{Credential, Repository, Tag, registry_host};
use futures_util::future::try_join_all;
use secrecy::{ExposeSecret, SecretSlice};
use tokio::sync::mpsc::unbounded_channel;
use tokio_util::sync::CancellationToken;

use super::build_log::BuildLog;
use super::{BackendError, BuildBackend, BuildOutcome, BuiltImage, Effort, Execution};
use crate::planning::options::{BuildOptions, Network};
use crate::planning::plan::BuildPlan;
use crate::planning::secrets::SecretSource;
use crate::registries::Registries;

/// One connected endpoint.
pub struct BuildKit {
    endpoint: Arc<Endpoint>,
    registries: Arc<Registries>,
    aws: Aws,
    records: PathBuf,
}

impl BuildKit {
    /// A backend on `endpoint` with its send records in `records`.
    #[must_use]
    pub fn new(endpoint: Arc<Endpoint>, registries: Arc<Registries>, aws: Aws, records: PathBuf) -> Self {
        Self {
            endpoint,
            registries,
            aws,
            records,
        }
    }

    /// Credentials for the hosts that this build names, and for no other. A source that cannot be read costs the
    /// credentials of its host, which may not need any; so does a builder that must not get them, except for the
    /// repository's host, which needs them.
    async fn credentials(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
    ) -> Result<BTreeMap<String, RegistryCredential>, BackendError> {
        let named = plan.named_contexts.values().filter_map(image_reference);
        let read = plan.base_images.iter().map(String::as_str).chain(named);
        let hosts: BTreeSet<String> = read
            .filter_map(registry_host)
            .chain(plan.cache.references().map(|cache| cache.repository.host().to_owned()))
            .chain([plan.repository.host().to_owned()])
            .collect();
        let mut credentials = BTreeMap::new();
        for host in hosts {
            match self.registries.credential(&host).await {
                Ok(Some(found)) => match self.entrust(&format!("the login of `{host}`")) {
                    Ok(()) => {
                        credentials.insert(host, login(found));
                    }
                    Err(error) if host == plan.repository.host() => return Err(error),
                    Err(error) => log.note(&error.to_string()),
                },
                Ok(None) => {}
                Err(error) => log.note(&format!("no credentials for `{host}`: {error}")),
            }
        }
        Ok(credentials)
    }

    /// Refuses to send something confidential where others could read it.
    fn entrust(&self, what: &str) -> Result<(), BackendError> {
        let address = &self.endpoint.address.address;
        if address.is_private() {
            return Ok(());
        }
        Err(BackendError::Exposed {
            builder: address.to_string(),
            what: what.to_owned(),
        })
    }
}

fn login(found: Credential) -> RegistryCredential {
    RegistryCredential {
        username: found.username,
        password: found.password,
    }
}

impl BuildKit {
    /// The values of the plan's secrets; those of AWS are asked for now.
    async fn secrets(&self, plan: &BuildPlan) -> Result<BTreeMap<String, SecretSlice<u8>>, BackendError> {
        let value = async |(id, source): (&String, &SecretSource)| {
            self.entrust(&format!("secret `{id}`"))?;
            let value = match source {
                SecretSource::Value(value) => value.clone(),
                SecretSource::Aws(secret) => {
                    let found = self.aws.resolve(&secret.reference).await;
                    let found = found.map_err(|source| BackendError::Secret { id: id.clone(), source })?;
                    found.expose_secret().as_bytes().to_vec().into()
                }
            };
            Ok::<_, BackendError>((id.clone(), value))
        };
        let values = try_join_all(plan.secrets.iter().map(value)).await?;
        Ok(values.into_iter().collect())
    }
}

#[async_trait]
impl BuildBackend for BuildKit {
    fn name(&self) -> &'static str {
        "buildkit"
    }

    fn build_platform(&self, _: &str) -> String {
        self.endpoint.platforms.first().cloned().unwrap_or_default()
    }

    async fn execution(&self, platform: &str, cancel: &CancellationToken) -> Result<Execution, BackendError> {
        let platform = Platform::normalise(platform).to_string();
        let execution = tokio::select! {
            execution = self.endpoint.execution(&platform) => execution?,
            () = cancel.cancelled() => return Err(BackendError::Cancelled),
        };
        Ok(match execution {
            OnEndpoint::Native => Execution::Native,
            OnEndpoint::Emulated => Execution::Emulated,
            OnEndpoint::Missing => Execution::Missing {
                builder: self.endpoint.to_string(),
                offered: self.endpoint.platforms.clone(),
            },
        })
    }

    fn joins_platforms(&self) -> Result<(), BackendError> {
        Ok(self.endpoint.pushes_by_digest()?)
    }

    async fn build(
        &self,
        plan: &BuildPlan,
        log: &BuildLog,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, BackendError> {
        // A helper program or a registry's login may take its time.
        let (credentials, secrets) = tokio::select! {
            gathered = async { tokio::join!(self.credentials(plan, log), self.secrets(plan)) } => gathered,
            () = cancel.cancelled() => return Err(BackendError::Cancelled),
        };
        let (secrets, credentials) = (secrets?, credentials?);
        log.conceal(secrets.values().map(ExposeSecret::expose_secret));
        let request = self.request(plan, credentials, secrets);
        let (progress, mut events) = unbounded_channel();
        let mut running = std::pin::pin!(self.endpoint.build(request, progress, cancel));
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
        if let Some(Err(error)) = &outcome.cache_export {
            log.warn(&format!(
                "the build cache was not exported, the image is complete: {error}"
            ));
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
            remote: None,
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
        let credential = credential.map(login);
        if credential.is_some() {
            self.entrust(&format!("the login of `{}`", repository.host()))?;
        }
        Ok(self
            .endpoint
            .push(image, &format!("{repository}:{tag}"), credential.as_ref(), cancel)
            .await?)
    }
}

impl BuildKit {
    fn request(
        &self,
        plan: &BuildPlan,
        credentials: BTreeMap<String, RegistryCredential>,
        secrets: BTreeMap<String, SecretSlice<u8>>,
    ) -> BuildRequest {
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
            secrets,
            cache: plan.cache.options(),
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
        further_platforms: _,
        named_contexts: _,
        build_args,
        labels,
        network,
        add_hosts,
        secret_ids: _,
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
