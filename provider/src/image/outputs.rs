//! The outputs of an image: what is stored in state and what programs read.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::planning::fingerprint::Fingerprint;

/// How the present image came to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// Who built it: `buildkit` or `codebuild`; `none` for an image that was adopted.
    pub backend: String,
    /// Why it was built or where it was adopted from.
    pub reason: String,
    /// Whether an image that already existed was adopted instead of built.
    pub reused: bool,
    /// When the operation began, RFC 3339 in UTC.
    pub started_at: String,
    /// How long the operation took, in seconds.
    pub duration_seconds: f64,
    /// Steps of the Dockerfile that were needed, on all platforms together.
    pub steps: u32,
    /// Steps that the builder had in its cache.
    pub cached_steps: u32,
    /// Bytes of file content that were sent to the builder.
    pub context_bytes_sent: f64,
    /// Id of the CodeBuild build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Where the log of the CodeBuild build is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_url: Option<String>,
}

/// Fingerprint of the content of an image. Only `total` decides; the other parts explain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Fingerprint")]
pub struct FingerprintOutput {
    /// Version of the scheme.
    pub version: u32,
    /// 64 hexadecimal digits over everything.
    pub total: String,
    /// Short digest of the build context.
    pub context: String,
    /// Short digest of the Dockerfile's instructions.
    pub dockerfile: String,
    /// Short digest of target, platform, build arguments, labels and the like.
    pub options: String,
    /// Digest of the base images; only with `baseImages: track`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_images: Option<String>,
}

impl From<Fingerprint> for FingerprintOutput {
    fn from(
        Fingerprint {
            version,
            total,
            context,
            dockerfile,
            options,
            base_images,
        }: Fingerprint,
    ) -> Self {
        Self {
            version,
            total,
            context,
            dockerfile,
            options,
            base_images,
        }
    }
}

impl From<FingerprintOutput> for Fingerprint {
    fn from(
        FingerprintOutput {
            version,
            total,
            context,
            dockerfile,
            options,
            base_images,
        }: FingerprintOutput,
    ) -> Self {
        Self {
            version,
            total,
            context,
            dockerfile,
            options,
            base_images,
        }
    }
}

/// Outputs of `FastContainerImage` beside its inputs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageOutputs {
    /// The image by digest, `repository@sha256:…`: what Lambda and ECS want.
    pub image_uri: String,
    /// Manifest digest, `sha256:…`; of the index for several platforms.
    pub digest: String,
    /// The tag under which this content is published and found again, `fc-…`.
    pub content_tag: String,
    /// The image by its content tag, `repository:fc-…`.
    pub content_tag_uri: String,
    /// Fingerprint of the content.
    pub fingerprint: FingerprintOutput,
    /// Manifest digest of each platform.
    pub platform_digests: BTreeMap<String, String>,
    /// Base images that the last build read: reference as the Dockerfile has it → digest that was used. Empty for an adopted image and for endpoints that cannot be told which to use.
    #[serde(default)]
    pub base_image_digests: BTreeMap<String, String>,
    /// Compressed size of config and layers in bytes, as registries count it; of all platforms together.
    pub size_bytes: f64,
    /// How the image came to be.
    pub build: Build,
    /// What was built, in short: serves to say later what changed. Programs have no use for it, so the schema does not
    /// have it, and the CLI does not show names that begin with two underscores.
    #[serde(rename = "__manifest", default, skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub record: Option<String>,
}
