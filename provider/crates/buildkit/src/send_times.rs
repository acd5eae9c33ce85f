//! Which modification time each entry of a build context is sent with. Pure.
//!
//! RUN steps see these times and compilers compare them with their outputs, while BuildKit's file sync re-sends a
//! file only if its size, mode or time differ. Both are right when a time means "when this content was first sent
//! at this path": content that is as recorded keeps its recorded time, everything else gets this build's stamp,
//! a second that is later than anything sent before and than the last build's end by the daemon's clock. Inside
//! that second the nanoseconds follow the order of the files' own times, so that an output in the context that is
//! older than its source stays older.
//!
//! Refuses to look at clocks or files: the caller brings both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

const NANOSECONDS: i64 = 1_000_000_000;

/// What an earlier build sent for a path: a mark of the content and the time, in nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sent(pub(crate) String, pub(crate) i64);

/// What is known of earlier builds of the image at the endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Path → what was sent last.
    pub(crate) sent: BTreeMap<String, Sent>,
    /// Highest second ever sent.
    pub(crate) top: i64,
    /// Last second of the last build by the daemon's clock.
    pub(crate) end: i64,
}

/// An entry that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Path inside the context.
    pub(crate) path: String,
    /// Equal marks mean equal content: kind and digest of a file, text of a link, nothing more for a directory.
    pub(crate) mark: String,
    /// The entry's own modification time in nanoseconds; only its order counts.
    pub(crate) own_time: i64,
}

/// The outcome: a time for every candidate, in their order, and the new highest second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Times {
    /// Nanoseconds since 1970, one for each candidate.
    pub(crate) nanoseconds: Vec<i64>,
    /// Highest second ever sent, this build included.
    pub(crate) top: i64,
}

