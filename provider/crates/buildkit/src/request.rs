//! What a build is asked for and what comes of it.
//!
//! Responsible for the plain values that cross the boundary of this crate. A [`BuildRequest`] names everything that
//! the builder can see: one Dockerfile held in memory, one snapshot of a build context, and the registry
//! credentials that this build may use. Nothing else of the machine is reachable through it.
//!
//! Refuses to hold passwords in a printable form.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use fastcontainer_build_context::Snapshot;
use secrecy::SecretString;

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
    /// The build context: the only files that the builder can see.
    pub context: Arc<Snapshot>,
    /// Options of the frontend.
    pub options: FrontendOptions,
    /// Where the image is pushed to by digest, `host/path` without a tag. Ignored by [`crate::EndpointKind::DockerClassic`].
    pub repository: String,
    /// The registry speaks plain HTTP.
    pub insecure_registry: bool,
    /// Host → credential. A host that is not in the map gets none, whoever asks.
    pub credentials: BTreeMap<String, RegistryCredential>,
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
    /// Bytes of file content sent from the build context.
    pub context_bytes_sent: u64,
    /// Bytes of file metadata sent from the build context.
    pub stat_bytes_sent: u64,
    /// Files of the build context whose content was sent.
    pub context_files_sent: u64,
    /// What the builder warned of, one line each.
    pub warnings: Vec<String>,
}
