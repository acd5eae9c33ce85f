//! A build as a value: everything that a backend needs to know, and nothing that it would have to look up.

use std::collections::BTreeMap;
use std::sync::Arc;

use fastcontainer_buildkit::{ContextView, NamedContextSource};
use fastcontainer_registry::Repository;

use super::cache::CachePlan;
use super::options::BuildOptions;
use super::secrets::SecretSource;

/// One build, independent of who runs it.
#[derive(Debug, Clone)]
pub struct BuildPlan {
    /// Name of the Dockerfile as shown in messages.
    pub dockerfile_name: String,
    /// The Dockerfile's bytes.
    pub dockerfile: Arc<[u8]>,
    /// The files that the builder may see, and what it may ask for.
    pub context: ContextView,
    /// Name → named context.
    pub named_contexts: BTreeMap<String, NamedContextSource>,
    /// What identifies the build besides its bytes.
    pub options: BuildOptions,
    /// Whether every step must run.
    pub no_cache: bool,
    /// Where the image goes.
    pub repository: Repository,
    /// The tag that it gets there. Only a builder that cannot push by digest pushes under it.
    pub tag: String,
    /// Digest of everything that the builder is given, 64 hexadecimal digits: equal ones are given equal files.
    pub fingerprint: String,
    /// References of the images that the build reads from.
    pub base_images: Vec<String>,
    /// Reference of such an image → digest that the build must use for it. An image that could not be resolved has none.
    pub pins: BTreeMap<String, String>,
    /// Id → secret that RUN steps may mount.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Caches outside of the builder.
    pub cache: CachePlan,
    /// Pulumi project, a part of the send record's key.
    pub project: String,
    /// Logical name of the resource, the other part.
    pub resource: String,
}
