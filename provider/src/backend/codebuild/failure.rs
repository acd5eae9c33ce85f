//! Why a remote build did not succeed, judged from what the build, its script and its log say. Pure.

use fastcontainer_aws::{BuildOutcome, BuildPhase, BuildView};
use fastcontainer_buildkit::BuildError;
use serde::Deserialize;

use crate::backend::RemoteBuild;

/// A build that ended without success.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Ended {
    /// What happened.
    #[source]
    pub reason: EndReason,
    /// Which build.
    pub build: RemoteBuild,
}

/// How a build ended.
#[derive(Debug, thiserror::Error)]
pub enum EndReason {
    /// BuildKit failed, in words of its own.
    #[error(transparent)]
    BuildKit(BuildError),
    /// The script found something that is in the way of building.
    #[error("the CodeBuild build failed while {step}: {failure}")]
    Script {
        /// What it was doing.
        step: String,
        /// What is in the way.
        failure: String,
    },
    /// It waited too long for a machine.
    #[error("the CodeBuild build waited too long in the queue")]
    QueuedTooLong,
    /// It ran too long.
    #[error("the CodeBuild build ran too long and was ended in phase {phase}")]
    RanTooLong {
        /// The phase that ran.
        phase: String,
    },
    /// Somebody ended it.
    #[error("the CodeBuild build was stopped by somebody else")]
    Stopped,
    /// CodeBuild itself failed.
    #[error("CodeBuild failed in phase {phase}: {message}")]
    Fault {
        /// The phase.
        phase: String,
        /// CodeBuild's words.
        message: String,
    },
    /// A phase failed before or after our script.
    #[error("the CodeBuild build failed in phase {phase}: {message}")]
    Phase {
        /// The phase.
        phase: String,
        /// CodeBuild's words.
        message: String,
    },
    /// It says that it succeeded, and does not say what it did.
    #[error("the CodeBuild build succeeded without saying which image it pushed")]
    NoResult,
}

/// What the script says at its end.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ScriptResult {
    /// The manifest that was pushed, or that was there under the tag already.
    #[serde(default)]
    pub digest: String,
    /// What it was doing last.
    #[serde(default)]
    pub step: String,
    /// Why it ended, when it failed.
    #[serde(default)]
    pub failure: String,
    /// Why the cache was not exported, if it was not.
    #[serde(default)]
    pub cache_warning: String,
    /// Steps of the Dockerfile.
    #[serde(default)]
    pub steps: u32,
    /// Those of them that came from the cache.
    #[serde(default)]
    pub cached_steps: u32,
}

impl ScriptResult {
    /// From the variable of the build that holds it.
    #[must_use]
    pub(super) fn of(view: &BuildView, variable: &str) -> Option<Self> {
        serde_json::from_str(view.exported.get(variable)?).ok()
    }
}

/// Why the build of `view` did not succeed; `buildkit` is what its log says about BuildKit.
#[must_use]
pub(super) fn why(view: &BuildView, script: Option<ScriptResult>, buildkit: Option<BuildError>) -> EndReason {
    let failed = view.failed_phase();
    let phase = failed.map_or_else(|| "UNKNOWN".to_owned(), |phase| phase.name.clone());
    let message = failed.map(said).unwrap_or_default();
    match view.outcome() {
        Some(BuildOutcome::QueueTimedOut) => EndReason::QueuedTooLong,
        Some(BuildOutcome::TimedOut) => EndReason::RanTooLong { phase },
        Some(BuildOutcome::Stopped) => EndReason::Stopped,
        Some(BuildOutcome::Fault) => EndReason::Fault { phase, message },
        Some(BuildOutcome::Succeeded) => EndReason::NoResult,
        Some(BuildOutcome::Failed) | None => match (buildkit, script) {
            (Some(error), _) => EndReason::BuildKit(error),
            (None, Some(ScriptResult { step, failure, .. })) if !failure.is_empty() => {
                EndReason::Script { step, failure }
            }
            (None, _) => EndReason::Phase { phase, message },
        },
    }
}

/// CodeBuild quotes the whole command that failed; its end says why.
fn said(phase: &BuildPhase) -> String {
    let words = phase.contexts.iter().map(|context| {
        let reason = context.message.rsplit("Reason: ").next().unwrap_or_default();
        format!("{} {reason}", context.code).trim().to_owned()
    });
    words.collect::<Vec<_>>().join("; ")
}
