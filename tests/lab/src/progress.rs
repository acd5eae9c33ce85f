//! Progress lines for people who wait.
//!
//! Anything that may take longer than two seconds says what it does, and a sign of life with the elapsed time every five seconds.
//! Lines go to standard error, so that standard output stays free for results.

use std::io::Write;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(2);
const EVERY: Duration = Duration::from_secs(5);

/// Writes one progress line. A closed standard error is no reason to stop working.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// One activity that reports itself while it lasts.
#[derive(Debug)]
pub struct Activity {
    label: String,
    begun: Instant,
    next: Duration,
    spoke: bool,
}

impl Activity {
    /// Begins an activity; silent until it has lasted two seconds.
    #[must_use]
    pub fn begin(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            begun: Instant::now(),
            next: FIRST,
            spoke: false,
        }
    }

    /// Time since the beginning.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Prints a sign of life when one is due. Call it often.
    pub fn tick(&mut self) {
        let elapsed = self.elapsed();
        if elapsed >= self.next {
            say(&format!("  {} … {} s", self.label, elapsed.as_secs()));
            self.next = elapsed + EVERY;
            self.spoke = true;
        }
    }

    /// Ends the activity; says how long it took if it had been mentioned before.
    pub fn end(self) {
        if self.spoke {
            say(&format!("  {}: done in {} s", self.label, self.elapsed().as_secs()));
        }
    }
}
