//! Counts what many cases showed.

use std::fmt;

use super::Outcome;

/// The counts of a run.
#[derive(Debug, Default)]
pub struct Tally {
    /// Builds that were compared with a narrowed one.
    pub narrowed: usize,
    /// Of those, how many succeeded.
    pub built: usize,
    /// Changes that changed both.
    pub both: usize,
    /// Changes that changed neither.
    pub neither: usize,
    /// Changes of the fingerprint alone, where there is an image.
    pub vain: usize,
    /// Changes of the image alone.
    pub stale: usize,
    /// Changes between two states that cannot be built.
    pub never_built: usize,
}

impl Tally {
    /// Counts a change.
    pub fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::BothChanged => self.both += 1,
            Outcome::NeitherChanged => self.neither += 1,
            Outcome::OnlyFingerprint => self.vain += 1,
            Outcome::NeverBuilt => self.never_built += 1,
            Outcome::OnlyImage => self.stale += 1,
        }
    }

    /// Adds the counts of another part of the run.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            narrowed: self.narrowed + other.narrowed,
            built: self.built + other.built,
            both: self.both + other.both,
            neither: self.neither + other.neither,
            vain: self.vain + other.vain,
            stale: self.stale + other.stale,
            never_built: self.never_built + other.never_built,
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            narrowed,
            built,
            both,
            neither,
            vain,
            stale,
            never_built,
        } = self;
        let rate = 100.0 * *vain as f64 / (vain + neither).max(1) as f64;
        write!(
            f,
            "{narrowed} narrowed builds ({built} succeeded); {} changes: {both} changed both, {neither} neither, \
             {vain} the fingerprint alone ({rate:.1} % of the unchanged images), {stale} the image alone, {never_built} built neither before nor after",
            both + neither + vain + stale + never_built
        )
    }
}
