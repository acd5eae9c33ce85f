//! Provider-level settings: what `CheckConfig` validates and `Configure` keeps.
//!
//! `DiffConfig` never replaces: a replaced provider would replace all its images.

use std::path::PathBuf;

use fastcontainer_property::{
    Cursor, Decoder, Difference, Failure, Field, Form, PropertyMap, PropertyValue, decode, diff,
};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::backend::settings::{Builder, decode_builder};
use crate::image::decode::{decode_base_images, decode_reuse};
use crate::image::diff::InputDifference;
use crate::image::inputs::{BaseImages, Reuse};

/// Settings that hold a password or a key.
const HOLDS_PASSWORD: [&str; 2] = ["reuseKey", "registries"];

/// Credentials of one registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryLogin {
    /// Host, with its port if it has one: `ghcr.io`, `localhost:5000`, `docker.io`.
    pub address: String,
    /// User name to log in with.
    pub username: String,
    /// Password or access token.
    #[schemars(extend("secret" = true))]
    pub password: String,
}

/// Configuration of the provider, as programs write it.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderConfig {
    /// AWS region for calls that no registry host names a region for. Default: the AWS default chain. ECR calls always use the region in the repository's host name.
    pub region: Option<String>,
    /// AWS profile. Default: the AWS default chain.
    pub profile: Option<String>,
    /// ARN of an IAM role to assume for AWS calls.
    pub assume_role_arn: Option<String>,
    /// Endpoint for AWS API calls instead of the public one, for VPC endpoints and emulators.
    pub endpoint_url: Option<String>,
    /// Credentials of registries. ECR needs none: the provider logs in by itself. Registries that are not listed here use the Docker configuration and its credential helpers.
    #[schemars(extend("secret" = true))]
    pub registries: Option<Vec<RegistryLogin>>,
    /// How many local builds run at the same time. Default: the number of cores, but at least 4.
    pub max_parallel_builds: Option<u32>,
    /// The builder of images that name none.
    pub builder: Option<Builder>,
    /// Whether base images whose tag has moved build images anew that do not say it themselves. Default: `ignore`.
    pub base_images: Option<BaseImages>,
    /// Whose earlier build of the same content an image may adopt, unless the image says it itself. Default: `anywhere`; images with secrets adopt at most their own stack's unless they say otherwise themselves.
    pub reuse: Option<Reuse>,
    /// A key that turns content tags into keyed hashes: who lacks it can neither plant an image for adoption nor find one.
    #[schemars(extend("secret" = true))]
    pub reuse_key: Option<String>,
    /// Directory for send records, manifests and build logs. Losing it costs time only. Default: `pulumi-fastcontainer` in the platform's cache directory.
    pub cache_dir: Option<String>,
}

/// The configuration with its defaults applied.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the program wrote.
    pub config: ProviderConfig,
    /// Key of content tags; empty without a `reuseKey`.
    pub reuse_key: SecretString,
    /// Where records, manifests and logs live.
    pub cache_dir: PathBuf,
    /// Local builds at the same time.
    pub max_parallel_builds: usize,
}

impl Settings {
    /// Applies the defaults.
    #[must_use]
    pub fn new(mut config: ProviderConfig) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            reuse_key: SecretString::from(config.reuse_key.take().unwrap_or_default()),
            cache_dir: config.cache_dir.as_ref().map_or_else(default_cache_dir, PathBuf::from),
            max_parallel_builds: config.max_parallel_builds.map_or(cores.max(4), |n| n as usize),
            config,
        }
    }
}

/// The platform's cache directory with our folder in it; a folder of the temporary directory when there is no home.
fn default_cache_dir() -> PathBuf {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let base = if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else if cfg!(windows) {
        variable("LOCALAPPDATA")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")))
    };
    base.unwrap_or_else(std::env::temp_dir).join("pulumi-fastcontainer")
}

/// Validates provider configuration. What holds a password comes back as a secret, so that it enters the state encrypted
/// whether or not the program marks it.
#[must_use]
pub fn check_config(mut properties: PropertyMap) -> (PropertyMap, Vec<Failure>) {
    let failures = decode(&properties, Form::Config, read).failures;
    for name in HOLDS_PASSWORD {
        if let Some(value) = properties.get_mut(name)
            && *value != PropertyValue::Unknown
            && !value.contains_secret()
        {
            *value = PropertyValue::secret(value.clone());
        }
    }
    (properties, failures)
}

/// What differs between two configurations. Every difference counts, or the engine would go on with the old one; none
/// replaces.
#[must_use]
pub fn diff_config(old: &PropertyMap, new: &PropertyMap) -> Vec<InputDifference> {
    let update = |Difference { path, kind }| InputDifference {
        path,
        kind,
        replaces: false,
    };
    diff(old, new, &[]).into_iter().map(update).collect()
}

/// Decodes provider configuration.
///
/// # Errors
/// Everything that is wrong with it.
pub fn decode_config(properties: &PropertyMap) -> Result<ProviderConfig, Vec<Failure>> {
    let decoded = decode(properties, Form::Config, read);
    if decoded.failures.is_empty() {
        Ok(decoded.value)
    } else {
        Err(decoded.failures)
    }
}

fn read(config: &mut Decoder<'_>) -> ProviderConfig {
    ProviderConfig {
        region: config.at("region").string().known(),
        profile: config.at("profile").string().known(),
        assume_role_arn: config.at("assumeRoleArn").string().known(),
        endpoint_url: config.at("endpointUrl").string().known(),
        registries: config.at("registries").list(login).known(),
        max_parallel_builds: parallel(config.at("maxParallelBuilds")),
        builder: decode_builder(config.at("builder")),
        base_images: decode_base_images(config.at("baseImages")),
        reuse: decode_reuse(config.at("reuse")),
        reuse_key: config.at("reuseKey").string().known(),
        cache_dir: config.at("cacheDir").string().known(),
    }
}

fn login(value: Cursor<'_>) -> Field<RegistryLogin> {
    value.object(|login| RegistryLogin {
        address: login.at("address").required().string().known().unwrap_or_default(),
        username: login.at("username").required().string().known().unwrap_or_default(),
        password: login.at("password").required().string().known().unwrap_or_default(),
    })
}

fn parallel(value: Cursor<'_>) -> Option<u32> {
    value
        .integer(1..=1000)
        .known()
        .and_then(|count| u32::try_from(count).ok())
}
