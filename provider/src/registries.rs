//! Questions to registries and the writes that we do ourselves, whatever kind of registry it is.
//!
//! ECR answers through its API, where many questions travel in one call; everything else speaks the OCI distribution
//! protocol. Nothing is cached: an answer is true when it is given.

use std::sync::Arc;

use async_trait::async_trait;
use fastcontainer_aws::{AwsError, Ecr, EcrHost, ImageId};
use fastcontainer_registry::{
    Credential, CredentialError, CredentialSource, Digest, Manifest, Put, Reference, RegistryClient, RegistryError,
    Repository, Tag,
};
use tokio_util::sync::CancellationToken;

/// A registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryFailure {
    /// From a registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// From the API of ECR.
    #[error(transparent)]
    Ecr(#[from] AwsError),
    /// The operation was cancelled.
    #[error("cancelled")]
    Cancelled,
}

impl RegistryFailure {
    /// Whether the repository itself does not exist.
    #[must_use]
    pub fn is_repository_missing(&self) -> bool {
        match self {
            Self::Registry(error) => error.is_repository_missing(),
            Self::Ecr(error) => error.is_repository_missing(),
            Self::Cancelled => false,
        }
    }
}

/// All registries of one provider configuration.
pub struct Registries {
    client: RegistryClient,
    ecr: Arc<Ecr>,
    credentials: Arc<dyn CredentialSource>,
}

impl Registries {
    /// Registries reached through `client`; hosts of ECR through `ecr`.
    #[must_use]
    pub fn new(client: RegistryClient, ecr: Arc<Ecr>, credentials: Arc<dyn CredentialSource>) -> Self {
        Self {
            client,
            ecr,
            credentials,
        }
    }

    /// Asks for a manifest. `None` only when it is definitely not there.
    ///
    /// # Errors
    /// When the question cannot be answered; in ECR, a missing repository is an error of its own.
    pub async fn look_up(
        &self,
        repository: &Repository,
        reference: &Reference,
        cancel: &CancellationToken,
    ) -> Result<Option<Manifest>, RegistryFailure> {
        tokio::select! {
            answer = self.ask(repository, reference) => answer,
            () = cancel.cancelled() => Err(RegistryFailure::Cancelled),
        }
    }

    async fn ask(&self, repository: &Repository, reference: &Reference) -> Result<Option<Manifest>, RegistryFailure> {
        let Some(host) = EcrHost::parse(repository.host()) else {
            return match self.client.look_up(repository, reference).await {
                // Most registries make a repository at the first push to it.
                Err(error) if error.is_repository_missing() => Ok(None),
                answer => Ok(answer?),
            };
        };
        let id = match reference {
            Reference::Tag(tag) => ImageId::Tag(tag.to_string()),
            Reference::Digest(digest) => ImageId::Digest(digest.to_string()),
        };
        match self.ecr.look_up(&host, repository.path(), id).await? {
            Some(found) => Ok(Some(Manifest::parse(&found.media_type, found.bytes)?)),
            None => Ok(None),
        }
    }

    /// The digest that `tag` points at now, of a manifest or an index. `None` only when there is definitely none.
    ///
    /// # Errors
    /// As [`Registries::look_up`].
    pub async fn digest_of(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, RegistryFailure> {
        if EcrHost::parse(repository.host()).is_some() {
            let found = self.ask(repository, &Reference::Tag(tag.clone())).await?;
            return Ok(found.map(|manifest| manifest.digest));
        }
        Ok(self.client.digest_of(repository, tag).await?)
    }

    /// Whether an image may take `tag` from another one. Registries that cannot be asked are taken to allow it.
    ///
    /// # Errors
    /// When ECR cannot be asked.
    pub async fn moves_tag(&self, repository: &Repository, tag: &Tag) -> Result<bool, RegistryFailure> {
        match EcrHost::parse(repository.host()) {
            Some(host) => Ok(self.ecr.may_move_tag(&host, repository.path(), tag.as_str()).await?),
            None => Ok(true),
        }
    }

    /// Stores `manifest` under `tag`, moving the tag if it exists and may be moved.
    ///
    /// # Errors
    /// See [`RegistryFailure`].
    pub async fn put(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        tag: &Tag,
        cancel: &CancellationToken,
    ) -> Result<Put, RegistryFailure> {
        tokio::select! {
            answer = self.client.put_manifest(repository, manifest, tag) => Ok(answer?),
            () = cancel.cancelled() => Err(RegistryFailure::Cancelled),
        }
    }

    /// Stores `manifest` under its digest alone.
    ///
    /// # Errors
    /// See [`RegistryFailure`].
    pub async fn put_by_digest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        cancel: &CancellationToken,
    ) -> Result<(), RegistryFailure> {
        let reference = Reference::Digest(manifest.digest.clone());
        tokio::select! {
            answer = self.client.put_manifest(repository, manifest, reference) => Ok(answer.map(|_| ())?),
            () = cancel.cancelled() => Err(RegistryFailure::Cancelled),
        }
    }

    /// The platform that the configuration of an image names.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn platform_of(
        &self,
        repository: &Repository,
        image: &Manifest,
        cancel: &CancellationToken,
    ) -> Result<String, RegistryFailure> {
        tokio::select! {
            answer = self.client.platform_of(repository, image) => Ok(answer?),
            () = cancel.cancelled() => Err(RegistryFailure::Cancelled),
        }
    }

    /// Credentials for one host, as a builder needs them.
    ///
    /// # Errors
    /// When a source that should have them cannot be read.
    pub async fn credential(&self, host: &str) -> Result<Option<Credential>, CredentialError> {
        self.credentials.credential(host, false).await
    }
}

/// The reference of a manifest by digest text.
///
/// # Errors
/// When the text is no digest.
pub fn by_digest(digest: &str) -> Result<Reference, RegistryFailure> {
    Ok(Reference::Digest(Digest::parse(digest).map_err(RegistryError::from)?))
}

/// Logins of ECR, obtained at the time of use and never stored.
pub struct EcrLogins(pub Arc<Ecr>);

#[async_trait]
impl CredentialSource for EcrLogins {
    async fn credential(&self, host: &str, fresh: bool) -> Result<Option<Credential>, CredentialError> {
        let Some(host) = EcrHost::parse(host) else {
            return Ok(None);
        };
        let login = self
            .0
            .login(&host, fresh)
            .await
            .map_err(|error| CredentialError::other(host.to_string(), error))?;
        Ok(Some(Credential {
            username: login.username,
            password: login.password,
        }))
    }
}
