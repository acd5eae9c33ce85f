//! The life of one build: queue, provisioning, source, phases, end.
//!
//! A build is a task. Stopping it or ending the emulator drops the task with everything that it holds, a time-out drops
//! what runs and completes the build as CodeBuild does: FAILED, with the running phase TIMED_OUT.

use std::sync::Arc;
use std::time::Duration;

use super::buildspec::Buildspec;
use super::machine::{Machine, role_of};
use super::output::{BuildLog, Stream};
use super::record::{Build, Context};
use super::state::{FaultKind, Fixed, Knobs};
use super::variables::{self, Resolved};
use super::{CodeBuild, phases};
use crate::emulator::Emulator;

/// Names and values that fit into a build's environment, in characters.
const LARGEST_ENVIRONMENT: usize = 5500;

/// Why a phase before the commands failed, and how the build ends.
pub(super) struct Failure {
    phase: &'static str,
    build: &'static str,
    context: Context,
}

impl Failure {
    /// A phase that failed for a reason in the request or the account.
    pub(super) fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            phase: "FAILED",
            build: "FAILED",
            context: Context::new(code, message),
        }
    }

    /// A phase that failed for a reason in the service.
    pub(super) fn fault(message: impl Into<String>) -> Self {
        Self {
            phase: "FAULT",
            build: "FAULT",
            context: Context::new("INTERNAL_SERVICE_ERROR", message),
        }
    }
}

/// A build at work.
#[derive(Clone)]
pub(super) struct Job {
    pub(super) emulator: Arc<Emulator>,
    /// The build as it was submitted.
    pub(super) build: Arc<Build>,
    knobs: Knobs,
}

/// Runs a build from the queue to its end.
pub(super) async fn live(emulator: Arc<Emulator>, id: String) {
    let (build, knobs) = {
        let state = emulator.codebuild.lock();
        let Some(build) = state.builds.get(&id).cloned() else {
            return;
        };
        let knobs = state.knobs_of(&build.project).clone();
        (Arc::new(build), knobs)
    };
    let stop = build.stop.clone();
    let job = Job { emulator, build, knobs };
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = job.perform() => {}
    }
    job.service().lock().leave(&id);
    job.service().changed.notify_waiters();
}

impl Job {
    fn service(&self) -> &CodeBuild {
        &self.emulator.codebuild
    }

    fn change(&self, change: impl FnOnce(&mut Build)) {
        // A build that was stopped meanwhile keeps its record.
        let _ = self.service().change(&self.build.id, change);
    }

    /// Begins a phase.
    pub(super) fn begin(&self, phase: &'static str) {
        self.change(|build| build.begin(phase));
    }

    /// Ends the running phase.
    pub(super) fn end(&self, status: &'static str, context: Context) {
        self.change(|build| build.end(status, Some(context)));
    }

    /// Notes what the build exports.
    pub(super) fn export(&self, exported: Vec<(String, String)>) {
        self.change(|build| build.exported = exported);
    }

    fn take_fault(&self, kind: FaultKind) -> bool {
        self.service().lock().take_fault(&self.build.project, kind)
    }

    fn scaled(&self, minutes: i64) -> Duration {
        Duration::from_secs(minutes.unsigned_abs() * 60).mul_f64(self.knobs.time_scale)
    }

    async fn perform(&self) {
        if self.take_fault(FaultKind::Vanish) {
            self.change(|build| build.vanished = true);
            return;
        }
        let configuration = &self.build.configuration;
        if tokio::time::timeout(
            self.scaled(configuration.queued_timeout_in_minutes),
            self.wait_in_queue(),
        )
        .await
        .is_err()
        {
            self.change(|build| {
                build.end("TIMED_OUT", None);
                build.finish("TIMED_OUT");
            });
            return;
        }
        self.change(|build| build.end("SUCCEEDED", None));
        let outcome = tokio::time::timeout(self.scaled(configuration.timeout_in_minutes), self.work()).await;
        self.change(|build| match outcome {
            Ok(Ok(succeeded)) => build.finish(if succeeded { "SUCCEEDED" } else { "FAILED" }),
            Ok(Err(failure)) => {
                build.end(failure.phase, Some(failure.context));
                build.finish(failure.build);
            }
            Err(_) => {
                build.end(
                    "TIMED_OUT",
                    Some(Context::new("BUILD_TIMED_OUT", "Build has timed out.")),
                );
                build.finish("FAILED");
            }
        });
    }

    async fn wait_in_queue(&self) {
        if self.take_fault(FaultKind::StuckInQueue) {
            self.service().lock().queue.retain(|id| *id != self.build.id);
            self.service().changed.notify_waiters();
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(self.knobs.queue_milliseconds)).await;
        loop {
            let mut changed = std::pin::pin!(self.service().changed.notified());
            changed.as_mut().enable();
            if self.service().lock().admit(&self.build.id) {
                self.service().changed.notify_waiters();
                return;
            }
            changed.await;
        }
    }

