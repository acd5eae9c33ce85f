//! The log of one build: CodeBuild's own lines and those of commands, masked, on their way to CloudWatch Logs.
//!
//! Every event is one line and ends with a newline. A line that is longer than an event can be becomes several. Values
//! of parameters and secrets are replaced by `***` wherever they appear whole, and where one of their lines does.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::aws::Owner;
use crate::emulator::Emulator;

/// Longest line of one event; CloudWatch Logs takes 1 MiB with its own 26 bytes.
const LONGEST_LINE: usize = 1024 * 1024 - 32;

/// Where a build's log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stream {
    pub(super) group: String,
    pub(super) name: String,
}

/// The log of a build.
pub(super) struct BuildLog {
    emulator: Arc<Emulator>,
    owner: Owner,
    /// Absent if logs are disabled.
    stream: Option<Stream>,
    masked: Vec<String>,
    begun: Vec<u8>,
}

impl BuildLog {
    /// Opens the log of a build of `owner`.
    pub(super) fn new(emulator: Arc<Emulator>, owner: Owner, stream: Option<Stream>) -> Self {
        Self {
            emulator,
            owner,
            stream,
            masked: Vec::new(),
            begun: Vec::new(),
        }
    }

    /// Where the log goes; nowhere if logs are disabled.
    pub(super) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Replaces a value by stars from now on.
    pub(super) fn mask(&mut self, value: &str) {
        self.masked.push(value.to_owned());
        self.masked.extend(value.lines().map(str::to_owned));
        self.masked.retain(|value| !value.trim().is_empty());
        // A value that contains another has to go first.
        self.masked.sort_by_key(|value| std::cmp::Reverse(value.len()));
        self.masked.dedup();
    }

    /// Writes a line of CodeBuild's own.
    pub(super) fn note(&mut self, text: &str) {
        self.flush();
        let text = self.covered(&format!("[Container] {} {text}", stamp()));
        self.send(text.lines().map(str::to_owned).collect());
    }

    /// Takes in what a command wrote.
    pub(super) fn output(&mut self, bytes: &[u8]) {
        self.begun.extend_from_slice(bytes);
        let Some(end) = self.begun.iter().rposition(|byte| *byte == b'\n') else {
            if self.begun.len() >= LONGEST_LINE {
                self.flush();
            }
            return;
        };
        let rest = self.begun.split_off(end + 1);
        let complete = std::mem::replace(&mut self.begun, rest);
        let text = self.covered(&String::from_utf8_lossy(&complete));
        self.send(text.lines().map(str::to_owned).collect());
    }

    /// Writes a line that has not been ended.
    pub(super) fn flush(&mut self) {
        if !self.begun.is_empty() {
            let line = self.covered(&String::from_utf8_lossy(&self.begun));
            self.begun.clear();
            self.send(vec![line]);
        }
    }

    fn covered(&self, text: &str) -> String {
        let masked = self.masked.iter();
        masked.fold(text.to_owned(), |text, value| text.replace(value.as_str(), "***"))
    }

    fn send(&self, lines: Vec<String>) {
        let Some(stream) = &self.stream else { return };
        let events = lines
            .iter()
            .flat_map(|line| pieces(line))
            .map(|piece| format!("{piece}\n"));
        self.emulator
            .logs
            .append(&self.owner, (&stream.group, &stream.name), events.collect());
    }
}

/// Cuts a line at character boundaries.
fn pieces(mut line: &str) -> Vec<&str> {
    let mut cut = Vec::new();
    while line.len() > LONGEST_LINE {
        let (piece, rest) = line.split_at(line.floor_char_boundary(LONGEST_LINE));
        cut.push(piece);
        line = rest;
    }
    cut.push(line);
    cut
}

fn stamp() -> String {
    let now = OffsetDateTime::now_utc();
    format!(
        "{:04}/{:02}/{:02} {:02}:{:02}:{:02}.{:06}",
        now.year(),
        u8::from(now.month()),
        now.day(),
        now.hour(),
        now.minute(),
        now.second(),
        now.microsecond()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_line_is_cut_between_characters() {
        let line = "ä".repeat(LONGEST_LINE);
        let cut = pieces(&line);
        assert_eq!(cut.concat(), line);
        assert!(cut.len() >= 2 && cut.iter().all(|piece| piece.len() <= LONGEST_LINE));
        assert_eq!(pieces(""), [""]);
    }
}