/// Decides the times. `now` is in seconds since 1970.
pub(crate) fn decide(candidates: &[Candidate], history: &History, now: i64) -> Times {
    let second = now
        .max(history.top.saturating_add(1))
        .max(history.end.saturating_add(1));
    let recorded = |candidate: &Candidate| {
        history
            .sent
            .get(&candidate.path)
            .filter(|Sent(mark, _)| *mark == candidate.mark)
            .map(|Sent(_, time)| *time)
    };
    let kept: Vec<Option<i64>> = candidates.iter().map(recorded).collect();
    let fresh = candidates
        .iter()
        .zip(&kept)
        .filter(|(_, kept)| kept.is_none())
        .map(|(candidate, _)| candidate);
    let mut own_times: Vec<i64> = fresh.map(|candidate| candidate.own_time).collect();
    own_times.sort_unstable();
    own_times.dedup();
    let stamp = |candidate: &Candidate| {
        let rank = own_times.partition_point(|time| *time < candidate.own_time);
        let rank = i64::try_from(rank).unwrap_or(i64::MAX).min(NANOSECONDS - 1);
        second.saturating_mul(NANOSECONDS).saturating_add(rank)
    };
    let top = if own_times.is_empty() { history.top } else { second };
    let nanoseconds = candidates
        .iter()
        .zip(kept)
        .map(|(c, kept)| kept.unwrap_or_else(|| stamp(c)))
        .collect();
    Times { nanoseconds, top }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(path: &str, mark: &str, own_time: i64) -> Candidate {
        Candidate {
            path: path.into(),
            mark: mark.into(),
            own_time,
        }
    }

    /// The history after `candidates` were sent with `times`.
    fn after(candidates: &[Candidate], times: &Times, end: i64) -> History {
        let sent = candidates.iter().zip(&times.nanoseconds);
        let sent = sent
            .map(|(c, time)| (c.path.clone(), Sent(c.mark.clone(), *time)))
            .collect();
        History {
            sent,
            top: times.top,
            end,
        }
    }

    fn seconds(times: &Times) -> Vec<i64> {
        times.nanoseconds.iter().map(|time| time / NANOSECONDS).collect()
    }

    #[test]
    fn without_a_record_everything_is_stamped_now() {
        let times = decide(
            &[candidate("a", "f:1", 7), candidate("b", "f:2", 9)],
            &History::default(),
            100,
        );
        assert_eq!(
            times,
            Times {
                nanoseconds: vec![100 * NANOSECONDS, 100 * NANOSECONDS + 1],
                top: 100
            }
        );
    }

    #[test]
    fn equal_content_keeps_its_time_whatever_its_own_time_says() {
        let first = [candidate("a", "f:1", 7)];
        let sent = decide(&first, &History::default(), 100);
        let again = decide(&[candidate("a", "f:1", 999)], &after(&first, &sent, 150), 200);
        assert_eq!(again, sent);
    }

    #[test]
    fn an_edit_within_the_same_second_is_later() {
        let first = [candidate("a", "f:1", 7)];
        let sent = decide(&first, &History::default(), 100);
        assert_eq!(
            seconds(&decide(&[candidate("a", "f:2", 7)], &after(&first, &sent, 0), 100)),
            [101]
        );
    }

    #[test]
    fn an_edit_is_later_than_the_end_of_the_last_build_on_a_daemon_ahead_of_us() {
        let history = History {
            end: 5_000,
            ..History::default()
        };
        assert_eq!(seconds(&decide(&[candidate("a", "f:2", 7)], &history, 100)), [5_001]);
    }

    #[test]
    fn content_that_returns_after_another_is_stamped_again() {
        let (v1, v2) = ([candidate("a", "f:1", 1)], [candidate("a", "f:2", 2)]);
        let one = decide(&v1, &History::default(), 100);
        let two = decide(&v2, &after(&v1, &one, 110), 120);
        let three = decide(&v1, &after(&v2, &two, 130), 125);
        assert_eq!(
            (seconds(&one), seconds(&two), seconds(&three)),
            (vec![100], vec![120], vec![131])
        );
    }

    #[test]
    fn a_file_that_was_away_for_a_build_is_stamped_again() {
        let both = [candidate("a", "f:1", 1), candidate("b", "f:2", 2)];
        let one = decide(&both, &History::default(), 100);
        let two = decide(&both[..1], &after(&both, &one, 110), 120);
        let three = decide(&both, &after(&both[..1], &two, 130), 140);
        assert_eq!(seconds(&three), [100, 140]);
    }

    #[test]
    fn a_directory_keeps_its_first_time() {
        let first = [candidate("d", "d", 1), candidate("d/a", "f:1", 1)];
        let sent = decide(&first, &History::default(), 100);
        let again = decide(
            &[candidate("d", "d", 50), candidate("d/a", "f:2", 50)],
            &after(&first, &sent, 0),
            200,
        );
        assert_eq!(seconds(&again), [100, 200]);
    }

    #[test]
    fn a_file_that_becomes_a_link_is_stamped() {
        let first = [candidate("a", "f:1", 1)];
        let sent = decide(&first, &History::default(), 100);
        assert_eq!(
            seconds(&decide(&[candidate("a", "l:1", 1)], &after(&first, &sent, 0), 200)),
            [200]
        );
    }

    #[test]
    fn nothing_new_leaves_the_highest_second_alone() {
        let first = [candidate("a", "f:1", 1)];
        let sent = decide(&first, &History::default(), 100);
        assert_eq!(decide(&first, &after(&first, &sent, 0), 900).top, 100);
    }

    proptest! {
        #[test]
        fn stamped_files_are_later_than_everything_before_and_keep_their_own_order(
            own in proptest::collection::vec(any::<i64>(), 1..20), top in 0..10_000i64, end in 0..10_000i64, now in 0..10_000i64,
        ) {
            let candidates: Vec<_> = own.iter().enumerate().map(|(i, t)| candidate(&format!("{i}"), "f:1", *t)).collect();
            let times = decide(&candidates, &History { top, end, ..History::default() }, now);
            for (i, time) in times.nanoseconds.iter().enumerate() {
                prop_assert!(time / NANOSECONDS > top && time / NANOSECONDS > end && time / NANOSECONDS >= now);
                for (j, other) in times.nanoseconds.iter().enumerate() {
                    prop_assert_eq!(own[i].cmp(&own[j]), time.cmp(other));
                }
            }
        }
    }
}
