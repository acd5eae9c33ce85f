//! The inputs that identify a build besides the bytes of the context and of the Dockerfile.
//!
//! They are one struct so that the fingerprint and the build request can each take it apart completely: a field that is
//! added here does not compile until both say what they do with it.

use std::collections::{BTreeMap, BTreeSet};

use fastcontainer_dockerfile::NamedContext;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The platform of an image whose program names none. It is fixed: the builder's own architecture must never decide.
pub const DEFAULT_PLATFORM: &str = "linux/amd64";

/// Network of RUN steps, as `docker build --network`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// The builder's default network.
    #[default]
    Default,
    /// No network at all.
    None,
    /// The network of the builder's host.
    Host,
}

/// Which files of a context count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FingerprintMode {
    /// Those that the Dockerfile can read.
    #[default]
    Precise,
    /// All that the ignore file leaves.
    Context,
}

/// Everything that identifies a build but its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildOptions {
    /// Stage to build; the last one when absent.
    pub target: Option<String>,
    /// OCI platform such as `linux/amd64`; of an image for several, the one that sorts first.
    pub platform: String,
    /// The other platforms of an image for several, sorted. One build has none.
    pub further_platforms: Vec<String>,
    /// What stands behind the names of further contexts. The content of directories is not in here.
    pub named_contexts: BTreeMap<String, NamedContext>,
    /// Values of `ARG` instructions.
    pub build_args: BTreeMap<String, String>,
    /// Labels of the image config.
    pub labels: BTreeMap<String, String>,
    /// Network of RUN steps.
    pub network: Network,
    /// Extra lines for `/etc/hosts` in RUN steps, `host:ip`.
    pub add_hosts: Vec<String>,
    /// Ids of the secrets that RUN steps may mount. Their values count nowhere.
    pub secret_ids: BTreeSet<String>,
    /// Free values; any change of them asks for a new build.
    pub triggers: Vec<String>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            target: None,
            platform: DEFAULT_PLATFORM.to_owned(),
            further_platforms: Vec::new(),
            named_contexts: BTreeMap::new(),
            build_args: BTreeMap::new(),
            labels: BTreeMap::new(),
            network: Network::Default,
            add_hosts: Vec::new(),
            secret_ids: BTreeSet::new(),
            triggers: Vec::new(),
        }
    }
}

impl BuildOptions {
    /// All platforms of the image, sorted.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.platform)
            .chain(&self.further_platforms)
            .map(String::as_str)
    }

    /// Whether the image is an index of several.
    #[must_use]
    pub fn is_for_several_platforms(&self) -> bool {
        !self.further_platforms.is_empty()
    }

    /// The options of one of the builds behind the image.
    #[must_use]
    pub fn for_platform(&self, platform: &str) -> Self {
        Self {
            platform: platform.to_owned(),
            further_platforms: Vec::new(),
            ..self.clone()
        }
    }
}
