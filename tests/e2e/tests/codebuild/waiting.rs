//! Waiting for what a test needs to have happened.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Waits until `done`, and panics after `limit`.
#[track_caller]
pub(crate) fn await_that(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(50));
    }
}
