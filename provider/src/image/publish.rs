//! Gives a built image its names: the content tag once it is verified, the extra tags last.
//!
//! An image reaches the repository by digest and is read back before any tag names it, so that a visible content tag is
//! always a complete image. An existing content tag is never moved: whoever tagged first is adopted.

use std::collections::BTreeMap;
use std::time::Duration;

use fastcontainer_dockerfile::Platform;
use fastcontainer_registry::{Manifest, ManifestKind, Put, Reference, Repository, Tag};
use futures_util::future::try_join_all;

use super::error::ImageError;
use super::inputs::ImageInputs;
use super::operation::Operation;
use super::outputs::ImageOutputs;
use super::published::{Published, acceptable};
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
    /// The platforms that the image is for, sorted.
    pub platforms: Vec<String>,
}

impl Place {
    /// The place of the image that `inputs` describe.
    ///
    /// # Errors
    /// When the repository's name is none.
    pub fn of(inputs: &ImageInputs, tag: ContentTag) -> Result<Self, ImageError> {
        Ok(Self {
            repository: inputs.repository()?,
            tag,
            platforms: inputs.build_options().platforms().map(str::to_owned).collect(),
        })
    }

    /// The tag that one platform's build may push under: the content tag, or one beside it when there are several.
    #[must_use]
    pub fn tag_of(&self, platform: &str) -> String {
        match self.platforms.len() {
            0 | 1 => self.tag.to_string(),
            _ => format!("{}-{}", self.tag, platform.replace('/', "-")),
        }
    }

    fn tag(&self) -> Result<Tag, ImageError> {
        Ok(Tag::parse(self.tag.as_str())?)
    }
}

/// The image under the content tag, if there is one.
///
/// # Errors
/// When the registry cannot answer, or something else than the wanted image is under the tag.
pub async fn tagged(op: &Operation, place: &Place) -> Result<Option<Published>, ImageError> {
    let reference = Reference::Tag(place.tag()?);
    let registries = &op.session.registries;
    match registries.look_up(&place.repository, &reference, &op.cancel).await? {
        Some(manifest) => acceptable(op, place, manifest).await.map(Some),
        None => Ok(None),
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
) -> Result<Published, ImageError> {
    let (repository, tag) = (&place.repository, place.tag()?);
    match &outcome.image {
        BuiltImage::InRepository(digest) => {
            let built = read_back(op, repository, by_digest(digest)?);
            let (built, winner) = tokio::try_join!(built, tagged(op, place))?;
            if let Some(winner) = winner {
                return Ok(winner);
            }
            acceptable(op, place, built.clone()).await?;
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
    acceptable(op, place, read_back(op, repository, Reference::Tag(tag)).await?).await
}

/// Joins the images of several platforms, which are in the repository by digest, to one index and publishes that under
/// the content tag, or adopts the image that took the tag first.
///
/// # Errors
/// See [`ImageError`].
pub async fn publish_index(
    op: &Operation,
    place: &Place,
    images: &BTreeMap<String, String>,
) -> Result<Published, ImageError> {
    let (repository, tag, registries) = (&place.repository, place.tag()?, &op.session.registries);
    let verified = try_join_all(images.iter().map(|image| verified(op, repository, image)));
    let (images, winner) = tokio::try_join!(verified, tagged(op, place))?;
    if let Some(winner) = winner {
        return Ok(winner);
    }
    try_join_all(images.iter().map(|image| keep(op, place, image))).await?;
    let index = Manifest::index(&images.into_iter().collect())?;
    registries.put_by_digest(repository, &index, &op.cancel).await?;
    let index = read_back(op, repository, Reference::Digest(index.digest)).await?;
    acceptable(op, place, index.clone()).await?;
    if let Some(winner) = tagged(op, place).await? {
        return Ok(winner);
    }
    registries.put(repository, &index, &tag, &op.cancel).await?;
    acceptable(op, place, read_back(op, repository, Reference::Tag(tag)).await?).await
}

/// One platform's image, read back: a plain manifest whose configuration names the platform.
async fn verified(
    op: &Operation,
    repository: &Repository,
    (platform, digest): (&String, &String),
) -> Result<(String, Manifest), ImageError> {
    let image = read_back(op, repository, by_digest(digest)?).await?;
    let reference = || format!("{repository}@{digest}");
    if image.kind != ManifestKind::Image {
        return Err(ImageError::ForeignTag {
            reference: reference(),
            media_type: image.media_type,
        });
    }
    let built = op
        .session
        .registries
        .platform_of(repository, &image, &op.cancel)
        .await?;
    if !is_for(&built, platform) {
        return Err(ImageError::OtherPlatforms {
            reference: reference(),
            found: built,
            wanted: platform.clone(),
        });
    }
    Ok((platform.clone(), image))
}

/// Whether an image whose configuration names `built` serves `wanted`. Many images for 64-bit ARM name no variant.
fn is_for(built: &str, wanted: &str) -> bool {
    let (built, wanted) = (Platform::normalise(built), Platform::normalise(wanted));
    let variant = built.variant.is_empty() || built.variant == wanted.variant;
    (&built.os, &built.architecture) == (&wanted.os, &wanted.architecture) && variant
}

/// Gives one platform's image a tag of its own: rules that delete untagged images would take it from under the index. The
/// tag holds the image's digest, so nobody ever has to move it.
async fn keep(op: &Operation, place: &Place, (platform, image): &(String, Manifest)) -> Result<(), ImageError> {
    let hexadecimal = image.digest.as_str().trim_start_matches("sha256:");
    let digest = hexadecimal.get(..12).unwrap_or(hexadecimal);
    let tag = format!("{}-{}-{digest}", place.tag, platform.replace('/', "-"));
    let registries = &op.session.registries;
    registries
        .put(&place.repository, image, &Tag::parse(&tag)?, &op.cancel)
        .await?;
    Ok(())
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
