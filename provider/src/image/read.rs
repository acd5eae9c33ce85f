//! Read: found, gone, or cannot tell. State is dropped only when the manifest is definitely gone.

use fastcontainer_registry::{Manifest, Reference, Repository};

use super::error::ImageError;
use super::inputs::ImageInputs;
use super::operation::Operation;
use super::publish::tags_in_place;
use crate::registries::{RegistryFailure, by_digest};

/// What the registry says about an image that the state knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It is there; these of its extra tags point at it.
    Found {
        /// Extra tags in place.
        tags: Vec<String>,
    },
    /// It is definitely not there any more.
    Gone,
}

/// Looks at the image with `digest` again.
///
/// # Errors
/// When the registry cannot answer: the state then stays as it is.
pub async fn refresh(op: &Operation, inputs: &ImageInputs, digest: &str) -> Result<Refreshed, ImageError> {
    let repository = inputs.repository()?;
    match find(op, &repository, &by_digest(digest)?).await? {
        Some(_) => Ok(Refreshed::Found {
            tags: tags_in_place(op, inputs, digest).await?,
        }),
        None => Ok(Refreshed::Gone),
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
    let found = find(op, &repository, &reference).await?;
    Ok(found.map(|manifest| Imported {
        repository,
        tag,
        manifest,
    }))
}

/// A missing repository holds no image either.
async fn find(op: &Operation, repository: &Repository, at: &Reference) -> Result<Option<Manifest>, RegistryFailure> {
    match op.session.registries.look_up(repository, at, &op.cancel).await {
        Err(error) if error.is_repository_missing() => Ok(None),
        answer => answer,
    }
}
