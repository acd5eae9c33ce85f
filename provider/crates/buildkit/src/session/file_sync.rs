//! File sync: which of our directories the builder asks for.
//!
//! Responsible for the transfers of a Dockerfile build: `dockerfile` (the one file, from memory), and for each context
//! a question for its `.dockerignore` before the transfer itself. The ignore rules were applied when the snapshot was
//! taken; so that question is answered with nothing, lest the builder applies them again.
//!
//! Refuses any other directory, lists of paths that the fingerprint does not cover, and patterns that would make the
//! builder drop files that were fingerprinted.

use std::collections::HashMap;
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
use crate::follow_paths::FollowPaths;

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
    /// The builder asks for what the fingerprint does not cover.
    #[error("the builder asks for {asked} of {context}, which the fingerprint does not cover")]
    OutsideFingerprint {
        /// The directory.
        context: String,
        /// What is asked for.
        asked: String,
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

/// The paths by which a builder asks for the ignore file.
const IGNORE_FILE: &str = ".dockerignore";

/// A context as it is served.
pub(crate) struct ServedContext {
    name: String,
    label: String,
    tree: Arc<Tree>,
    follow: FollowPaths,
    ignore_file_asked: AtomicBool,
}

impl ServedContext {
    /// The directory `name`, of which errors speak as `label`.
    pub(crate) fn new(name: String, label: String, tree: Tree, follow: FollowPaths) -> Self {
        Self {
            name,
            label,
            tree: Arc::new(tree),
            follow,
            ignore_file_asked: AtomicBool::new(false),
        }
    }

    /// The times of its entries.
    #[cfg(test)]
    pub(crate) fn times(&self) -> Vec<i64> {
        self.tree.stats().iter().map(|stat| stat.mod_time).collect()
    }

    /// The tree that a transfer sends; `None` for the question for the ignore file.
    fn answer(&self, metadata: &MetadataMap) -> Result<Option<Arc<Tree>>, SessionFailure> {
        let outside = |asked: String| SessionFailure::OutsideFingerprint {
            context: self.label.clone(),
            asked,
        };
        let filters = [
            values(metadata, "include-patterns"),
            values(metadata, "exclude-patterns"),
        ]
        .concat();
        if !filters.is_empty() {
            return Err(outside(format!("a view filtered by {}", quoted(&filters))));
        }
        let paths = values(metadata, "followpaths");
        let beyond = self.follow.beyond(&paths);
        if paths == [IGNORE_FILE] && (!self.ignore_file_asked.swap(true, Ordering::Relaxed) || !beyond.is_empty()) {
            return Ok(None);
        }
        match beyond.as_slice() {
            [] => Ok(Some(self.tree.clone())),
            [""] => Err(outside("all files".to_owned())),
            beyond => Err(outside(quoted(beyond))),
        }
    }
}

fn quoted<S: AsRef<str>>(patterns: &[S]) -> String {
    let quoted = patterns.iter().map(|pattern| format!("`{}`", pattern.as_ref()));
    quoted.collect::<Vec<_>>().join(", ")
}

/// Serves the directories of a build.
pub(crate) struct FileSyncService {
    dockerfile: Arc<Tree>,
    contexts: HashMap<String, ServedContext>,
    traffic: Arc<Traffic>,
    failures: mpsc::UnboundedSender<SessionFailure>,
}

impl FileSyncService {
    /// The first failure on our side arrives at the returned receiver. Only the contexts count as traffic.
    pub(crate) fn new(
        dockerfile: Tree,
        contexts: Vec<ServedContext>,
        traffic: Arc<Traffic>,
    ) -> (Self, mpsc::UnboundedReceiver<SessionFailure>) {
        let (failures, failed) = mpsc::unbounded_channel();
        let contexts = contexts.into_iter().map(|context| (context.name.clone(), context));
        let service = Self {
            dockerfile: Arc::new(dockerfile),
            contexts: contexts.collect(),
            traffic,
            failures,
        };
        (service, failed)
    }

    /// The tree that a request means, and where its bytes are counted.
    fn select(&self, metadata: &MetadataMap) -> Result<(Arc<Tree>, Arc<Traffic>), SessionFailure> {
        let directory = values(metadata, "dir-name").pop().unwrap_or_default();
        if directory == "dockerfile" {
            return Ok((self.dockerfile.clone(), Arc::default()));
        }
        let Some(context) = self.contexts.get(&directory) else {
            return Err(SessionFailure::Protocol {
                what: format!("the builder asked for the directory `{directory}`"),
            });
        };
        Ok(match context.answer(metadata)? {
            Some(tree) => (tree, self.traffic.clone()),
            None => (Arc::new(Tree::empty()), Arc::default()),
        })
    }
}

/// All values of a repeated key. Builders since 0.12 escape the values of a key when one of them is not ASCII, and say
/// so under a key of its own.
fn values(metadata: &MetadataMap, key: &str) -> Vec<String> {
    let marked = metadata.get(format!("{key}-encoded"));
    let encoded =
        marked.is_some_and(|mark| matches!(mark.as_bytes(), b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True"));
    let values = metadata.get_all(key).iter();
    values
        .map(|value| match encoded {
            true => unescaped(value.as_bytes()),
            false => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        })
        .collect()
}

/// Undoes the escaping of a query's value. An escaped value holds no `&` and no `=`, so it reads as a single name.
fn unescaped(value: &[u8]) -> String {
    let names = url::form_urlencoded::parse(value);
    names.map(|(name, _)| name.into_owned()).next().unwrap_or_default()
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