    /// Everything behind the queue; tells whether the build succeeded.
    async fn work(&self) -> Result<bool, Failure> {
        self.begin("PROVISIONING");
        tokio::time::sleep(Duration::from_millis(self.knobs.provision_milliseconds)).await;
        let mut log = self.open_log()?;
        if let Some(fixed) = &self.knobs.fixed {
            self.end_provisioning(&log);
            phases::pretend(self, fixed, &mut log).await;
            return Ok(true);
        }
        let mut machine = Machine::start(&self.emulator, &self.build, role_of(&self.build))
            .await
            .map_err(|error| {
                let cause = std::error::Error::source(&error)
                    .map(|cause| format!(": {cause}"))
                    .unwrap_or_default();
                Failure::fault(format!("{error}{cause}"))
            })?;
        self.end_provisioning(&log);
        self.begin("DOWNLOAD_SOURCE");
        let prepared = phases::announce(self, &mut log, || self.read_source());
        let (spec, resolved) = prepared
            .inspect_err(|failure| phases::close(&mut log, "DOWNLOAD_SOURCE", failure.phase, &failure.context))?;
        for value in &resolved.masked {
            log.mask(value);
        }
        phases::run(self, &mut machine, (&spec, resolved.variables), &mut log).await
    }

    fn end_provisioning(&self, log: &BuildLog) {
        let stream = log.stream().cloned();
        self.change(|build| {
            build.end("SUCCEEDED", Some(Context::default()));
            build.log = stream;
        });
    }

    fn open_log(&self) -> Result<BuildLog, Failure> {
        let environment = &self.build.configuration.environment;
        if self.take_fault(FaultKind::Provisioning) {
            return Err(Failure::fault("CodeBuild is experiencing an issue"));
        }
        if environment.size() > LARGEST_ENVIRONMENT {
            return Err(Failure::failed(
                "INTERNAL_SERVICE_ERROR",
                "CodeBuild is experiencing an issue",
            ));
        }
        if self.take_fault(FaultKind::ImagePull) || environment.has_image_of_another_architecture() {
            let text = format!(
                "Unable to pull customer's container image. CannotPullContainerError: {}",
                environment.image
            );
            return Err(Failure::failed("BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE", text));
        }
        let stream = self.stream();
        if let Some(stream) = &stream {
            self.check_log_rights(stream)?;
        }
        Ok(BuildLog::new(
            Arc::clone(&self.emulator),
            self.build.owner.clone(),
            stream,
        ))
    }

    /// Where the log goes; nowhere if logs are disabled.
    pub(super) fn stream(&self) -> Option<Stream> {
        let logs = self
            .build
            .configuration
            .logs_config
            .as_ref()
            .and_then(|logs| logs.cloud_watch_logs.as_ref());
        if logs.is_some_and(|logs| logs.status == "DISABLED") {
            return None;
        }
        let uuid = self.build.uuid();
        let prefix = logs.and_then(|logs| logs.stream_name.as_deref());
        Some(Stream {
            group: logs
                .and_then(|logs| logs.group_name.clone())
                .unwrap_or_else(|| format!("/aws/codebuild/{}", self.build.project)),
            name: prefix.map_or_else(|| uuid.to_owned(), |prefix| format!("{prefix}/{uuid}")),
        })
    }

    fn check_log_rights(&self, stream: &Stream) -> Result<(), Failure> {
        let owner = &self.build.owner;
        let group = format!(
            "arn:aws:logs:{}:{}:log-group:{}",
            owner.region, owner.account, stream.group
        );
        let arn = format!("{group}:log-stream:{}", stream.name);
        let is_new = !self.emulator.logs.has_group(owner, &stream.group);
        let first = is_new.then_some(("logs:CreateLogGroup", &group));
        let role = role_of(&self.build);
        let is_ordered = self.take_fault(FaultKind::LogStreamDenied);
        let denied = first
            .into_iter()
            .chain([("logs:CreateLogStream", &arn), ("logs:PutLogEvents", &arn)])
            .find(|(action, on)| is_ordered || self.emulator.permissions.check(&role, action, on).is_err());
        let Some((action, resource)) = denied else {
            return Ok(());
        };
        let text = format!(
            "Service role {} does not allow AWS CodeBuild to create Amazon CloudWatch Logs log streams for build {}. \
            Error message: User: {} is not authorized to perform: {action} on resource: {resource}",
            self.build.configuration.service_role,
            self.build.arn(),
            role.arn
        );
        Err(Failure::failed("ACCESS_DENIED", text))
    }

    fn read_source(&self) -> Result<(Buildspec, Resolved), Failure> {
        let source = &self.build.configuration.source;
        if source.kind != "NO_SOURCE" {
            return Err(Failure::failed(
                "CLIENT_ERROR",
                format!("source type {} is not emulated; use NO_SOURCE", source.kind),
            ));
        }
        let spec = Buildspec::parse(source.buildspec.as_deref().unwrap_or_default())
            .map_err(|error| Failure::failed("YAML_FILE_ERROR", error.to_string()))?;
        let resolved = variables::resolve(&self.emulator, &self.build, (&spec, &role_of(&self.build)))
            .map_err(|error| Failure::failed("Decrypted Variables Error", error.to_string()))?;
        Ok((spec, resolved))
    }

    /// The text with `${NAME}` replaced by the build's variables.
    pub(super) fn fill(&self, text: &str) -> String {
        let variables = &self.build.configuration.environment.environment_variables;
        variables.iter().fold(text.to_owned(), |text, variable| {
            text.replace(&format!("${{{}}}", variable.name), &variable.value)
        })
    }

    /// What is reported instead of executing, filled in for this build.
    pub(super) fn results(&self, fixed: &Fixed) -> Vec<(String, String)> {
        fixed
            .exported
            .iter()
            .map(|(name, value)| (name.clone(), self.fill(value)))
            .collect()
    }
}
