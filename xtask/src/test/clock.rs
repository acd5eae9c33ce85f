//! How long each part of the tests takes.

use std::time::{Duration, Instant};

use fastcontainer_lab::say;

use crate::shell::Outcome;

/// The parts that have run.
#[derive(Debug, Default)]
pub(super) struct Clock {
    parts: Vec<(&'static str, Duration)>,
}

impl Clock {
    /// Runs a part and says so before and after it.
    pub(super) fn timed(&mut self, name: &'static str, work: impl FnOnce() -> Outcome) -> Outcome {
        say(&format!("== {name}"));
        let started = Instant::now();
        let outcome = work();
        let took = started.elapsed();
        say(&format!("== {name}: {:.0} s", took.as_secs_f64()));
        self.parts.push((name, took));
        outcome
    }

    /// Says all parts again, in one line.
    pub(super) fn sum_up(&self) {
        let total: Duration = self.parts.iter().map(|(_, took)| *took).sum();
        let part = |(name, took): &(&str, Duration)| format!("{name} {:.0} s", took.as_secs_f64());
        let parts: Vec<_> = self.parts.iter().map(part).collect();
        say(&format!("{:.0} s: {}", total.as_secs_f64(), parts.join(", ")));
    }
}
