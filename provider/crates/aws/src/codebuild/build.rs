//! The state of a build, as plain values.
//!
//! Reads what CodeBuild really says: the end is a flag or a final status, whichever comes; a time-out may hide in a
//! phase of a build that is called failed; the names of the log are absent until the build has a machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_codebuild::primitives::DateTime;
use aws_sdk_codebuild::types::{Build, StatusType};

use crate::error::{AwsError, clean};

/// What a watcher is told.
#[derive(Debug, Clone)]
pub enum BuildUpdate {
    /// CodeBuild does not show the build yet.
    NotVisible,
    /// The state as last seen.
    Seen(Arc<BuildView>),
    /// The build cannot be watched any more; it may run on.
    Lost(AwsError),
}

/// Status of a build or a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildStatus {
    /// Queued or running, or a status that is not known here.
    InProgress,
    /// It did what it should.
    Succeeded,
    /// A command failed, or time ran out: see [`BuildView::outcome`].
    Failed,
    /// CodeBuild itself failed.
    Fault,
    /// Its time ran out.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildOutcome {
    /// All commands ended well.
    Succeeded,
    /// A command failed, or the build's machine could not be prepared.
    Failed,
    /// CodeBuild itself failed.
    Fault,
    /// It waited too long in the queue.
    QueueTimedOut,
    /// It ran too long.
    TimedOut,
    /// Somebody stopped it.
    Stopped,
}

/// Where the log is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// The log group.
    pub group: String,
    /// The stream in it.
    pub stream: String,
}

/// One phase of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildPhase {
    /// Such as `PROVISIONING`.
    pub name: String,
    /// Absent while it runs.
    pub status: Option<BuildStatus>,
    /// How long it took, in seconds.
    pub seconds: Option<i64>,
    /// What CodeBuild says about it.
    pub contexts: Vec<PhaseContext>,
}

/// What CodeBuild says about a phase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseContext {
    /// Such as `COMMAND_EXECUTION_ERROR`.
    pub code: String,
    /// In words. May quote the command.
    pub message: String,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildView {
    /// `project:uuid`. Another one than was watched, after an automatic retry.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// What CodeBuild calls it.
    pub status: BuildStatus,
    /// The phase it is in, such as `QUEUED`; `COMPLETED` at the end.
    pub phase: Option<String>,
    /// All phases up to now, in order.
    pub phases: Vec<BuildPhase>,
    /// Where the log is. Absent until the machine is there.
    pub log: Option<LogStream>,
    /// A link to the log in the console.
    pub deep_link: Option<String>,
    /// The variables that the buildspec exports.
    pub exported: BTreeMap<String, String>,
    /// Whether it has ended.
    pub complete: bool,
    /// When it was started.
    pub started_at: Option<SystemTime>,
    /// When it ended.
    pub ended_at: Option<SystemTime>,
}

impl BuildView {
    /// How the build ended; `None` while it has not.
    #[must_use]
    pub fn outcome(&self) -> Option<BuildOutcome> {
        if !self.complete {
            return None;
        }
        let late = self.phases.iter().find(|phase| {
            phase.status == Some(BuildStatus::TimedOut)
                || phase.contexts.iter().any(|context| context.code == "BUILD_TIMED_OUT")
        });
        let timed_out = match late {
            Some(phase) if phase.name == "QUEUED" => BuildOutcome::QueueTimedOut,
            Some(_) => BuildOutcome::TimedOut,
            None if self
                .phases
                .iter()
                .all(|phase| matches!(&*phase.name, "SUBMITTED" | "QUEUED" | "COMPLETED")) =>
            {
                BuildOutcome::QueueTimedOut
            }
            None => BuildOutcome::TimedOut,
        };
        Some(match self.status {
            BuildStatus::Succeeded => BuildOutcome::Succeeded,
            BuildStatus::Stopped => BuildOutcome::Stopped,
            BuildStatus::TimedOut => timed_out,
            BuildStatus::Fault => BuildOutcome::Fault,
            BuildStatus::Failed | BuildStatus::InProgress if late.is_some() => timed_out,
            BuildStatus::Failed | BuildStatus::InProgress => BuildOutcome::Failed,
        })
    }

    /// The first phase that did not end well.
    #[must_use]
    pub fn failed_phase(&self) -> Option<&BuildPhase> {
        let bad = |status| !matches!(status, BuildStatus::Succeeded | BuildStatus::InProgress);
        self.phases.iter().find(|phase| phase.status.is_some_and(bad))
    }

    /// Whether it has left the queue and has not ended.
    pub(super) fn is_running(&self) -> bool {
        let waits = matches!(self.phase.as_deref(), None | Some("SUBMITTED" | "QUEUED"));
        !self.complete && !waits
    }

    pub(super) fn read(build: &Build) -> Self {
        let status = build.build_status().map_or(BuildStatus::InProgress, status_of);
        Self {
            id: build.id().unwrap_or_default().to_owned(),
            arn: build.arn().unwrap_or_default().to_owned(),
            phase: build.current_phase().map(str::to_owned),
            phases: build.phases().iter().map(phase).collect(),
            log: build.logs().and_then(|logs| {
                Some(LogStream {
                    group: logs.group_name()?.to_owned(),
                    stream: logs.stream_name()?.to_owned(),
                })
            }),
            deep_link: build.logs().and_then(|logs| logs.deep_link()).map(str::to_owned),
            exported: build
                .exported_environment_variables()
                .iter()
                .filter_map(|variable| Some((variable.name()?.to_owned(), variable.value()?.to_owned())))
                .collect(),
            complete: build.build_complete() || status != BuildStatus::InProgress,
            started_at: build.start_time().and_then(time),
            ended_at: build.end_time().and_then(time),
            status,
        }
    }
}

fn time(at: &DateTime) -> Option<SystemTime> {
    SystemTime::try_from(*at).ok()
}

fn phase(phase: &aws_sdk_codebuild::types::BuildPhase) -> BuildPhase {
    let says = |context: &aws_sdk_codebuild::types::PhaseContext| PhaseContext {
        code: clean(context.status_code().unwrap_or_default()),
        message: clean(context.message().unwrap_or_default()),
    };
    let contexts = phase.contexts().iter().map(says);
    BuildPhase {
        name: phase.phase_type().map_or("", |kind| kind.as_str()).to_owned(),
        status: phase.phase_status().map(status_of),
        seconds: phase.duration_in_seconds(),
        contexts: contexts
            .filter(|context| !context.code.is_empty() || !context.message.is_empty())
            .collect(),
    }
}

fn status_of(status: &StatusType) -> BuildStatus {
    match status {
        StatusType::Succeeded => BuildStatus::Succeeded,
        StatusType::Failed => BuildStatus::Failed,
        StatusType::Fault => BuildStatus::Fault,
        StatusType::TimedOut => BuildStatus::TimedOut,
        StatusType::Stopped => BuildStatus::Stopped,
        _ => BuildStatus::InProgress,
    }
}
