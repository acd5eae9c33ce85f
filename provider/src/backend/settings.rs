//! Who builds: the `builder` input, of an image or of the provider.

use std::ops::RangeInclusive;

use fastcontainer_property::{Cursor, Field};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A BuildKit or Docker endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalBuilder {
    /// Address of the endpoint: `unix:///run/buildkit/buildkitd.sock`, `tcp://host:1234`, `docker-container://NAME`, `ssh://user@host`. Default: `BUILDKIT_HOST`, `DOCKER_HOST`, `DOCKER_CONTEXT`, the current Docker context, then Docker's default socket.
    pub address: Option<String>,
}

/// An AWS CodeBuild project. One project serves any number of images: each build brings its own plan, files and settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CodeBuildBuilder {
    /// Name of the project. Its service role needs the rights that the documentation lists.
    pub project: String,
    /// S3 bucket that the build's files travel through, in the region of the project.
    pub source_bucket: String,
    /// What the keys in the bucket begin with. Default: `fastcontainer`.
    pub source_prefix: Option<String>,
    /// AWS region of the project. Default: the region in the name of the image's repository if it is in ECR, else the provider's `region`.
    pub region: Option<String>,
    /// Compute type of the builds, such as `BUILD_GENERAL1_MEDIUM`. Default: the project's.
    pub compute_type: Option<String>,
    /// Environment type of the builds, such as `ARM_CONTAINER`. Default: `ARM_CONTAINER` for `linux/arm64`, `LINUX_CONTAINER` for `linux/amd64`.
    pub environment_type: Option<String>,
    /// Image that the builds run in; it needs Docker 28 or later with buildx, the AWS CLI and jq. Default: the project's if it fits the platform, else the newest curated one.
    pub image: Option<String>,
    /// ARN of a reserved-capacity fleet that the builds run on. Default: the project's.
    pub fleet: Option<String>,
    /// How many builds run at the same time. Default: 20.
    pub max_parallel_builds: Option<u32>,
    /// Minutes that a build may wait in CodeBuild's queue, 5 to 480. Default: 30.
    pub queue_timeout_minutes: Option<u32>,
    /// Minutes that a build may run, 5 to 2160. Default: 60.
    pub timeout_minutes: Option<u32>,
    /// Image with the BuildKit that builds, such as a copy of `moby/buildkit` in your own registry. Default: the BuildKit in the Docker of the build's image.
    pub buildkit_image: Option<String>,
}

/// Who builds. Exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
// In Java every generated class has a member class `Builder`, so no type of the schema may be called that.
#[schemars(rename = "BuilderChoice")]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    /// Build on a BuildKit or Docker endpoint.
    pub local: Option<LocalBuilder>,
    /// Build on AWS CodeBuild.
    pub codebuild: Option<CodeBuildBuilder>,
}

/// `builder`, of an image or of the provider.
#[must_use]
pub fn decode_builder(value: Cursor<'_>) -> Option<Builder> {
    let builder = value.object(|builder| {
        if builder.has("local") == builder.has("codebuild") {
            builder.fail(
                "must have exactly one member; set `local: {}` to build on a BuildKit or Docker endpoint, or \
                 `codebuild: {project: …, sourceBucket: …}` to build on AWS CodeBuild",
            );
        }
        let local = builder.at("local").object(|local| LocalBuilder {
            address: address(local.at("address")),
        });
        Builder {
            local: local.known(),
            codebuild: codebuild(builder.at("codebuild")),
        }
    });
    builder.known()
}

fn address(mut value: Cursor<'_>) -> Option<String> {
    if let Some(text) = value.peek()
        && let Err(error) = fastcontainer_buildkit::BuilderAddress::parse(text)
    {
        value.fail(error.to_string());
    }
    value.string().known()
}

fn codebuild(value: Cursor<'_>) -> Option<CodeBuildBuilder> {
    let builder = value.object(|builder| CodeBuildBuilder {
        project: word(builder.at("project").required(), "the name of a CodeBuild project", is_project).unwrap_or_default(),
        source_bucket: word(builder.at("sourceBucket").required(), "the name of an S3 bucket, without `s3://`", is_bucket)
            .unwrap_or_default(),
        source_prefix: word(builder.at("sourcePrefix"), "a part of a key, without `/` at its ends", is_prefix),
        region: word(builder.at("region"), "an AWS region, such as `eu-central-1`", is_word),
        compute_type: word(builder.at("computeType"), "a compute type, such as `BUILD_GENERAL1_MEDIUM`", is_word),
        environment_type: word(
            builder.at("environmentType"),
            "an environment type with Docker: `LINUX_CONTAINER`, `ARM_CONTAINER`, `LINUX_GPU_CONTAINER`, `LINUX_EC2` or `ARM_EC2`",
            |text| ENVIRONMENT_TYPES.contains(&text),
        ),
        image: word(builder.at("image"), "the name of an image", is_reference),
        fleet: word(builder.at("fleet"), "the ARN of a fleet, `arn:aws:codebuild:…:fleet/…`", |text| text.starts_with("arn:")),
        max_parallel_builds: number(builder.at("maxParallelBuilds"), 1..=1000),
        queue_timeout_minutes: number(builder.at("queueTimeoutMinutes"), 5..=480),
        timeout_minutes: number(builder.at("timeoutMinutes"), 5..=2160),
        buildkit_image: word(builder.at("buildkitImage"), "the name of an image", is_reference),
    });
    builder.known()
}

/// Environment types whose builds can start a Docker daemon.
const ENVIRONMENT_TYPES: [&str; 5] = [
    "LINUX_CONTAINER",
    "ARM_CONTAINER",
    "LINUX_GPU_CONTAINER",
    "LINUX_EC2",
    "ARM_EC2",
];

fn word(mut value: Cursor<'_>, what: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
    if value.peek().is_some_and(|text| !fits(text)) {
        value.fail(format!("must be {what}"));
    }
    value.string().known()
}

fn number(value: Cursor<'_>, range: RangeInclusive<i64>) -> Option<u32> {
    let number: Field<i64> = value.integer(range);
    number.known().and_then(|number| u32::try_from(number).ok())
}

fn is_project(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    (2..=150).contains(&text.len()) && text.chars().all(fits)
}

fn is_bucket(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    (3..=63).contains(&text.len()) && text.chars().all(fits)
}

fn is_prefix(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (1..=512).contains(&text.len())
        && text.chars().all(fits)
        && text
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
}

fn is_reference(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:@".contains(c))
}
