//! One build from its request to its outcome.
//!
//! Responsible for the order of things: the send record is on disk before the connection is made; session, solve
//! and status run side by side on that one connection; the first of success, failure on our side and cancellation
//! ends all of them, because they all end with the connection.
//!
//! Refuses to start what the endpoint cannot do, and to report success without a digest.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use bollard_buildkit_proto::moby::buildkit::v1::{SolveResponse, StatusRequest};
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Channel;

use crate::contexts::{self, Directory};
use crate::diagnosis::{Circumstances, explain};
use crate::endpoint::{Endpoint, EndpointKind};
use crate::failure::BuildError;
use crate::pins;
use crate::progress::{Progress, ProgressEvent};
use crate::request::{BuildOutcome, BuildRequest, BuiltImage, LocalImage};
use crate::send_record::{DaemonClock, SendRecord, fresh_key};
use crate::session::{Credentials, FileSyncService, Session, SessionName, Traffic, TrafficCount, Tree};
use crate::solve::{SolveIds, solve_request};

/// How long the last status messages may take after the build has ended.
const LAST_STATUS: Duration = Duration::from_secs(2);
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
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(BuildError::Cancelled),
            outcome = self.run(request, progress) => outcome,
        }
    }

    async fn run(
        &self,
        request: BuildRequest,
        events: UnboundedSender<ProgressEvent>,
    ) -> Result<BuildOutcome, BuildError> {
        let lost = |source| BuildError::Unavailable {
            endpoint: self.to_string(),
            source,
        };
        let directories = contexts::directories(&request);
        let mut record = self.begin_record(&request, directories.clone()).await.map_err(lost)?;
        let (mut control, complaint) = self.control().await.map_err(lost)?;
        let traffic = Arc::new(Traffic::default());
        let (files, mut failed) = FileSyncService::new(
            Tree::of_dockerfile(&request.dockerfile),
            contexts::served(directories, &record.times),
            traffic.clone(),
        );
        let (session_id, reference) = (fresh_key(), fresh_key());
        let name = SessionName {
            id: &session_id,
            shared_key: &record.shared_key,
        };
        let opened = Session::open(&mut control, name, files, Credentials(request.credentials.clone())).await;
        let session = match opened {
            Ok(session) => session,
            Err(status) => return Err(lost(complaint.or_status(&status).await)),
        };
        let watch = Watch::start(control.clone(), &reference, events, record.take_clock());
        let ids = SolveIds {
            reference: &reference,
            session: &session_id,
        };
        let solved = tokio::select! {
            biased;
            Some(failure) = failed.recv() => return Err(failure.into()),
            solved = control.solve(solve_request(&request, self.kind, &ids)) => solved,
        };
        let progress = watch.finish().await;
        drop(session);
        match (solved, failed.try_recv()) {
            (Ok(response), _) => self.outcome(&request, response.into_inner(), &progress, traffic.count()),
            (Err(_), Ok(failure)) => Err(failure.into()),
            (Err(status), Err(_)) => {
                let endpoint = self.to_string();
                let repository = &request.repository;
                Err(explain(&status, &progress, Circumstances { endpoint, repository }))
            }
        }
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
        })
    }
}

/// Follows the status of a build until it is finished or dropped.
struct Watch {
    progress: Arc<Mutex<Progress>>,
    task: AbortOnDropHandle<()>,
}

impl Watch {
    fn start(
        control: ControlClient<Channel>,
        reference: &str,
        events: UnboundedSender<ProgressEvent>,
        clock: Option<DaemonClock>,
    ) -> Self {
        let progress: Arc<Mutex<Progress>> = Arc::default();
        let task = tokio::spawn(follow(
            control,
            reference.to_owned(),
            Watcher {
                progress: progress.clone(),
                events,
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

/// Where status messages go.
struct Watcher {
    progress: Arc<Mutex<Progress>>,
    events: UnboundedSender<ProgressEvent>,
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
            let _ = watcher.events.send(event);
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
