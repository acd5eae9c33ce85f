//! Looks at images as Lambda and ECS do when they get one. Both take tags too; here a digest is demanded, which is what the
//! programs are to hand over.

use serde_json::Value;
use tonic::Status;

use crate::Asked;

const IMAGES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];

/// Lambda takes the manifest of one image from ECR, and no list of images.
pub(crate) fn accept_function(asked: &Asked) -> Result<(), Status> {
    let reference = asked.text("imageUri");
    let manifest = manifest(reference)?;
    let media_type = manifest["mediaType"].as_str().unwrap_or_default();
    if asked.text("packageType") == "Image" && IMAGES.contains(&media_type) {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "The image manifest, config or layer media type for the source image {reference} is not supported: `{media_type}`"
    )))
}

/// ECS takes images and lists of images.
pub(crate) fn accept_containers(asked: &Asked) -> Result<(), Status> {
    let containers: Value = serde_json::from_str(asked.text("containerDefinitions"))
        .map_err(|error| Status::invalid_argument(format!("containerDefinitions: {error}")))?;
    let containers = containers.as_array().filter(|containers| !containers.is_empty());
    let containers = containers.ok_or_else(|| Status::invalid_argument("containerDefinitions: no container"))?;
    containers
        .iter()
        .try_for_each(|container| manifest(container["image"].as_str().unwrap_or_default()).map(drop))
}

fn manifest(reference: &str) -> Result<Value, Status> {
    let digest = reference.split_once("@sha256:").map(|(_, digest)| digest);
    if digest.is_none_or(|digest| digest.len() != 64) {
        return Err(Status::invalid_argument(format!(
            "`{reference}` is no repository@sha256:…"
        )));
    }
    let manifest = e2e::lab().manifest(reference);
    manifest.map_err(|error| Status::not_found(format!("{reference}: {error}")))
}
