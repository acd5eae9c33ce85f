//! The table at the end of the demo: step, time, builds run, bytes sent.

use std::time::Duration;

use e2e::Stack;
use fastcontainer_lab::say;

const IMAGES: [&str; 3] = ["api", "worker", "status"];

/// What each step took.
#[derive(Default)]
pub(super) struct Table {
    rows: Vec<Row>,
    seen: Vec<String>,
}

struct Row {
    step: String,
    took: Duration,
    builds: usize,
    bytes: f64,
}

impl Table {
    /// Adds a step; builds and bytes are read from the state of `stack`, where each operation leaves its record.
    pub(super) fn add(&mut self, step: &str, took: Duration, stack: Option<&Stack>) -> usize {
        let (mut builds, mut bytes) = (0, 0.0);
        for name in stack.map_or(&[][..], |_| &IMAGES[..]) {
            let Some(image) = stack.and_then(|stack| stack.resource(name)) else {
                continue;
            };
            let record = &image["outputs"]["build"];
            let identity = format!("{name} {record}");
            if record["reused"] == false && !self.seen.contains(&identity) {
                builds += 1;
                bytes += record["contextBytesSent"].as_f64().unwrap_or_default();
                self.seen.push(identity);
            }
        }
        say(&format!("   {:.1} s, {builds} built", took.as_secs_f64()));
        self.rows.push(Row {
            step: step.to_owned(),
            took,
            builds,
            bytes,
        });
        builds
    }

    /// Prints the table.
    pub(super) fn print(&self) {
        say(&format!(
            "{:<52} {:>8} {:>7} {:>11}",
            "step", "time", "builds", "bytes sent"
        ));
        for row in &self.rows {
            let took = format!("{:.1} s", row.took.as_secs_f64());
            say(&format!(
                "{:<52} {took:>8} {:>7} {:>11}",
                row.step, row.builds, row.bytes
            ));
        }
    }
}
