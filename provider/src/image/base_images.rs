//! Base images as a part of the content: which digests they have now, when the program wants to know.

use std::collections::{BTreeMap, BTreeSet};

use super::apply::Wanted;
use super::error::ImageError;
use super::inputs::{BaseImages, ImageInputs};
use super::operation::Operation;
use super::reasons::BaseDigests;
use crate::base_images::Resolution;
use crate::planning::fingerprint::{Fingerprint, base_images_digest};
use crate::planning::needs::Needs;

/// The digest that stands for all base images in the fingerprint; nothing unless they are tracked. While an image cannot
/// be asked for, the old value is kept, with a warning. Blocks; not for async code.
///
/// # Errors
/// When an image cannot be asked for and there is no old value: a made-up one would name another content.
pub fn tracked_base_images(
    op: &Operation,
    inputs: &ImageInputs,
    needs: &Needs,
    old: Option<&Fingerprint>,
) -> Result<Option<[u8; 32]>, ImageError> {
    if op.session.base_images_mode(inputs) != BaseImages::Track {
        return Ok(None);
    }
    let resolved = tokio::runtime::Handle::current().block_on(resolve(op, needs));
    let tracked = Tracked::of(resolved);
    // Functions are called by no resource.
    let who = Some(format!("{}: ", op.urn.name)).filter(|_| !op.urn.name.is_empty());
    let warn = |what: &str, images: &[String]| {
        let who = who.as_deref().unwrap_or_default();
        op.reporter.warning(&format!("{who}{what} – {}", images.join("; ")));
    };
    if !tracked.absent.is_empty() {
        warn("a base image is not tracked", &tracked.absent);
    }
    if tracked.unknown.is_empty() {
        return Ok(Some(base_images_digest(&tracked.digests)));
    }
    let Some(kept) = old.and_then(Fingerprint::base_images_digest) else {
        return Err(ImageError::BaseImagesUnknown {
            images: tracked.unknown.join("; "),
        });
    };
    warn(
        "a base image cannot be looked up, the last known one is kept",
        &tracked.unknown,
    );
    Ok(Some(kept))
}

/// The digests that a build is to use. Those of tracked images must be the ones that Check saw.
///
/// # Errors
/// When a tracked image moved since then, or cannot be asked for.
pub async fn digests_to_use(op: &Operation, wanted: &Wanted, needs: &Needs) -> Result<BaseDigests, ImageError> {
    let Some(checked) = wanted.fingerprint.base_images_digest() else {
        return Ok(known_digests(op, needs).await);
    };
    let tracked = Tracked::of(resolve(op, needs).await);
    if !tracked.unknown.is_empty() {
        return Err(ImageError::BaseImagesUnknown {
            images: tracked.unknown.join("; "),
        });
    }
    if base_images_digest(&tracked.digests) != checked && !wanted.fingerprint_ignored {
        return Err(ImageError::BaseImageMoved);
    }
    let there = tracked.digests.into_iter().filter(|(_, digest)| !digest.is_empty());
    Ok(there.collect())
}

/// What is known of base images that are tracked.
#[derive(Debug, Default)]
struct Tracked {
    /// By reference; an image that does not exist counts as that, or it would keep the others from being tracked.
    digests: BTreeMap<String, String>,
    absent: Vec<String>,
    unknown: Vec<String>,
}

impl Tracked {
    fn of(resolved: BTreeMap<String, Resolution>) -> Self {
        let mut tracked = Self::default();
        for (reference, resolution) in resolved {
            match resolution {
                Resolution::Digest(digest) => drop(tracked.digests.insert(reference, digest)),
                Resolution::Absent(why) => {
                    tracked.absent.push(format!("`{reference}`: {why}"));
                    tracked.digests.insert(reference, String::new());
                }
                Resolution::Unknown(why) => tracked.unknown.push(format!("`{reference}`: {why}")),
            }
        }
        tracked
    }
}

/// The digests of all images that a target reads, by the reference in the Dockerfile.
pub async fn resolve(op: &Operation, needs: &Needs) -> BTreeMap<String, Resolution> {
    let references: BTreeSet<_> = needs.images.iter().map(|image| image.reference.clone()).collect();
    let references: Vec<_> = references.into_iter().collect();
    op.session.base_images.resolve(&references, &op.cancel).await
}

/// The digests of all images that a target reads and that can be looked up.
pub async fn known_digests(op: &Operation, needs: &Needs) -> BaseDigests {
    let resolved = resolve(op, needs).await;
    let digests = resolved
        .into_iter()
        .filter_map(|(reference, resolution)| match resolution {
            Resolution::Digest(digest) => Some((reference, digest)),
            Resolution::Absent(why) | Resolution::Unknown(why) => {
                tracing::debug!(reference, why, "the base image cannot be looked up");
                None
            }
        });
    digests.collect()
}

/// One sentence for each base image whose tag does not point any more at what the last build read.
pub async fn moved(op: &Operation, recorded: &BaseDigests) -> Vec<String> {
    let references: Vec<_> = recorded.keys().cloned().collect();
    let resolved = op.session.base_images.resolve(&references, &op.cancel).await;
    let moved = resolved.into_iter().filter(|(reference, now)| match now {
        Resolution::Digest(digest) => recorded.get(reference) != Some(digest),
        Resolution::Absent(_) | Resolution::Unknown(_) => false,
    });
    moved
        .map(|(reference, _)| format!("base image {reference} moved, not followed"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_does_not_exist_hides_no_move_of_another() {
        let digest_with = |python: &str| {
            let missing = Resolution::Absent("the registry has no such image".to_owned());
            let python = Resolution::Digest(python.to_owned());
            let tracked = Tracked::of([("local/only".to_owned(), missing), ("python".to_owned(), python)].into());
            assert_eq!((tracked.absent.len(), tracked.unknown.len()), (1, 0));
            base_images_digest(&tracked.digests)
        };
        assert_ne!(digest_with("sha256:1"), digest_with("sha256:2"));
    }
}
