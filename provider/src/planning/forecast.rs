//! Which step of the Dockerfile a build will run first.
//!
//! The key of a step covers everything that its result stands on. A step whose key the last build had is in that build's
//! cache; the first one that it did not have will run. Steps behind it may still be cut short, when a stage that was
//! built anew yields the same files, so their number is a bound.
//!
//! Refuses to know what a builder has in its cache: an empty one runs everything, and the words say so.

use std::collections::HashSet;
use std::fmt;

use super::explain::{New, Old};
use super::reason::on_one_line;
use super::record::{OptionDigests, ShortDigest, StepKey, differing};

/// Options that reach into steps but not into their keys.
const OUTSIDE_KEYS: [&str; 3] = ["platforms", "network", "addHosts"];
/// How much of a step is shown, in characters.
const SHOWN: usize = 90;

/// What a build will run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forecast {
    /// A step that the last build did not have.
    From {
        /// Its label, as BuildKit prints it.
        label: String,
        /// How many others may follow.
        more: usize,
    },
    /// The last build had every step.
    Nothing,
}

/// The first step to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstStep {
    /// Its position.
    pub index: usize,
    /// How many of the steps behind it the last build did not have either.
    pub more: usize,
}

impl Forecast {
    /// Compares the steps of the last build with today's. `None` when one side's are not known, or when an option
    /// changed whose steps cannot be told.
    #[must_use]
    pub fn of(old: Old<'_>, new: New<'_>) -> Option<Self> {
        let (record, content) = (old.record?, new.content?);
        if record.steps.is_empty() || content.steps.is_empty() {
            return None;
        }
        let now = OptionDigests::of(new.options);
        let changed = differing(&record.options.inputs, &now.inputs);
        if changed.iter().any(|name| OUTSIDE_KEYS.contains(name)) {
            return None;
        }
        Some(match first_step(&record.steps, content.steps) {
            Some(FirstStep { index, more }) => Self::From {
                label: content.steps[index].label.clone(),
                more,
            },
            None => Self::Nothing,
        })
    }
}

/// The first of `steps` whose key is not among `old_keys`. Keys hold what comes before them, so it does not matter where
/// they stood, and stages that were added or moved do no harm.
#[must_use]
pub fn first_step(old_keys: &[ShortDigest], steps: &[StepKey]) -> Option<FirstStep> {
    let old: HashSet<_> = old_keys.iter().collect();
    let mut unknown = (0..steps.len()).filter(|at| !old.contains(&steps[*at].key));
    let index = unknown.next()?;
    Some(FirstStep {
        index,
        more: unknown.count(),
    })
}

impl fmt::Display for Forecast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::From { label, more } => {
                let label = on_one_line(label);
                match label.char_indices().nth(SHOWN) {
                    Some((end, _)) => write!(f, "first step to run: {}…", &label[..end])?,
                    None => write!(f, "first step to run: {label}")?,
                }
                match more {
                    0 => {}
                    more => write!(f, ", then at most {more} more")?,
                }
            }
            Self::Nothing => f.write_str("no step to run")?,
        }
        f.write_str(" (with the last build's cache and base images)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(keys: &[u8]) -> Vec<StepKey> {
        let step = |key: &u8| StepKey {
            label: format!("[{key}] RUN"),
            key: [*key; 8],
        };
        keys.iter().map(step).collect()
    }

    fn first(old: &[u8], new: &[u8]) -> Option<(usize, usize)> {
        let old: Vec<_> = old.iter().map(|key| [*key; 8]).collect();
        first_step(&old, &steps(new)).map(|first| (first.index, first.more))
    }

    #[test]
    fn the_first_step_is_the_first_one_that_the_last_build_did_not_have() {
        assert_eq!(first(&[1, 2, 3, 4], &[1, 2, 8, 9]), Some((2, 1)));
        assert_eq!(first(&[1, 2], &[1, 2, 3]), Some((2, 0)));
        assert_eq!(first(&[1, 2, 3], &[7, 8]), Some((0, 1)));
    }

    #[test]
    fn known_steps_run_nowhere() {
        assert_eq!(first(&[1, 2, 3], &[1, 2, 3]), None);
        assert_eq!(first(&[1, 2, 3], &[1, 2]), None);
    }

    #[test]
    fn a_stage_that_is_put_in_front_leaves_the_others_alone() {
        assert_eq!(first(&[1, 2, 3, 4], &[7, 1, 2, 3, 4]), Some((0, 0)));
        assert_eq!(first(&[1, 2, 3, 4], &[3, 4, 1, 9]), Some((3, 0)));
    }

    #[test]
    fn a_forecast_is_one_short_line_and_promises_nothing_about_the_builder() {
        let said = |label: &str, more| {
            let label = label.to_owned();
            Forecast::From { label, more }.to_string()
        };
        assert_eq!(
            said("[build 4/7] COPY src /app", 3),
            "first step to run: [build 4/7] COPY src /app, then at most 3 more (with the last build's cache and base images)"
        );
        assert_eq!(
            said("[7/7] RUN a\nb", 0),
            "first step to run: [7/7] RUN a\u{fffd}b (with the last build's cache and base images)"
        );
        let long = said(&"é".repeat(500), 0);
        assert!(long.chars().count() < 160, "{long}");
    }
}
