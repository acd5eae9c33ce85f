//! Endpoints: what answers at an address, and what it can do.
//!
//! Responsible for telling a dockerd from a buildkitd by asking, for choosing how gRPC is spoken to it, for the
//! image store and the platforms of its first worker, and for an identity that stays the same while the daemon's
//! state does. What an endpoint cannot do is refused here, before anything is built: daemons ignore some options
//! without a word.
//!
//! Refuses to keep a connection: each build opens its own.

use std::io;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::ListWorkersRequest;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::types::WorkerRecord;
use bollard_buildkit_proto::pb::Platform;
use http::Method;
use secrecy::ExposeSecret;
use serde::Deserialize;
use tokio::time::timeout;
use tonic::transport::Channel;

use crate::address::{BuilderAddress, ResolvedAddress};
use crate::engine_api::{self, EngineError};
use crate::failure::BuildError;
use crate::request::{BuildRequest, LARGEST_SECRET};
use crate::transport::{self, Complaint, Connection, Dialect};

/// Label of a worker that keeps images in containerd.
const SNAPSHOTTER_LABEL: &str = "org.mobyproject.buildkit.worker.snapshotter";
/// The first Engine API whose listener speaks HTTP/2 at once.
const HTTP2_API: (u32, u32) = (1, 53);
/// Largest message taken from a builder.
const MESSAGE_LIMIT: usize = 64 << 20;

/// The kinds of builders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointKind {
    /// A standalone buildkitd, also one in a container: pushes inside the build.
    Buildkitd,
    /// dockerd with the containerd image store: pushes inside the build.
    DockerContainerd,
    /// dockerd with its classic image store: builds into that store, pushes afterwards with [`Endpoint::push`].
    DockerClassic,
}

impl std::fmt::Display for EndpointKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Buildkitd => "buildkitd",
            Self::DockerContainerd => "dockerd with the containerd image store",
            Self::DockerClassic => "dockerd with the classic image store",
        })
    }
}

/// A builder that answered.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// What it is.
    pub kind: EndpointKind,
    /// Platforms that it runs steps for, such as `linux/amd64`; the first one is its own. A build for another platform
    /// works as long as no RUN step executes that platform's programs.
    pub platforms: Vec<String>,
    /// Names the daemon's state; survives restarts.
    pub identity: String,
    /// Where it is.
    pub address: ResolvedAddress,
    /// Version of its BuildKit; builders before 0.11 do not tell.
    pub buildkit_version: Option<String>,
    dialect: Dialect,
}

/// Why no builder could be reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing answers.
    #[error("no builder answers at {address}")]
    Unreachable {
        /// The address and where it comes from.
        address: ResolvedAddress,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something answers that is neither a dockerd nor a buildkitd.
    #[error("what answers at {address} is neither a dockerd nor a buildkitd")]
    NotABuilder {
        /// The address and where it comes from.
        address: ResolvedAddress,
        /// What it said.
        #[source]
        source: io::Error,
    },
    /// No answer in time.
    #[error("no answer from {address} within {} ms", after.as_millis())]
    TimedOut {
        /// The address and where it comes from.
        address: ResolvedAddress,
        /// How long was waited.
        after: Duration,
    },
}

/// How long to wait for a builder.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until its socket takes a connection. Behind `docker` or `ssh` there is no socket to try.
    pub reach: Duration,
    /// Until it has said what it is, in all attempts together; a busy daemon takes its time.
    pub answer: Duration,
}

/// How the patience for an answer is shared out, in sixths: a connection that is stuck need not take all of it.
const ATTEMPTS: [u32; 3] = [1, 2, 3];

/// Finds out what answers at an address.
///
/// # Errors
/// [`ConnectError`], as soon as `patience` ends.
pub async fn connect(address: &ResolvedAddress, patience: Patience) -> Result<Endpoint, ConnectError> {
    let late = |after| {
        let address = address.clone();
        ConnectError::TimedOut { address, after }
    };
    let refused = |refusal| {
        let address = address.clone();
        match refusal {
            Refusal::Unreachable(source) => ConnectError::Unreachable { address, source },
            Refusal::NotABuilder(source) => ConnectError::NotABuilder { address, source },
        }
    };
    let reached = timeout(patience.reach, transport::reach(&address.address)).await;
    let reached = reached.map_err(|_| late(patience.reach))?;
    reached.map_err(|source| refused(Refusal::Unreachable(source)))?;
    for share in ATTEMPTS {
        let limit = patience.answer * share / ATTEMPTS.iter().sum();
        if let Ok(probed) = timeout(limit, probe(address)).await {
            return probed.map_err(refused);
        }
    }
    Err(late(patience.answer))
}

