//! Read: found, gone, or cannot tell. State is dropped only when the manifest is definitely gone.

use std::collections::{BTreeMap, BTreeSet};

use fastcontainer_registry::{Manifest, Reference, Repository};

use super::apply::missing;
use super::error::ImageError;
use super::inputs::ImageInputs;
use super::operation::Operation;
use super::publish::tags_in_place;
use super::published::described;
use crate::registries::RegistryFailure;

/// What the registry says about an image that the state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It is there; these of its extra tags point at it.
    Found {
        /// Extra tags in place.
        tags: Vec<String>,
    },
    /// It is definitely not there any more, or the image of one of its platforms is not.
    Gone {
        /// Digest of what is gone.
        digest: String,
    },
}

/// Looks at the image with `digest` and at those of its platforms again.
///
/// # Errors
/// When the registry cannot answer: the state then stays as it is.
pub async fn refresh(
    op: &Operation,
    inputs: &ImageInputs,
    digest: &str,
    platforms: &BTreeMap<String, String>,
) -> Result<Refreshed, ImageError> {
    let repository = inputs.repository()?;
    let all = std::iter::once(digest).chain(platforms.values().map(String::as_str));
    let missing = match missing(op, &repository, all).await {
        // A missing repository holds no image either.
        Err(error) if error.is_repository_missing() => BTreeSet::from([digest]),
        answer => answer?,
    };
    match missing.get(digest).or(missing.first()) {
        Some(gone) => Ok(Refreshed::Gone {
            digest: (*gone).to_owned(),
        }),
        None => Ok(Refreshed::Found {
            tags: tags_in_place(op, inputs, digest).await?,
        }),
    }
}

/// An image to import.
#[derive(Debug, Clone)]
pub struct Imported {
    /// Its repository.
    pub repository: Repository,
    /// The tag by which it was named, if it was.
    pub tag: Option<String>,
    /// What is there.
    pub manifest: Manifest,
    /// Manifest digest of each platform of an index.
    pub platform_digests: BTreeMap<String, String>,
    /// Bytes of configurations and layers.
    pub size_bytes: u64,
}

/// Finds the image that `id` names: `repository:tag` or `repository@sha256:…`.
///
/// # Errors
/// When `id` is no image reference or the registry cannot answer.
pub async fn import(op: &Operation, id: &str) -> Result<Option<Imported>, ImageError> {
    let (repository, reference) = Repository::parse_image(id)?;
    let tag = match &reference {
        Reference::Tag(tag) => Some(tag.to_string()),
        Reference::Digest(_) => None,
    };
    let Some(manifest) = find(op, &repository, &reference).await? else {
        return Ok(None);
    };
    let (platform_digests, size_bytes) = described(op, &repository, &manifest).await?;
    Ok(Some(Imported {
        repository,
        tag,
        manifest,
        platform_digests,
        size_bytes,
    }))
}

/// A missing repository holds no image either.
async fn find(op: &Operation, repository: &Repository, at: &Reference) -> Result<Option<Manifest>, RegistryFailure> {
    match op.session.registries.look_up(repository, at, &op.cancel).await {
        Err(error) if error.is_repository_missing() => Ok(None),
        answer => answer,
    }
}
