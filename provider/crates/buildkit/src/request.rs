//! What a build is asked for and what comes of it.
//!
//! Responsible for the plain values that cross the boundary of this crate. A [`BuildRequest`] names everything that
//! the builder can see: one Dockerfile held in memory, snapshots of the build context and of the named contexts, and
//! the registry credentials and secrets that this build may use. Nothing else of the machine is reachable through it.
//!
//! Refuses to hold passwords in a printable form.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use fastcontainer_build_context::Snapshot;
use secrecy::{SecretSlice, SecretString};

use crate::cache::CacheOptions;
use crate::follow_paths::FollowPaths;

/// The largest secret that a builder is given, in bytes; the same for all clients of BuildKit.
pub const LARGEST_SECRET: usize = 500 * 1024;

/// User name and password for one registry host.
#[derive(Debug, Clone)]
pub struct RegistryCredential {
    /// User name; `AWS` for ECR.
    pub username: String,
    /// Password or token.
    pub password: SecretString,
}

/// A Dockerfile, served from memory.
#[derive(Debug, Clone)]
pub struct DockerfileSource {
    /// File name as messages of the builder should show it, without folders.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A directory as the builder may see it.
#[derive(Debug, Clone)]
pub struct ContextView {
    /// The only files that the builder can see.
    pub snapshot: Arc<Snapshot>,
    /// What the builder may ask for; a build that asks for more fails.
    pub follow: FollowPaths,
}

impl ContextView {
    /// A view of which the builder may ask for everything.
    #[must_use]
    pub fn whole(snapshot: Arc<Snapshot>) -> Self {
        let follow = FollowPaths::Everything;
        Self { snapshot, follow }
    }
}

/// What a named context stands for.
#[derive(Debug, Clone)]
pub enum NamedContextSource {
    /// A directory of this machine. Its ignore rules were applied when the snapshot was taken.
    Directory(ContextView),
    /// An image: a reference, or anything with a scheme that the frontend knows, such as `docker-image://alpine:3`.
    Image(String),
}

/// Network of RUN steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// The builder's own default.
    Default,
    /// No network.
    None,
    /// The network of the builder's host; needs an entitlement that the builder may refuse.
    Host,
}

/// Options of the Dockerfile frontend.
#[derive(Debug, Clone, Default)]
pub struct FrontendOptions {
    /// Stage to build; the last one if absent.
    pub target: Option<String>,
    /// Platform such as `linux/amd64`.
    pub platform: String,
    /// Values of `ARG`s.
    pub build_args: BTreeMap<String, String>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Network of RUN steps.
    pub network: Option<Network>,
    /// Lines for `/etc/hosts` as `host:ip`.
    pub add_hosts: Vec<String>,
    /// Runs every step again.
    pub no_cache: bool,
}

/// Names the send record of an image. Endpoints keep records of their own in the same directory.
#[derive(Debug, Clone)]
pub struct RecordKey {
    /// Where send records are kept.
    pub directory: PathBuf,
    /// The program's project.
    pub project: String,
    /// The image's logical name.
    pub resource: String,
}

/// One build of one image for one platform.
#[derive(Debug, Clone)]
pub struct BuildRequest {
    /// The Dockerfile.
    pub dockerfile: DockerfileSource,
    /// The build context.
    pub context: ContextView,
    /// Name → named context. Builders before BuildKit 0.11 (Docker 24) are refused when there is one.
    pub named_contexts: BTreeMap<String, NamedContextSource>,
    /// Image reference → digest (`sha256:…`) of the manifest or index that the build must use for it, wherever the
    /// Dockerfile or a named context names that reference with its tag. Spellings of one reference are the same pin.
    /// Builders before BuildKit 0.11 (Docker 24) cannot be held to it: there pins do nothing, see
    /// [`crate::Endpoint::pins_images`].
    pub pins: BTreeMap<String, String>,
    /// Options of the frontend.
    pub options: FrontendOptions,
    /// Where the image is pushed to by digest, `host/path` without a tag. Ignored by [`crate::EndpointKind::DockerClassic`].
    pub repository: String,
    /// The registry speaks plain HTTP.
    pub insecure_registry: bool,
    /// Host → credential. A host that is not in the map gets none, whoever asks.
    pub credentials: BTreeMap<String, RegistryCredential>,
    /// Id → value of the secrets that `RUN --mount=type=secret` may ask for. They are hidden in everything that is
    /// reported of the build.
    pub secrets: BTreeMap<String, SecretSlice<u8>>,
    /// Caches outside of the builder.
    pub cache: CacheOptions,
    /// The image's send record.
    pub record: RecordKey,
}

/// An image in a daemon's own store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalImage {
    /// Image id (`sha256:…` of the configuration); not a manifest digest.
    pub id: String,
}

/// Where the built image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuiltImage {
    /// In the repository, untagged, under this manifest digest (`sha256:…`).
    PushedByDigest(String),
    /// In the daemon's classic store, not pushed: [`crate::Endpoint::push`] does that.
    Local(LocalImage),
}

/// What a successful build did.
#[derive(Debug, Clone)]
pub struct BuildOutcome {
    /// The image.
    pub image: BuiltImage,
    /// Steps of the Dockerfile that were solved.
    pub steps: u32,
    /// Those of them that were cached.
    pub cached_steps: u32,
    /// Bytes of file content sent from the build context and the named contexts.
    pub context_bytes_sent: u64,
    /// Bytes of file metadata sent from them.
    pub stat_bytes_sent: u64,
    /// Files whose content was sent from them.
    pub context_files_sent: u64,
    /// Images that the build read from: canonical reference without digest (see [`crate::canonical_reference`]) →
    /// digest. Holds what the names of steps tell, and the pins where the builder was held to them. Unpinned images
    /// are missing if they have no layer, stand for a named context, exist only in a daemon's own store, or if a builder
    /// before BuildKit 0.11 copies from them.
    pub base_images: BTreeMap<String, String>,
    /// What the builder warned of, one line each.
    pub warnings: Vec<String>,
    /// What became of the caches that are written apart from the image; `None` when nothing was to be exported.
    pub cache_export: Option<Result<(), String>>,
}