/// What `GET /version` says.
#[derive(Deserialize)]
struct EngineVersion {
    #[serde(rename = "ApiVersion")]
    api_version: String,
}

/// What `GET /info` says.
#[derive(Deserialize)]
struct EngineInfo {
    #[serde(rename = "ID", default)]
    id: String,
}

/// Why probing stopped, before it is said where.
enum Refusal {
    Unreachable(io::Error),
    NotABuilder(io::Error),
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NoConnection(source) => Self::Unreachable(source),
            EngineError::NotAnEngine(source) => Self::NotABuilder(source),
            refused @ EngineError::Refused { .. } => Self::NotABuilder(io::Error::other(refused)),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotConnected => Self::Unreachable(error),
            _ => Self::NotABuilder(error),
        }
    }
}

async fn probe(address: &ResolvedAddress) -> Result<Endpoint, Refusal> {
    let engine = engine_version(&address.address).await?;
    let dialects: &[Dialect] = match &engine {
        None => &[Dialect::Http2],
        Some(engine) if speaks_http2(&engine.api_version) => &[Dialect::Http2, Dialect::UpgradedAtGrpc],
        Some(_) => &[Dialect::UpgradedAtGrpc],
    };
    let (dialect, worker) = first_worker(&address.address, dialects).await?;
    let kind = match &engine {
        None => EndpointKind::Buildkitd,
        Some(_) if worker.labels.contains_key(SNAPSHOTTER_LABEL) => EndpointKind::DockerContainerd,
        Some(_) => EndpointKind::DockerClassic,
    };
    let identity = match engine {
        None => worker.id.clone(),
        Some(_) => format!("{}/{}", engine_id(&address.address).await?, worker.id),
    };
    Ok(Endpoint {
        kind,
        platforms: platforms(&worker),
        identity,
        address: address.clone(),
        buildkit_version: worker.buildkit_version.map(|known| known.version),
        dialect,
    })
}

/// The worker's platforms, each once; daemons repeat some.
fn platforms(worker: &WorkerRecord) -> Vec<String> {
    let mut platforms: Vec<String> = Vec::new();
    for platform in worker.platforms.iter().map(platform) {
        if !platforms.contains(&platform) {
            platforms.push(platform);
        }
    }
    platforms
}

