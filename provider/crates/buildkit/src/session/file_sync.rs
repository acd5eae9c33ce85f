//! File sync: which of our two directories the builder asks for.
//!
//! Responsible for the transfers of a Dockerfile build: `dockerfile` (the one file, from memory), `context` with
//! the single path `.dockerignore`, and `context` itself. The ignore rules were applied when the snapshot was taken;
//! so the question for the ignore file is answered with nothing, lest the builder applies them again.
//!
//! Refuses any other directory, and patterns that would make the builder drop files that were fingerprinted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bollard_buildkit_proto::fsutil::types::Packet;
use bollard_buildkit_proto::moby::filesync::packet::file_sync_server::FileSync;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::metadata::MetadataMap;
use tonic::{Request, Response, Status, Streaming};

use super::sender;
use super::tree::Tree;

/// Why our side of a build cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionFailure {
    /// A file is not what was fingerprinted.
    #[error("`{path}` changed while it was being built")]
    ContextChanged {
        /// Path inside the context.
        path: String,
    },
    /// A file cannot be read any more.
    #[error("`{path}` cannot be read")]
    Unreadable {
        /// Path inside the context.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The builder filters with patterns that we did not apply.
    #[error("the builder filters the context with `{}`", patterns.join("`, `"))]
    OutsideFingerprint {
        /// The patterns.
        patterns: Vec<String>,
    },
    /// The builder does something that the file sync does not know.
    #[error("{what}")]
    Protocol {
        /// What it did.
        what: String,
    },
}

/// Counts what was sent from the build context.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    content: AtomicU64,
    stats: AtomicU64,
    files: AtomicU64,
}

/// The counts of [`Traffic`] at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TrafficCount {
    /// Bytes of content.
    pub(crate) content: u64,
    /// Bytes of metadata.
    pub(crate) stats: u64,
    /// Files whose content was sent to the end.
    pub(crate) files: u64,
}

impl Traffic {
    pub(super) fn add_content(&self, bytes: usize) {
        self.content.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    pub(super) fn add_stat(&self, bytes: usize) {
        self.stats.fetch_add(bytes as u64, Ordering::Relaxed);
    }
    pub(super) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }
    /// What was sent so far.
    pub(crate) fn count(&self) -> TrafficCount {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrafficCount {
            content: of(&self.content),
            stats: of(&self.stats),
            files: of(&self.files),
        }
    }
}

/// Serves the two directories of a build.
pub(crate) struct FileSyncService {
    dockerfile: Arc<Tree>,
    context: Arc<Tree>,
    traffic: Arc<Traffic>,
    ignore_file_asked: AtomicBool,
    failures: mpsc::UnboundedSender<SessionFailure>,
}

impl FileSyncService {
    /// The first failure on our side arrives at the returned receiver.
    pub(crate) fn new(
        dockerfile: Tree,
        context: Tree,
        traffic: Arc<Traffic>,
    ) -> (Self, mpsc::UnboundedReceiver<SessionFailure>) {
        let (failures, failed) = mpsc::unbounded_channel();
        let service = Self {
            dockerfile: Arc::new(dockerfile),
            context: Arc::new(context),
            traffic,
            ignore_file_asked: AtomicBool::new(false),
            failures,
        };
        (service, failed)
    }
}

impl FileSyncService {
    /// The tree that a request means, and where its bytes are counted.
    fn select(&self, metadata: &MetadataMap) -> Result<(Arc<Tree>, Arc<Traffic>), SessionFailure> {
        let directory = values(metadata, "dir-name").pop().unwrap_or_default();
        match directory.as_str() {
            "dockerfile" => Ok((self.dockerfile.clone(), Arc::default())),
            "context" => {
                let patterns = [
                    values(metadata, "include-patterns"),
                    values(metadata, "exclude-patterns"),
                ]
                .concat();
                if !patterns.is_empty() {
                    return Err(SessionFailure::OutsideFingerprint { patterns });
                }
                if values(metadata, "followpaths") == [".dockerignore"]
                    && !self.ignore_file_asked.swap(true, Ordering::Relaxed)
                {
                    return Ok((Arc::new(Tree::empty()), Arc::default()));
                }
                Ok((self.context.clone(), self.traffic.clone()))
            }
            other => Err(SessionFailure::Protocol {
                what: format!("the builder asked for the directory `{other}`"),
            }),
        }
    }
}

/// All values of a repeated key, as they are written.
fn values(metadata: &MetadataMap, key: &str) -> Vec<String> {
    metadata
        .get_all(key)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

#[async_trait::async_trait]
impl FileSync for FileSyncService {
    type DiffCopyStream = ReceiverStream<Result<Packet, Status>>;
    type TarStreamStream = ReceiverStream<Result<Packet, Status>>;

    async fn diff_copy(&self, request: Request<Streaming<Packet>>) -> Result<Response<Self::DiffCopyStream>, Status> {
        match self.select(request.metadata()) {
            Ok((tree, traffic)) => Ok(Response::new(sender::start(
                tree,
                traffic,
                request.into_inner(),
                self.failures.clone(),
            ))),
            Err(failure) => {
                let status = Status::permission_denied(failure.to_string());
                let _ = self.failures.send(failure);
                Err(status)
            }
        }
    }

    async fn tar_stream(&self, _: Request<Streaming<Packet>>) -> Result<Response<Self::TarStreamStream>, Status> {
        Err(Status::unimplemented("the context is not sent as a tar archive"))
    }
}
