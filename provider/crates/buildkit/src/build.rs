//! One build from its request to its outcome.
//!
//! Responsible for the order of things: the send record is on disk before the connection is made; session, solve
//! and status run side by side on that one connection; caches are exported when the image is safe, and only if a step
//! ran, because an export costs a registry a manifest each time; the first of success, failure on our side and cancellation
//! ends all of them, because they all end with the connection.
//!
//! Refuses to start what the endpoint cannot do, and to report success without a digest.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveResponse, StatusRequest};
use secrecy::ExposeSecret;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use crate::contexts::{self, Directory};
use crate::diagnosis::{Circumstances, explain};
use crate::endpoint::{Endpoint, EndpointKind};
use crate::failure::BuildError;
use crate::pins;
use crate::progress::{Progress, ProgressEvent};
use crate::redaction::Redactor;
use crate::request::{BuildOutcome, BuildRequest, BuiltImage, LocalImage};
use crate::send_record::{DaemonClock, SendRecord, fresh_key};
use crate::session::{
    BuildSecrets, Credentials, FileSyncService, Served, Session, SessionFailure, SessionName, Traffic, TrafficCount,
    Tree,
};
use crate::solve::{SolveIds, cache_request, solve_request};

/// How long the last status messages may take after the build has ended.
const LAST_STATUS: Duration = Duration::from_secs(2);
/// A builder lets go of the tree that it received a moment after its answer. Until then it would be sent everything
/// again.
const TREE_RELEASED: Duration = Duration::from_millis(300);
/// Keys under which builders report what they made; the first is the configuration's digest of the classic store.
const CONFIG_DIGEST: &str = "containerimage.config.digest";
const DIGEST: &str = "containerimage.digest";

impl Endpoint {
    /// Builds an image; pushes it by digest unless the endpoint keeps it in a classic store.
    ///
    /// Cancelling ends the connection at once; the daemon then stops the running step by itself.
    ///
    /// # Errors
    /// [`BuildError`].
    pub async fn build(
        &self,
        request: BuildRequest,
        progress: UnboundedSender<ProgressEvent>,
        cancel: &CancellationToken,
    ) -> Result<BuildOutcome, BuildError> {
        self.check(&request)?;
        let redactor = Redactor::of(request.secrets.values().map(ExposeSecret::expose_secret));
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(BuildError::Cancelled),
            outcome = self.run(request, progress, &redactor) => outcome,
        };
        let hide = |text: &str| redactor.text(text).into_owned();
        match outcome {
            Ok(outcome) => Ok(BuildOutcome {
                warnings: outcome.warnings.iter().map(|text| hide(text)).collect(),
                cache_export: outcome.cache_export.map(|done| done.map_err(|text| hide(&text))),
                ..outcome
            }),
            Err(error) => Err(error.map_texts(&hide)),
        }
    }

    async fn run(
        &self,
        request: BuildRequest,
        events: UnboundedSender<ProgressEvent>,
        redactor: &Redactor,
    ) -> Result<BuildOutcome, BuildError> {
        let lost = |source| BuildError::Unavailable {
            endpoint: self.to_string(),
            source,
        };
        let directories = contexts::directories(&request);
        let mut record = self.begin_record(&request, directories.clone()).await.map_err(lost)?;
        let (mut control, complaint) = self.control().await.map_err(lost)?;
        let mut served = match open(&mut control, &request, &directories, &record).await {
            Ok(served) => served,
            Err(status) => return Err(lost(complaint.or_status(&status).await)),
        };
        let reference = fresh_key();
        let reader = Reader {
            events: events.clone(),
            redactor: redactor.clone(),
        };
        let watch = Watch::start(control.clone(), &reference, reader, record.take_clock());
        let ids = SolveIds {
            reference: &reference,
            session: &served.id,
        };
        let solved = tokio::select! {
            biased;
            Some(failure) = served.failed.recv() => return Err(failure.into()),
            solved = control.solve(solve_request(&request, self.kind, &ids)) => solved,
        };
        let progress = watch.finish().await;
        let answer = match (solved, served.failed.try_recv()) {
            (Ok(response), _) => response.into_inner(),
            (Err(_), Ok(failure)) => return Err(failure.into()),
            (Err(status), Err(_)) => return Err(self.explain(&status, &progress, &request.repository)),
        };
        let mut outcome = self.outcome(&request, answer, &progress, served.traffic.count())?;
        if progress.ran() && !request.cache.written_apart().is_empty() {
            // A caller that does not listen is not in the way.
            let _ = events.send(ProgressEvent::CacheExport);
            drop(served);
            outcome.cache_export = Some(export_cache(&mut control, &request, &directories, &record).await);
        }
        Ok(outcome)
    }

    fn explain(&self, status: &tonic::Status, progress: &Progress, repository: &str) -> BuildError {
        let endpoint = self.to_string();
        explain(status, progress, Circumstances { endpoint, repository })
    }

    /// Decides the times and writes the send record.
    async fn begin_record(&self, request: &BuildRequest, directories: Vec<Directory>) -> io::Result<SendRecord> {
        let (key, identity) = (request.record.clone(), self.identity.clone());
        let begin = move || SendRecord::begin(&key, &identity, &contexts::candidates(&directories), SystemTime::now());
        tokio::task::spawn_blocking(begin).await.map_err(io::Error::other)
    }

    /// The images that the build used: as its steps name them, and as they were pinned where no step names them.
    fn base_images(&self, request: &BuildRequest, progress: &Progress) -> Result<BTreeMap<String, String>, BuildError> {
        let mut used = progress.base_images();
        if self.pins_images() {
            pins::verify(&request.pins, &used)?;
            used.extend(pins::canonical(&request.pins));
        }
        Ok(used)
    }

    fn outcome(
        &self,
        request: &BuildRequest,
        response: SolveResponse,
        progress: &Progress,
        sent: TrafficCount,
    ) -> Result<BuildOutcome, BuildError> {
        let mut answer = response.exporter_response;
        let digest = match self.kind {
            EndpointKind::DockerClassic => answer.remove(CONFIG_DIGEST).or_else(|| answer.remove(DIGEST)),
            _ => answer.remove(DIGEST),
        };
        let digest = digest
            .filter(|digest| !digest.is_empty())
            .ok_or_else(|| BuildError::BuilderFailed {
                endpoint: self.to_string(),
                message: "the build succeeded, but no digest was reported".to_owned(),
            })?;
        let image = match self.kind {
            EndpointKind::DockerClassic => BuiltImage::Local(LocalImage { id: digest }),
            EndpointKind::Buildkitd | EndpointKind::DockerContainerd => BuiltImage::PushedByDigest(digest),
        };
        let (steps, cached_steps) = progress.steps();
        Ok(BuildOutcome {
            image,
            steps,
            cached_steps,
            context_bytes_sent: sent.content,
            stat_bytes_sent: sent.stats,
            context_files_sent: sent.files,
            base_images: self.base_images(request, progress)?,
            warnings: progress.warnings().to_vec(),
            cache_export: None,
        })
    }
}

