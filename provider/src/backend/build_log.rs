//! The log of one build: the whole text in a file, the present step as a status.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use fastcontainer_buildkit::ProgressEvent;

use crate::reporter::Reporter;
use crate::untrusted::neutralise;

/// How many log files are kept.
const LOGS_KEPT: usize = 200;
/// A line longer than this is cut in the file.
const LONGEST_LINE: usize = 8 * 1024;
/// A log file grows no further than this; the build goes on.
const LARGEST_LOG: usize = 64 * 1024 * 1024;

/// Writes a build's progress to its file and its reporter.
pub struct BuildLog {
    path: PathBuf,
    reporter: Arc<dyn Reporter>,
    state: Mutex<State>,
}

struct State {
    file: Option<BufWriter<File>>,
    written: usize,
    cached: u32,
    step: String,
    step_started: Instant,
}

impl BuildLog {
    /// Opens a log for `resource` in `directory`. A log that cannot be opened costs the file, not the build.
    #[must_use]
    pub fn open(directory: &Path, resource: &str, reporter: Arc<dyn Reporter>) -> Self {
        let path = directory.join(file_name(resource));
        let file = fs::create_dir_all(directory)
            .and_then(|()| private_file(&path))
            .map(BufWriter::new)
            .ok();
        remove_old_logs(directory);
        let state = State {
            file,
            written: 0,
            cached: 0,
            step: String::new(),
            step_started: Instant::now(),
        };
        Self {
            path,
            reporter,
            state: Mutex::new(state),
        }
    }

    /// Where the whole log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes note of one event.
    pub fn event(&self, event: &ProgressEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            ProgressEvent::StepStarted { name, .. } => {
                state.line(&format!("--- {name}"));
                state.step.clone_from(name);
                state.step_started = Instant::now();
            }
            ProgressEvent::StepFinished { name, cached, error } => {
                state.cached += u32::from(*cached);
                let end = match (cached, error) {
                    (_, Some(error)) => format!("ERROR {error}"),
                    (true, None) => "CACHED".to_owned(),
                    (false, None) => "done".to_owned(),
                };
                state.line(&format!("--- {name} {end}"));
            }
            ProgressEvent::Log { line, .. } => state.line(line),
            ProgressEvent::Warning(text) => {
                state.line(&format!("WARNING {text}"));
                self.reporter.warning(text);
            }
        }
        self.reporter.status(&state.status());
    }

    /// Writes a line of our own to the file.
    pub fn note(&self, text: &str) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).line(text);
    }

    /// Writes the file out and clears the status.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &mut state.file {
            let _ = file.flush();
        }
        self.reporter.status("");
    }
}

impl State {
    fn line(&mut self, text: &str) {
        let Some(file) = self.file.as_mut().filter(|_| self.written < LARGEST_LOG) else {
            return;
        };
        let mut text = neutralise(text);
        if text.len() > LONGEST_LINE {
            let cut = (0..=LONGEST_LINE)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0);
            text.truncate(cut);
            text.push('…');
        }
        self.written += text.len() + 1;
        if writeln!(file, "{text}").is_err() {
            self.file = None;
        }
    }

    /// Such as `[5/9] RUN pip install … 12s · 4 cached`.
    fn status(&self) -> String {
        let mut step: String = self.step.chars().take(80).collect();
        if step.len() < self.step.len() {
            step.push('…');
        }
        let mut text = format!("{step} {}s", self.step_started.elapsed().as_secs());
        if self.cached > 0 {
            text.push_str(&format!(" · {} cached", self.cached));
        }
        text
    }
}

/// A name that no other log has: the resource, the time and the process.
fn file_name(resource: &str) -> String {
    let safe: String = resource
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(80)
        .collect();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{safe}-{}-{}.log", now.as_millis(), std::process::id())
}

/// Build output may show what others must not read.
fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn remove_old_logs(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    let mut logs: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "log"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(LOGS_KEPT);
    for (_, path) in logs.into_iter().take(surplus) {
        let _ = fs::remove_file(path);
    }
}
