//! An image as it is published: a plain manifest, or an index with the image of each platform behind it.
//!
//! An index without one of its images is no image: whoever runs that platform finds nothing. So an index is believed
//! only after each of its images was seen in the repository. Refuses an index where one platform is wanted, because
//! Lambda refuses it too, and a plain manifest where several are.

use std::collections::BTreeMap;

use fastcontainer_dockerfile::Platform;
use fastcontainer_registry::{Digest, Manifest, ManifestKind, Reference, Repository};
use futures_util::future::try_join_all;

use super::error::ImageError;
use super::operation::Operation;
use super::publish::Place;
use crate::registries::RegistryFailure;

/// An image that is complete in its repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Digest of the manifest or index.
    pub digest: String,
    /// Digest of each platform's manifest.
    pub platform_digests: BTreeMap<String, String>,
    /// Bytes of configurations and layers of all platforms.
    pub size_bytes: u64,
}

/// What the registry has of the images behind an index, by platform as the index names it.
pub type Children = BTreeMap<String, (Digest, Option<Manifest>)>;

/// Looks for the images behind an index, all at the same time.
///
/// # Errors
/// When the registry cannot answer.
pub async fn children(
    op: &Operation,
    repository: &Repository,
    platforms: &BTreeMap<String, Digest>,
) -> Result<Children, RegistryFailure> {
    let look_up = |(platform, digest): (&String, &Digest)| {
        let (platform, digest) = (platform.clone(), digest.clone());
        async move {
            let reference = Reference::Digest(digest.clone());
            let found = op
                .session
                .registries
                .look_up(repository, &reference, &op.cancel)
                .await?;
            Ok::<_, RegistryFailure>((platform, (digest, found)))
        }
    };
    Ok(try_join_all(platforms.iter().map(look_up)).await?.into_iter().collect())
}

/// The image behind `manifest` when it is what `place` wants.
///
/// # Errors
/// When it is something else, or incomplete, or the registry cannot answer.
pub async fn acceptable(op: &Operation, place: &Place, manifest: Manifest) -> Result<Published, ImageError> {
    let reference = || format!("{}:{}", place.repository, place.tag);
    match (place.platforms.as_slice(), &manifest.kind) {
        ([platform], ManifestKind::Image) => Ok(Published {
            platform_digests: [(platform.clone(), manifest.digest.to_string())].into(),
            digest: manifest.digest.to_string(),
            size_bytes: manifest.size_bytes,
        }),
        ([_, _, ..], ManifestKind::Index(platforms)) => {
            let found: BTreeMap<_, _> = platforms
                .iter()
                .map(|(platform, digest)| (Platform::normalise(platform).to_string(), digest.clone()))
                .collect();
            if !found.keys().eq(&place.platforms) || found.len() != platforms.len() {
                return Err(ImageError::OtherPlatforms {
                    reference: reference(),
                    found: platforms.keys().cloned().collect::<Vec<_>>().join(", "),
                    wanted: place.platforms.join(", "),
                });
            }
            complete(
                &reference(),
                manifest.digest,
                children(op, &place.repository, &found).await?,
            )
        }
        _ => Err(ImageError::ForeignTag {
            reference: reference(),
            media_type: manifest.media_type,
        }),
    }
}

fn complete(reference: &str, index: Digest, children: Children) -> Result<Published, ImageError> {
    let (mut platform_digests, mut size_bytes) = (BTreeMap::new(), 0);
    for (platform, (digest, found)) in children {
        match found {
            Some(image) if image.kind == ManifestKind::Image => size_bytes += image.size_bytes,
            Some(other) => {
                return Err(ImageError::ForeignTag {
                    reference: reference.to_owned(),
                    media_type: format!("{} for {platform}", other.media_type),
                });
            }
            None => {
                return Err(ImageError::PlatformGone {
                    reference: reference.to_owned(),
                    platform,
                    digest: digest.to_string(),
                });
            }
        }
        platform_digests.insert(platform, digest.to_string());
    }
    Ok(Published {
        digest: index.to_string(),
        platform_digests,
        size_bytes,
    })
}

/// Digest of each platform of an index, and the size of all of them. An image that is gone has no size.
///
/// # Errors
/// When the registry cannot answer.
pub async fn described(
    op: &Operation,
    repository: &Repository,
    manifest: &Manifest,
) -> Result<(BTreeMap<String, String>, u64), RegistryFailure> {
    let ManifestKind::Index(platforms) = &manifest.kind else {
        return Ok((BTreeMap::new(), manifest.size_bytes));
    };
    let children = children(op, repository, platforms).await?;
    let size = children
        .values()
        .filter_map(|(_, found)| Some(found.as_ref()?.size_bytes))
        .sum();
    let digests = children
        .into_iter()
        .map(|(platform, (digest, _))| (platform, digest.to_string()));
    Ok((digests.collect(), size))
}