/// The engine's version, or `None` if a buildkitd listens, which does not speak HTTP/1.1.
async fn engine_version(address: &BuilderAddress) -> Result<Option<EngineVersion>, EngineError> {
    if matches!(address, BuilderAddress::DockerContainer(_)) {
        return Ok(None);
    }
    match engine_api::call(address, Method::GET, "/version", None).await {
        Ok(answer) => answer.json().await.map(Some),
        Err(EngineError::NotAnEngine(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn engine_id(address: &BuilderAddress) -> Result<String, EngineError> {
    let info: EngineInfo = engine_api::call(address, Method::GET, "/info", None)
        .await?
        .json()
        .await?;
    Ok(info.id)
}

fn speaks_http2(api_version: &str) -> bool {
    let parsed = api_version
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse().ok()?, minor.parse().ok()?)));
    parsed.is_some_and(|version: (u32, u32)| version >= HTTP2_API)
}

/// The first worker, and the first of the dialects that it could be asked in.
async fn first_worker(address: &BuilderAddress, dialects: &[Dialect]) -> io::Result<(Dialect, WorkerRecord)> {
    let mut result = Err(io::Error::from(io::ErrorKind::Unsupported));
    for dialect in dialects {
        result = list_workers(address, *dialect).await.map(|worker| (*dialect, worker));
        if result.is_ok() {
            break;
        }
    }
    result
}

async fn list_workers(address: &BuilderAddress, dialect: Dialect) -> io::Result<WorkerRecord> {
    let Connection { channel, complaint } = Connection::open(address, dialect).await?;
    match ControlClient::new(channel)
        .list_workers(ListWorkersRequest::default())
        .await
    {
        Ok(workers) => {
            let mut workers = workers.into_inner().record.into_iter();
            workers
                .next()
                .ok_or_else(|| io::Error::other("the builder has no worker"))
        }
        Err(status) => Err(complaint.or_status(&status).await),
    }
}

fn platform(platform: &Platform) -> String {
    let Platform {
        os,
        architecture,
        variant,
        ..
    } = platform;
    if variant.is_empty() {
        format!("{os}/{architecture}")
    } else {
        format!("{os}/{architecture}/{variant}")
    }
}

impl Endpoint {
    /// Refuses what this endpoint would ignore or fail at late.
    ///
    /// # Errors
    /// [`BuildError::Unsupported`].
    pub fn check(&self, request: &BuildRequest) -> Result<(), BuildError> {
        let unsupported = |what: &str| {
            Err(BuildError::Unsupported {
                what: what.to_owned(),
                endpoint: self.to_string(),
            })
        };
        if request.options.platform.contains(',') {
            return unsupported("building several platforms at once");
        }
        if self.platforms.iter().all(|platform| platform.starts_with("windows/")) {
            return unsupported("building Linux images");
        }
        if !request.named_contexts.is_empty() && self.buildkit_version.is_none() {
            return unsupported("named contexts, which need BuildKit 0.11 (Docker 24) or newer");
        }
        if self.kind == EndpointKind::DockerClassic && !request.cache.written_apart().is_empty() {
            return unsupported("exporting a build cache to a registry");
        }
        if let Some(id) = too_large(request) {
            return unsupported(&format!(
                "secrets of more than {} KiB, such as `{id}`",
                LARGEST_SECRET / 1024
            ));
        }
        Ok(())
    }

    /// Refuses images for several platforms where images cannot be pushed by digest.
    ///
    /// # Errors
    /// [`BuildError::Unsupported`] for Docker's classic image store.
    pub fn pushes_by_digest(&self) -> Result<(), BuildError> {
        match self.kind {
            EndpointKind::Buildkitd | EndpointKind::DockerContainerd => Ok(()),
            EndpointKind::DockerClassic => Err(BuildError::Unsupported {
                what: "images for several platforms (switch Docker to the containerd image store: \
                       `\"features\": {\"containerd-snapshotter\": true}` in its daemon.json)"
                    .to_owned(),
                endpoint: self.to_string(),
            }),
        }
    }

    /// Whether builds here can be held to [`BuildRequest::pins`].
    #[must_use]
    pub fn pins_images(&self) -> bool {
        // Source policies came with the same release as the version in the worker's record.
        self.buildkit_version.is_some()
    }

    /// A connection of its own for one build, and a control client on it.
    pub(crate) async fn control(&self) -> io::Result<(ControlClient<Channel>, Complaint)> {
        let Connection { channel, complaint } = Connection::open(&self.address.address, self.dialect).await?;
        Ok((
            ControlClient::new(channel).max_decoding_message_size(MESSAGE_LIMIT),
            complaint,
        ))
    }
}

fn too_large(request: &BuildRequest) -> Option<&str> {
    let mut secrets = request.secrets.iter();
    let found = secrets.find(|(_, value)| value.expose_secret().len() > LARGEST_SECRET);
    found.map(|(id, _)| id.as_str())
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.kind, self.address.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http2_at_once_is_spoken_from_engine_api_1_53() {
        let answers = ["1.41", "1.52", "1.53", "1.100", "2.0", "new"].map(speaks_http2);
        assert_eq!(answers, [false, false, true, true, true, false]);
    }

    #[test]
    fn platforms_are_written_as_docker_writes_them() {
        let of = |variant: &str| {
            platform(&Platform {
                os: "linux".into(),
                architecture: "arm".into(),
                variant: variant.into(),
                ..Platform::default()
            })
        };
        assert_eq!((of(""), of("v7")), ("linux/arm".to_owned(), "linux/arm/v7".to_owned()));
    }
}
