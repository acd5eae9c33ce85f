//! A client for BuildKit: builds images on a buildkitd, or on the BuildKit inside a dockerd.
//!
//! ```text
//! resolve ──▶ connect ──▶ Endpoint::build ──▶ BuildOutcome        (classic store: ──▶ Endpoint::push)
//! ```
//!
//! A builder is found by [`resolve`] (text and environment, no network) and [`connect`] (which asks what answers).
//! A build is one gRPC connection with three calls side by side. *Session* turns the roles around: over it the
//! builder calls us, for the files of the context, for registry credentials and for secrets. *Solve* runs the Dockerfile and
//! pushes the image. *Status* tells what happens meanwhile. When the connection ends, all of it ends.
//!
//! Two things are done differently from other clients, and both are about truth. The builder is shown a snapshot
//! and nothing else, and each file's bytes are compared with what was fingerprinted while they are sent. And the
//! modification times are ours: BuildKit's file sync trusts size and time, compilers inside RUN steps compare
//! times, so a time here says when that content was first sent to that builder (the *send record*), not what the
//! working copy happens to say.
//!
//! This crate knows nothing of Pulumi or AWS, opens no file of a build context itself, and prints nothing.

mod address;
mod build;
mod cache;
mod contexts;
mod diagnosis;
mod docker_context;
mod docker_push;
mod endpoint;
mod engine_api;
mod execution;
mod failure;
mod follow_paths;
mod pins;
mod plain;
mod program;
mod progress;
mod redaction;
mod reference;
mod request;
mod send_record;
mod send_times;
mod session;
mod solve;
mod transport;

pub use address::{AddressError, AddressOrigin, BuilderAddress, Environment, ResolvedAddress, resolve};
pub use cache::{CacheExport, CacheMode, CacheOptions, RegistryCache};
pub use endpoint::{ConnectError, Endpoint, EndpointKind, Patience, connect};
pub use execution::Execution;
pub use failure::{BuildError, LineRange};
pub use follow_paths::FollowPaths;
pub use pins::source_policy_json;
pub use plain::PlainProgress;
pub use progress::ProgressEvent;
pub use redaction::{HIDDEN, Redactor, SHORTEST_HIDDEN};
pub use reference::canonical_reference;
pub use request::{
    BuildOutcome, BuildRequest, BuiltImage, ContextView, DockerfileSource, FrontendOptions, LARGEST_SECRET, LocalImage,
    NamedContextSource, Network, RecordKey, RegistryCredential,
};
