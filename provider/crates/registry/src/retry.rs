//! How long to wait and how often to try.
//!
//! Waits have full jitter, so that many images that fail together do not come back together, and are never shorter than
//! what the registry asks for with `Retry-After`. A wait ends when the caller drops the call.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Tries of one request, the first included.
pub(crate) const TRIES: u32 = 4;

/// The longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(20);

/// Limits in time of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// For one connection.
    pub connect: Duration,
    /// For one call with all of its tries, logins and waits.
    pub whole_call: Duration,
    /// The longest wait before the second try; it doubles for each further one.
    pub backoff: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            whole_call: Duration::from_secs(60),
            backoff: Duration::from_millis(500),
        }
    }
}

/// The wait after try number `tried`, counted from 1.
pub(crate) fn wait(timing: &Timing, tried: u32, asked_for: Option<Duration>) -> Duration {
    let ceiling = timing.backoff * 2_u32.saturating_pow(tried.saturating_sub(1));
    // Without randomness the longest wait is still right.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    ceiling.mul_f64(share).max(asked_for.unwrap_or_default())
}

/// What `Retry-After` asks for, in its form with seconds.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_below_their_ceiling() {
        let timing = Timing {
            backoff: Duration::from_millis(100),
            ..Timing::default()
        };
        for tried in 1..=TRIES {
            let ceiling = Duration::from_millis(100) * 2_u32.pow(tried - 1);
            assert!((0..200).all(|_| wait(&timing, tried, None) <= ceiling), "{tried}");
        }
        assert!((0..200).any(|_| wait(&timing, 4, None) > Duration::from_millis(100)));
    }

    #[test]
    fn the_registry_may_ask_for_a_longer_wait_within_reason() {
        let headers = |value: &str| HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())]);
        assert_eq!(retry_after(&headers("3")), Some(Duration::from_secs(3)));
        assert_eq!(retry_after(&headers("86400")), Some(RETRY_AFTER_MAX));
        assert_eq!(retry_after(&headers("soon")), None);
        assert_eq!(
            wait(&Timing::default(), 1, Some(Duration::from_secs(3))),
            Duration::from_secs(3)
        );
    }
}
