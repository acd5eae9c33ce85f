//! One call of BatchGetImage: asks for the images and finds each one's answer among what came back.
//!
//! An image is missing only when AWS names it as not found. One that is in no part of the answer, or whose bytes are not
//! those of its digest, is an error and never "missing".

use aws_sdk_ecr::Client;
use aws_sdk_ecr::operation::batch_get_image::{BatchGetImageError, BatchGetImageOutput};
use aws_sdk_ecr::types::{Image, ImageFailure, ImageFailureCode, ImageIdentifier};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::batch::Place;
use crate::ecr::{EcrManifest, ImageId};
use crate::error::{ApiCall, AwsError, clean};

const CALL: ApiCall = ApiCall::BatchGetImage;

/// Without the types of indexes AWS would not show them.
const ACCEPTED: [&str; 4] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// The answers for `images`, in their order.
pub(crate) async fn fetch(
    client: &Client,
    place: &Place,
    images: &[ImageId],
) -> Vec<Result<Option<EcrManifest>, AwsError>> {
    let request = client
        .batch_get_image()
        .registry_id(&place.host.account)
        .repository_name(&place.repository)
        .set_image_ids(Some(images.iter().map(identifier).collect()))
        .set_accepted_media_types(Some(ACCEPTED.map(str::to_owned).to_vec()));
    match request.send().await {
        Ok(output) => images.iter().map(|image| find(&output, place, image)).collect(),
        Err(error) => {
            let missing = matches!(
                error.as_service_error(),
                Some(BatchGetImageError::RepositoryNotFoundException(_))
            );
            let error = if missing {
                repository_missing(place)
            } else {
                AwsError::of(CALL, error)
            };
            images.iter().map(|_| Err(error.clone())).collect()
        }
    }
}

fn identifier(image: &ImageId) -> ImageIdentifier {
    let builder = ImageIdentifier::builder();
    match image {
        ImageId::Tag(tag) => builder.image_tag(tag).build(),
        ImageId::Digest(digest) => builder.image_digest(digest).build(),
    }
}

fn repository_missing(place: &Place) -> AwsError {
    AwsError::RepositoryMissing {
        account: place.host.account.clone(),
        region: place.host.region.clone(),
        repository: place.repository.clone(),
    }
}

fn find(output: &BatchGetImageOutput, place: &Place, image: &ImageId) -> Result<Option<EcrManifest>, AwsError> {
    if let Some(found) = output.images().iter().find(|found| names(found.image_id(), image)) {
        return read(found, image).map(Some);
    }
    match output
        .failures()
        .iter()
        .find(|failure| names(failure.image_id(), image))
    {
        Some(failure) if failure.failure_code() == Some(&ImageFailureCode::ImageNotFound) => Ok(None),
        Some(failure) => Err(unreadable(failure, place, image)),
        None => Err(malformed(format!("it says nothing about `{image}`"))),
    }
}

fn names(identifier: Option<&ImageIdentifier>, image: &ImageId) -> bool {
    identifier.is_some_and(|identifier| match image {
        ImageId::Tag(tag) => identifier.image_tag() == Some(tag),
        ImageId::Digest(digest) => identifier.image_digest() == Some(digest),
    })
}

fn read(found: &Image, image: &ImageId) -> Result<EcrManifest, AwsError> {
    let lacks = |what: &str| malformed(format!("it lacks the {what} of `{image}`"));
    let bytes = Bytes::copy_from_slice(found.image_manifest().ok_or_else(|| lacks("manifest"))?.as_bytes());
    let media_type = found
        .image_manifest_media_type()
        .ok_or_else(|| lacks("media type"))?
        .to_owned();
    let announced = found
        .image_id()
        .and_then(ImageIdentifier::image_digest)
        .ok_or_else(|| lacks("digest"))?;
    let digest = format!("sha256:{}", hex::encode(Sha256::digest(&bytes)));
    if announced != digest {
        return Err(malformed(format!(
            "the manifest of `{image}` has the digest `{digest}` instead of `{announced}`"
        )));
    }
    Ok(EcrManifest {
        digest,
        media_type,
        bytes,
    })
}

fn unreadable(failure: &ImageFailure, place: &Place, image: &ImageId) -> AwsError {
    AwsError::ImageUnreadable {
        repository: place.repository.clone(),
        image: image.to_string(),
        code: clean(failure.failure_code().map_or("no code", ImageFailureCode::as_str)),
        said: clean(failure.failure_reason().unwrap_or("nothing")),
    }
}

fn malformed(problem: String) -> AwsError {
    AwsError::Malformed {
        call: CALL,
        problem: clean(&problem),
    }
}
