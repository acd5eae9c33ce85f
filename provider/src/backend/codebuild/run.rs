//! One build on CodeBuild: begun once, followed to its end, stopped when the operation is.

use std::collections::BTreeMap;
use std::time::Duration;

use fastcontainer_aws::{
    AwsError, BuildLogs, BuildOutcome, BuildUpdate, BuildView, CodeBuild, EnvironmentValue, LogFollower, Patience,
    StartBuild, StartedBuild,
};
use fastcontainer_registry::Repository;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::buildspec::{RESULT, buildspec};
use super::error::CodeBuildError;
use super::failure::{EndReason, Ended, ScriptResult, why};
use super::files::{Archive, PlanObject};
use super::placement::Placement;
use super::remote_log::RemoteLog;
use crate::backend::RemoteBuild;
use crate::backend::build_log::BuildLog;
use crate::backend::settings::CodeBuildBuilder;

/// CodeBuild's own default is eight hours.
const QUEUE_MINUTES: u32 = 30;
const BUILD_MINUTES: u32 = 60;
/// How long stopping a build may take when the operation ends.
const LAST_WORD: Duration = Duration::from_millis(1000);
/// How long the last lines of a build that succeeded are waited for.
const LAST_LINES: Duration = Duration::from_secs(1);

/// What a build needs besides its plan.
pub(super) struct Run<'a> {
    /// CodeBuild in the project's region.
    pub codebuild: CodeBuild,
    /// The logs in that region.
    pub logs: BuildLogs,
    /// What the program says of the project.
    pub settings: &'a CodeBuildBuilder,
    /// The machine.
    pub placement: Placement,
    /// Where the build is told of.
    pub log: &'a BuildLog,
}

/// A build that succeeded.
pub(super) struct Finished {
    /// Which one.
    pub build: RemoteBuild,
    /// The image's manifest.
    pub digest: String,
    /// Steps of the Dockerfile.
    pub steps: u32,
    /// Those of them that came from the cache.
    pub cached_steps: u32,
}

