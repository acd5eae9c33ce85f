//! The log of a remote build: which lines are the Dockerfile's steps, and what the script says about itself.
//!
//! The script runs BuildKit more than once; the steps are those of its first run. What it is doing stands in lines of its
//! own, `[fastcontainer] pushing`. Lines of other programs go into the log file and nowhere else.

use fastcontainer_buildkit::{BuildError, PlainProgress};

use crate::backend::build_log::BuildLog;

/// How lines of the script begin.
const MARK: &str = "[fastcontainer] ";
/// The script's word for the run of BuildKit whose steps are shown.
const BUILDING: &str = "building";
/// The words for runs of BuildKit whose failure is the build's.
const OF_BUILDKIT: [&str; 2] = [BUILDING, "pushing"];
/// Around what the script says last.
const RESULT: &str = "result";
const END: &str = "end of result";

/// Reads the lines of one remote build.
pub(super) struct RemoteLog<'a> {
    log: &'a BuildLog,
    building: bool,
    /// Whether what BuildKit says counts.
    counts: bool,
    ended: bool,
    run: PlainProgress,
}

impl<'a> RemoteLog<'a> {
    /// Writes to `log`.
    #[must_use]
    pub(super) fn new(log: &'a BuildLog) -> Self {
        Self {
            log,
            building: false,
            counts: false,
            ended: false,
            run: PlainProgress::default(),
        }
    }

    /// Takes one line, without its end.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(phase) = line.strip_prefix(MARK) {
            return self.phase(phase);
        }
        let events = match self.counts {
            true => self.run.line(line),
            false => Vec::new(),
        };
        if !self.building || events.is_empty() {
            self.log.note(line);
        }
        if self.building {
            events.iter().for_each(|event| self.log.event(event));
        }
    }

    fn phase(&mut self, phase: &str) {
        // What has failed explains the words that follow it.
        if self.failure("").is_none() {
            self.run = PlainProgress::default();
            self.building = phase == BUILDING;
            self.counts = OF_BUILDKIT.contains(&phase);
        }
        self.ended |= phase == END;
        self.log.note(phase);
        if ![RESULT, END].contains(&phase) {
            self.log.waiting(phase);
        }
    }

    /// Whether the script has ended, so that nothing more is to be read.
    #[must_use]
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What BuildKit says about why it failed.
    #[must_use]
    pub(super) fn failure(&self, repository: &str) -> Option<BuildError> {
        self.run.failure("CodeBuild", repository)
    }
}
