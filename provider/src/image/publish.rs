//! Gives a built image its names: the content tag once it is verified, the extra tags last.
//!
//! An image reaches the repository by digest and is read back before any tag names it, so that a visible content tag is
//! always a complete image. An existing content tag is never moved: whoever tagged first is adopted.

use std::time::Duration;

use fastcontainer_registry::{Manifest, ManifestKind, Put, Reference, Repository, Tag};

use super::error::ImageError;
use super::inputs::ImageInputs;
use super::operation::Operation;
use super::outputs::ImageOutputs;
use crate::backend::{BuildBackend, BuildOutcome, BuiltImage};
use crate::planning::content_tag::ContentTag;
use crate::registries::by_digest;

/// How long a registry may take to show what it has accepted.
const READ_BACK: Duration = Duration::from_secs(10);
const READ_BACK_INTERVAL: Duration = Duration::from_millis(250);

/// Where an image is published.
#[derive(Debug, Clone)]
pub struct Place {
    /// The repository.
    pub repository: Repository,
    /// The content tag in it.
    pub tag: ContentTag,
}

impl Place {
    fn tag(&self) -> Result<Tag, ImageError> {
        Ok(Tag::parse(self.tag.as_str())?)
    }
}

/// The image under the content tag, if there is one.
///
/// # Errors
/// When the registry cannot answer, or something else than an image is under the tag.
pub async fn tagged(op: &Operation, place: &Place) -> Result<Option<Manifest>, ImageError> {
    let reference = Reference::Tag(place.tag()?);
    let found = op
        .session
        .registries
        .look_up(&place.repository, &reference, &op.cancel)
        .await?;
    found.map(|manifest| acceptable(place, manifest)).transpose()
}

/// A single platform's image is a plain manifest: Lambda refuses an index.
fn acceptable(place: &Place, manifest: Manifest) -> Result<Manifest, ImageError> {
    match manifest.kind {
        ManifestKind::Image => Ok(manifest),
        _ => Err(ImageError::ForeignTag {
            reference: format!("{}:{}", place.repository, place.tag),
            media_type: manifest.media_type,
        }),
    }
}

/// Publishes a built image under its content tag, or adopts the image that took the tag first.
///
/// # Errors
/// See [`ImageError`].
pub async fn publish(
    op: &Operation,
    place: &Place,
    backend: &dyn BuildBackend,
    outcome: &BuildOutcome,
) -> Result<Manifest, ImageError> {
    let (repository, tag) = (&place.repository, place.tag()?);
    match &outcome.image {
        BuiltImage::InRepository(digest) => {
            let built = read_back(op, repository, by_digest(digest)?);
            let (built, winner) = tokio::try_join!(built, tagged(op, place))?;
            if let Some(winner) = winner {
                return Ok(winner);
            }
            let built = acceptable(place, built)?;
            op.session.registries.put(repository, &built, &tag, &op.cancel).await?;
        }
        BuiltImage::OnBuilder(image) => {
            if let Some(winner) = tagged(op, place).await? {
                return Ok(winner);
            }
            backend.push(image, repository, &tag, &op.cancel).await?;
        }
    }
    // The tag now says which image this content has, whoever wrote it: an immutable one was written by somebody else.
    acceptable(place, read_back(op, repository, Reference::Tag(tag)).await?)
}

/// Reads a manifest that was just accepted; some registries take a moment to show it.
async fn read_back(op: &Operation, repository: &Repository, reference: Reference) -> Result<Manifest, ImageError> {
    let deadline = tokio::time::Instant::now() + READ_BACK;
    loop {
        match op
            .session
            .registries
            .look_up(repository, &reference, &op.cancel)
            .await?
        {
            Some(manifest) => return Ok(manifest),
            None if tokio::time::Instant::now() >= deadline => {
                return Err(ImageError::NotReadBack {
                    reference: format!("{repository} {reference}"),
                });
            }
            None => tokio::time::sleep(READ_BACK_INTERVAL).await,
        }
    }
}

/// Points the extra tags at the image. It is published already, so a failure here keeps the outputs.
///
/// # Errors
/// [`ImageError::AfterPush`].
pub async fn move_tags(op: &Operation, inputs: &ImageInputs, outputs: &ImageOutputs) -> Result<(), ImageError> {
    if inputs.tags().is_empty() {
        return Ok(());
    }
    let moved = point_tags(op, inputs, &outputs.digest).await;
    moved.map_err(|source| ImageError::AfterPush {
        outputs: Box::new(outputs.clone()),
        source: Box::new(source),
    })
}

async fn point_tags(op: &Operation, inputs: &ImageInputs, digest: &str) -> Result<(), ImageError> {
    let repository = inputs.repository()?;
    let mut image = None;
    for tag in inputs.tags() {
        let tag = Tag::parse(tag)?;
        let registries = &op.session.registries;
        let present = registries
            .look_up(&repository, &Reference::Tag(tag.clone()), &op.cancel)
            .await?;
        if present.is_some_and(|present| present.digest.to_string() == digest) {
            continue;
        }
        let manifest = match image.take() {
            Some(manifest) => manifest,
            None => read_back(op, &repository, by_digest(digest)?).await?,
        };
        let put = registries.put(&repository, &manifest, &tag, &op.cancel).await?;
        if matches!(put, Put::TagImmutable) {
            return Err(ImageError::ImmutableTag {
                reference: format!("{repository}:{tag}"),
            });
        }
        image = Some(manifest);
    }
    Ok(())
}

/// Which of `inputs.tags` point at `digest`: what refresh reports.
///
/// # Errors
/// When the registry cannot answer.
pub async fn tags_in_place(op: &Operation, inputs: &ImageInputs, digest: &str) -> Result<Vec<String>, ImageError> {
    let repository = inputs.repository()?;
    let mut kept = Vec::new();
    for tag in inputs.tags() {
        let reference = Reference::Tag(Tag::parse(tag)?);
        let present = op
            .session
            .registries
            .look_up(&repository, &reference, &op.cancel)
            .await?;
        if present.is_some_and(|present| present.digest.to_string() == digest) {
            kept.push(tag.clone());
        }
    }
    Ok(kept)
}
