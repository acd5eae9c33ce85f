//! Provider functions: `getImage` looks an image up, `getFingerprint` computes what Check would.

use std::collections::BTreeMap;

use fastcontainer_property::{Failure, Form, PropertyMap, decode};
use fastcontainer_registry::{Reference, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tonic::Code;

use crate::image::base_images::tracked_base_images;
use crate::image::decode::{decode_build, repository, with_unknowns};
use crate::image::error::ImageError;
use crate::image::fingerprint::{GetFingerprintResult, take_apart};
use crate::image::inputs::ImageInputs;
use crate::image::operation::Operation;
use crate::image::published::described;
use crate::image::state::to_map;
use crate::report::Report;
use crate::schema::{GET_FINGERPRINT, GET_IMAGE};

/// Looks up an image in a registry, by tag or by digest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetImageArgs {
    /// Repository without tag or digest.
    pub repository: String,
    /// Tag; `latest` when neither tag nor digest is given.
    pub tag: Option<String>,
    /// Manifest digest, `sha256:…`.
    pub digest: Option<String>,
}

/// Result of `getImage`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetImageResult {
    /// The image by digest, `repository@sha256:…`.
    pub image_uri: String,
    /// Manifest digest.
    pub digest: String,
    /// Manifest digest of each platform; empty for an image of one platform.
    pub platform_digests: BTreeMap<String, String>,
    /// Compressed size of config and layers in bytes, of all platforms together.
    pub size_bytes: f64,
}

/// Calls a function by its token; failed arguments are listed instead of a result.
///
/// # Errors
/// When there is no such function or it fails.
pub async fn invoke(
    op: &Operation,
    token: &str,
    arguments: &PropertyMap,
) -> Result<Result<PropertyMap, Vec<Failure>>, Report> {
    let result = match token {
        GET_IMAGE => match decode_image(arguments) {
            Ok(arguments) => get_image(op, arguments).await.map(|found| to_map(&found)),
            Err(failures) => return Ok(Err(failures)),
        },
        GET_FINGERPRINT => match decode_build(arguments) {
            Ok(inputs) => get_fingerprint(op, inputs).await.map(|found| to_map(&found)),
            Err(failures) => return Ok(Err(failures)),
        },
        other => {
            return Err(
                Report::say(Code::InvalidArgument, format!("there is no function `{other}`"))
                    .hint(format!("the functions are `{GET_IMAGE}` and `{GET_FINGERPRINT}`")),
            );
        }
    };
    result.map(Ok).map_err(|error| op.report(&error))
}

fn decode_image(arguments: &PropertyMap) -> Result<GetImageArgs, Vec<Failure>> {
    let decoded = decode(arguments, Form::Inputs, |arguments| {
        if arguments.has("tag") && arguments.has("digest") {
            arguments.at("digest").fail("excludes `tag`; set only one of them");
        }
        GetImageArgs {
            repository: repository(arguments.at("repository")),
            tag: arguments.at("tag").string().known(),
            digest: arguments.at("digest").string().known(),
        }
    });
    let failures = with_unknowns(decoded.failures, decoded.unknowns);
    if failures.is_empty() {
        Ok(decoded.value)
    } else {
        Err(failures)
    }
}

async fn get_image(op: &Operation, args: GetImageArgs) -> Result<GetImageResult, ImageError> {
    let repository = Repository::parse(&args.repository)?;
    let reference = match (&args.digest, &args.tag) {
        (Some(digest), _) => crate::registries::by_digest(digest)?,
        (None, tag) => Reference::Tag(fastcontainer_registry::Tag::parse(tag.as_deref().unwrap_or("latest"))?),
    };
    let found = op
        .session
        .registries
        .look_up(&repository, &reference, &op.cancel)
        .await?;
    let found = found.ok_or_else(|| ImageError::NoSuchImage {
        reference: format!("{repository} {reference}"),
    })?;
    let (platform_digests, size_bytes) = described(op, &repository, &found).await?;
    Ok(GetImageResult {
        image_uri: format!("{repository}@{}", found.digest),
        digest: found.digest.to_string(),
        platform_digests,
        size_bytes: size_bytes as f64,
    })
}

async fn get_fingerprint(op: &Operation, inputs: ImageInputs) -> Result<GetFingerprintResult, ImageError> {
    let worker = op.clone();
    let taken_apart = tokio::task::spawn_blocking(move || {
        let content = worker.reading().gather(&inputs)?;
        let base_images = tracked_base_images(&worker, &inputs, &content.needs, None)?;
        Ok(take_apart(&inputs, &content, base_images, &worker.cancel)?)
    });
    taken_apart.await.map_err(|_| ImageError::Cancelled)?
}