impl Run<'_> {
    /// Runs one build to its end.
    ///
    /// # Errors
    /// See [`CodeBuildError`]. After a cancellation the build has been stopped.
    pub(super) async fn build(
        &self,
        archive: &Archive,
        plan: &PlanObject,
        secrets: &BTreeMap<String, EnvironmentValue>,
        (repository, cancel): (&Repository, &CancellationToken),
    ) -> Result<Finished, CodeBuildError> {
        let started = self.start(archive, plan, secrets, cancel).await?;
        self.log.note(&format!("CodeBuild build {}", started.id));
        tokio::select! {
            biased;
            () = cancel.cancelled() => {
                if timeout(LAST_WORD, self.codebuild.stop(&started.id)).await.is_err() {
                    tracing::warn!(id = started.id, "the build was not stopped in time");
                }
                Err(CodeBuildError::Cancelled)
            }
            ended = self.follow(&started, repository) => match ended {
                Err(CodeBuildError::Aws(source)) => Err(self.lose(started.id, source).await),
                ended => ended,
            },
        }
    }

    /// Nothing is to run that nobody waits for; where this is refused too, the user has to know.
    async fn lose(&self, id: String, source: AwsError) -> CodeBuildError {
        let stopped = matches!(timeout(LAST_WORD, self.codebuild.stop(&id)).await, Ok(Ok(())));
        CodeBuildError::Lost { id, stopped, source }
    }

    async fn start(
        &self,
        archive: &Archive,
        plan: &PlanObject,
        secrets: &BTreeMap<String, EnvironmentValue>,
        cancel: &CancellationToken,
    ) -> Result<StartedBuild, CodeBuildError> {
        self.log.waiting("starting a build on CodeBuild");
        let queue_minutes = self.settings.queue_timeout_minutes.unwrap_or(QUEUE_MINUTES);
        let mut start = StartBuild::new(&self.settings.project, &buildspec());
        let known = [
            ("FC_PLAN", plan.location.clone()),
            ("FC_PLAN_SHA256", plan.sha256.clone()),
            ("FC_ARCHIVE", archive.location.clone()),
            ("FC_ARCHIVE_SHA256", archive.sha256.clone()),
            ("FC_REGION", self.codebuild.region().to_owned()),
        ];
        start.environment = secrets.clone();
        let known = known.map(|(name, value)| (name.to_owned(), EnvironmentValue::Plain(value)));
        start.environment.extend(known);
        start.environment_type = Some(self.placement.environment_type.clone());
        start.compute_type = Some(self.placement.compute_type.clone());
        start.image = Some(self.placement.image.clone());
        start.fleet.clone_from(&self.placement.fleet);
        start.timeout_minutes = minutes(self.settings.timeout_minutes.unwrap_or(BUILD_MINUTES));
        start.queue_timeout_minutes = minutes(queue_minutes);
        let on_refusal = |error: &AwsError| {
            self.log.waiting("waiting for CodeBuild to take another build");
            self.log.note(&error.to_string());
        };
        let patience = Patience {
            within: Duration::from_secs(u64::from(queue_minutes) * 60),
            cancel,
            on_refusal: &on_refusal,
        };
        Ok(self.codebuild.start(&start, patience).await?)
    }

    async fn follow(&self, started: &StartedBuild, repository: &Repository) -> Result<Finished, CodeBuildError> {
        let mut updates = self.codebuild.watch(&started.id).await?;
        let mut lines = self.logs.follow(None).await?;
        let mut remote = RemoteLog::new(self.log);
        let view = loop {
            tokio::select! {
                update = next(&mut updates) => {
                    let view = match update? {
                        Some(view) => view,
                        None => continue,
                    };
                    if let Some(place) = &view.log {
                        lines.point_to(place);
                    }
                    if view.complete {
                        break view;
                    }
                    self.show(&view);
                }
                Some(line) = lines.next() => remote.line(&line),
            }
        };
        lines.finish();
        let succeeded = view.outcome() == Some(BuildOutcome::Succeeded);
        let rest = read_rest(&mut lines, &mut remote);
        if succeeded {
            let _ = timeout(LAST_LINES, rest).await;
        } else {
            rest.await;
        }
        self.judge(&view, &remote, repository)
    }

    /// Before the script runs there is nothing else to show.
    fn show(&self, view: &BuildView) {
        match view.phase.as_deref() {
            Some("SUBMITTED" | "QUEUED") => self.log.waiting("queued on CodeBuild"),
            Some("PROVISIONING") => self.log.waiting("waiting for a machine of CodeBuild"),
            _ => {}
        }
    }

    fn judge(
        &self,
        view: &BuildView,
        remote: &RemoteLog<'_>,
        repository: &Repository,
    ) -> Result<Finished, CodeBuildError> {
        let build = RemoteBuild {
            id: view.id.clone(),
            log_url: view.deep_link.clone().filter(|_| view.log.is_some()),
        };
        let script = ScriptResult::of(view, RESULT);
        match (view.outcome(), script) {
            (Some(BuildOutcome::Succeeded), Some(script)) if !script.digest.is_empty() => {
                if !script.cache_warning.is_empty() {
                    let why = &script.cache_warning;
                    self.log.warn(&format!(
                        "the build cache was not exported, the image is complete: {why}"
                    ));
                }
                Ok(Finished {
                    build,
                    digest: script.digest,
                    steps: script.steps,
                    cached_steps: script.cached_steps,
                })
            }
            (_, script) => {
                let reason: EndReason = why(view, script, remote.failure(&repository.to_string()));
                Err(CodeBuildError::Ended(Box::new(Ended { reason, build })))
            }
        }
    }
}

/// The state after the next change; `None` while CodeBuild does not show the build.
async fn next(updates: &mut watch::Receiver<BuildUpdate>) -> Result<Option<std::sync::Arc<BuildView>>, CodeBuildError> {
    if updates.changed().await.is_err() {
        // The poller ends only when nobody watches.
        return std::future::pending().await;
    }
    match &*updates.borrow_and_update() {
        BuildUpdate::NotVisible => Ok(None),
        BuildUpdate::Seen(view) => Ok(Some(view.clone())),
        BuildUpdate::Lost(error) => Err(error.clone().into()),
    }
}

async fn read_rest(lines: &mut LogFollower, remote: &mut RemoteLog<'_>) {
    while !remote.has_ended() {
        match lines.next().await {
            Some(line) => remote.line(&line),
            None => return,
        }
    }
}

fn minutes(minutes: u32) -> Option<u16> {
    u16::try_from(minutes).ok()
}
