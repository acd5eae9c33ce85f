//! Provider functions: `getImage` looks an image up, `getFingerprint` computes what Check would.

use std::collections::BTreeMap;

use fastcontainer_registry::{Manifest, ManifestKind, Reference, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::image::content::gather;
use crate::image::error::ImageError;
use crate::image::inputs::ImageInputs;
use crate::image::operation::Operation;
use crate::image::outputs::FingerprintOutput;
use crate::planning::fingerprint::Fingerprint;
use crate::planning::options::Network;

/// Looks up an image in a registry, by tag or by digest.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
    /// Compressed size of config and layers in bytes; of the index alone for several platforms.
    pub size_bytes: f64,
}

/// Computes the fingerprint of a build without building.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GetFingerprintArgs {
    /// Directory with the build context. Default: the directory that the program runs in.
    pub context: Option<String>,
    /// Path of the Dockerfile. Default: `Dockerfile` in the context.
    pub dockerfile: Option<String>,
    /// Text of the Dockerfile, instead of `dockerfile`.
    pub dockerfile_inline: Option<String>,
    /// Stage to build.
    pub target: Option<String>,
    /// Platform to build for; one entry.
    pub platforms: Option<Vec<String>>,
    /// Values of `ARG` instructions.
    pub build_args: Option<BTreeMap<String, String>>,
    /// Labels of the image.
    pub labels: Option<BTreeMap<String, String>>,
    /// Network of `RUN` steps.
    pub network: Option<Network>,
    /// Additional host names for `RUN` steps.
    pub add_hosts: Option<Vec<String>>,
    /// Free values that ask for a new build.
    pub triggers: Option<Vec<String>>,
}

/// Result of `getFingerprint`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetFingerprintResult {
    /// The fingerprint.
    pub fingerprint: FingerprintOutput,
    /// What counts: `context`, the whole filtered build context.
    pub mode: String,
    /// Paths that count, in the order of the context.
    pub files: Vec<String>,
}

/// Runs `getImage`.
///
/// # Errors
/// When there is no such image or the registry cannot answer.
pub async fn get_image(op: &Operation, args: GetImageArgs) -> Result<GetImageResult, ImageError> {
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
    Ok(described(&repository, &found))
}

fn described(repository: &Repository, found: &Manifest) -> GetImageResult {
    let platform_digests = match &found.kind {
        ManifestKind::Index(platforms) => platforms
            .iter()
            .map(|(platform, digest)| (platform.clone(), digest.to_string()))
            .collect(),
        _ => BTreeMap::new(),
    };
    GetImageResult {
        image_uri: format!("{repository}@{}", found.digest),
        digest: found.digest.to_string(),
        platform_digests,
        size_bytes: found.size_bytes as f64,
    }
}

/// Runs `getFingerprint`.
///
/// # Errors
/// When the content cannot be read.
pub async fn get_fingerprint(op: &Operation, args: GetFingerprintArgs) -> Result<GetFingerprintResult, ImageError> {
    let inputs = args.inputs();
    let (options, cancel) = (inputs.build_options(), op.cancel.clone());
    let gathered = tokio::task::spawn_blocking(move || gather(&inputs, &cancel)).await;
    let content = gathered.map_err(|_| ImageError::Cancelled)??;
    let digests = content.digests(&options).map_err(|problem| vec![problem])?;
    let fingerprint = Fingerprint::compute(&digests, &options);
    Ok(GetFingerprintResult {
        fingerprint: FingerprintOutput::from(fingerprint),
        mode: "context".to_owned(),
        files: content
            .snapshot
            .entries()
            .iter()
            .map(|entry| entry.path.clone())
            .collect(),
    })
}

impl GetFingerprintArgs {
    fn inputs(self) -> ImageInputs {
        let Self {
            context,
            dockerfile,
            dockerfile_inline,
            target,
            platforms,
            build_args,
            labels,
            network,
            add_hosts,
            triggers,
        } = self;
        ImageInputs {
            context,
            dockerfile,
            dockerfile_inline,
            target,
            platforms,
            build_args,
            labels,
            network,
            add_hosts,
            triggers,
            ..ImageInputs::default()
        }
    }
}