/// An open session with what it serves.
struct Open {
    id: String,
    failed: UnboundedReceiver<SessionFailure>,
    traffic: Arc<Traffic>,
    _session: Session,
}

/// Opens a session for a build. Its file sync is that of the record.
async fn open(
    control: &mut ControlClient<Channel>,
    request: &BuildRequest,
    directories: &[Directory],
    record: &SendRecord,
) -> Result<Open, tonic::Status> {
    let (id, traffic) = (fresh_key(), Arc::new(Traffic::default()));
    let (files, failed) = FileSyncService::new(
        Tree::of_dockerfile(&request.dockerfile),
        contexts::served(directories.to_vec(), &record.times),
        traffic.clone(),
    );
    let name = SessionName {
        id: &id,
        shared_key: &record.shared_key,
    };
    let served = Served {
        files,
        credentials: Credentials(request.credentials.clone()),
        secrets: BuildSecrets(request.secrets.clone()),
    };
    let session = Session::open(control, name, served).await?;
    Ok(Open {
        id,
        failed,
        traffic,
        _session: session,
    })
}

/// Exports the caches in a request of their own. What goes wrong is told and fails no build.
///
/// The session has to be another one: what BuildKit knows by the id of a session it never exports.
async fn export_cache(
    control: &mut ControlClient<Channel>,
    request: &BuildRequest,
    directories: &[Directory],
    record: &SendRecord,
) -> Result<(), String> {
    tokio::time::sleep(TREE_RELEASED).await;
    let told = |status: tonic::Status| status.message().to_owned();
    let mut served = open(control, request, directories, record).await.map_err(told)?;
    let ids = SolveIds {
        reference: &fresh_key(),
        session: &served.id,
    };
    tokio::select! {
        biased;
        Some(failure) = served.failed.recv() => Err(BuildError::from(failure).to_string()),
        solved = control.solve(cache_request(request, &ids)) => solved.map(drop).map_err(told),
    }
}

/// Follows the status of a build until it is finished or dropped.
struct Watch {
    progress: Arc<Mutex<Progress>>,
    task: AbortOnDropHandle<()>,
}

impl Watch {
    fn start(control: ControlClient<Channel>, reference: &str, reader: Reader, clock: Option<DaemonClock>) -> Self {
        let progress = Arc::new(Mutex::new(Progress::hiding(reader.redactor.clone())));
        let task = tokio::spawn(follow(
            control,
            reference.to_owned(),
            Watcher {
                progress: progress.clone(),
                reader,
                clock,
            },
        ));
        Self {
            progress,
            task: AbortOnDropHandle::new(task),
        }
    }

    /// Waits for the last messages, which explain a failure, and returns all that was seen.
    async fn finish(self) -> Progress {
        // A builder that is slow to tell the end has still told most of it.
        let _ = tokio::time::timeout(LAST_STATUS, self.task).await;
        std::mem::take(&mut self.progress.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Who is told, and what is hidden from them.
struct Reader {
    events: UnboundedSender<ProgressEvent>,
    redactor: Redactor,
}

/// Where status messages go.
struct Watcher {
    progress: Arc<Mutex<Progress>>,
    reader: Reader,
    clock: Option<DaemonClock>,
}

/// Reads status messages until the builder has no more; a builder that knows no such build has none at all.
async fn follow(mut control: ControlClient<Channel>, reference: String, mut watcher: Watcher) {
    let mut messages = match control.status(StatusRequest { r#ref: reference }).await {
        Ok(status) => status.into_inner(),
        Err(error) => return tracing::debug!(%error, "no status of the build"),
    };
    while let Ok(Some(message)) = messages.message().await {
        let (events, second) = {
            let mut progress = watcher.progress.lock().unwrap_or_else(PoisonError::into_inner);
            (progress.apply(message), progress.latest_second())
        };
        for event in events {
            // A caller that does not listen is not in the way.
            let _ = watcher.reader.events.send(event.hide(&watcher.reader.redactor));
        }
        watcher.clock = note(watcher.clock, second).await;
    }
}

/// Notes the daemon's clock without blocking the runtime.
async fn note(clock: Option<DaemonClock>, second: i64) -> Option<DaemonClock> {
    let mut clock = clock?;
    if !clock.is_news(second) {
        return Some(clock);
    }
    let written = tokio::task::spawn_blocking(move || {
        clock.note(second);
        clock
    });
    written.await.ok()
}
