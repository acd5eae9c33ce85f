//! All projects and builds, the queue, and the knobs that a test turns.
//!
//! One lock guards everything; nobody waits while holding it. A build leaves the queue in its turn and when fewer builds
//! run than the account may have. Of a queue of five times that number, the next build is refused.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::CodeBuildError;
use super::projects::Projects;
use super::record::Build;
use super::start::Used;
use crate::aws::Owner;

/// How the service behaves.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Knobs {
    /// What a second of the time limits takes; 0.01 makes five minutes three seconds.
    pub(super) time_scale: f64,
    /// Builds of the account that run at the same time; five times as many may wait.
    pub(super) concurrent_builds: usize,
    /// Least time in the queue.
    pub(super) queue_milliseconds: u64,
    /// Time that provisioning takes besides starting the sandbox.
    pub(super) provision_milliseconds: u64,
    /// How long a new build is not found by its id.
    pub(super) visible_after_milliseconds: u64,
    /// Builds that are not executed.
    pub(super) fixed: Option<Fixed>,
}

/// What every build does instead of executing its commands. `${NAME}` in a text is the build's variable of that name.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Fixed {
    /// How long the build phase takes.
    pub(super) seconds: f64,
    /// Variables that the build exports.
    pub(super) exported: BTreeMap<String, String>,
    /// Lines of its log.
    pub(super) lines: Vec<String>,
}

/// Trouble that a test orders for the next builds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BuildFault {
    pub(super) kind: FaultKind,
    /// Only builds of this project.
    pub(super) project: Option<String>,
    /// How many builds are hit.
    #[serde(default = "one")]
    pub(super) count: u32,
}

/// Kinds of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// Provisioning ends in a fault of the service.
    Provisioning,
    /// The image cannot be pulled.
    ImagePull,
    /// The service role may not create the log stream.
    LogStreamDenied,
    /// The build is no longer found, and does nothing.
    Vanish,
    /// The build never leaves the queue.
    StuckInQueue,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            time_scale: 1.0,
            concurrent_builds: 20,
            queue_milliseconds: 0,
            provision_milliseconds: 0,
            visible_after_milliseconds: 0,
            fixed: None,
        }
    }
}

/// Everything that CodeBuild remembers.
#[derive(Default)]
pub(super) struct State {
    pub(super) projects: Projects,
    pub(super) builds: BTreeMap<String, Build>,
    pub(super) queue: VecDeque<String>,
    pub(super) running: BTreeSet<String>,
    pub(super) tokens: HashMap<String, Used>,
    pub(super) numbers: BTreeMap<(Owner, String), u64>,
    pub(super) knobs: Knobs,
    /// Projects with knobs of their own; each is limited by itself, as if it had the account to itself.
    pub(super) knobs_of_projects: BTreeMap<String, Knobs>,
    pub(super) faults: Vec<BuildFault>,
}

impl State {
    /// Refuses a build that neither runs nor fits into the queue.
    pub(super) fn check_limits(&self, project_limit: Option<u64>, project: &str) -> Result<(), CodeBuildError> {
        let limit = self.knobs_of(project).concurrent_builds;
        let waiting = self.queue.iter().filter(|id| self.share_limits(id, project)).count();
        if self.running_beside(project) + waiting >= limit * 6 {
            return Err(CodeBuildError::AccountLimit(limit));
        }
        let unfinished = self
            .builds
            .values()
            .filter(|build| build.project == project && !build.is_complete())
            .count();
        if project_limit.is_some_and(|limit| unfinished as u64 >= limit) {
            let text = format!(
                "Project-level concurrent build limit cannot exceed {}",
                project_limit.unwrap_or_default()
            );
            return Err(CodeBuildError::InvalidInput(text));
        }
        Ok(())
    }

    /// Lets a build run if it is its turn and there is room.
    pub(super) fn admit(&mut self, id: &str) -> bool {
        let project = project_of(id);
        let next = self.queue.iter().position(|other| self.share_limits(other, project));
        let next = next.filter(|at| self.queue[*at] == id);
        let (Some(at), true) = (
            next,
            self.running_beside(project) < self.knobs_of(project).concurrent_builds,
        ) else {
            return false;
        };
        self.queue.remove(at);
        self.running.insert(id.to_owned());
        true
    }

    /// The knobs that hold for builds of a project.
    pub(super) fn knobs_of(&self, project: &str) -> &Knobs {
        self.knobs_of_projects.get(project).unwrap_or(&self.knobs)
    }

    /// Whether a build counts where builds of `project` are limited.
    fn share_limits(&self, id: &str, project: &str) -> bool {
        let own = |project: &str| self.knobs_of_projects.contains_key(project);
        project_of(id) == project || !own(project) && !own(project_of(id))
    }

    fn running_beside(&self, project: &str) -> usize {
        self.running.iter().filter(|id| self.share_limits(id, project)).count()
    }

    /// Takes a build out of the queue and off the running ones.
    pub(super) fn leave(&mut self, id: &str) {
        self.queue.retain(|other| other != id);
        self.running.remove(id);
    }

    /// Takes a fault of one of these kinds, if one is ordered for the project.
    pub(super) fn take_fault(&mut self, project: &str, kind: FaultKind) -> bool {
        let due = self.faults.iter_mut().find(|fault| {
            fault.kind == kind && fault.count > 0 && fault.project.as_deref().is_none_or(|wanted| wanted == project)
        });
        due.map(|fault| fault.count -= 1).is_some()
    }
}

/// The project in the id of a build.
fn project_of(id: &str) -> &str {
    id.split(':').next().unwrap_or_default()
}

fn one() -> u32 {
    1
}
