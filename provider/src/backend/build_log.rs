//! The log of an image's builds: the whole text in a file, the present step as a status.
//!
//! An image for several platforms has one log; each of its builds writes its platform in front.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use fastcontainer_buildkit::{ProgressEvent, Redactor};

use super::BackendError;
use crate::planning::platform_steps::with_platform;
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
    /// The platform of the build, when the image is for several.
    platform: Option<String>,
    step: Mutex<Step>,
    state: Arc<Mutex<State>>,
}

/// The step that runs.
struct Step {
    name: String,
    started: Instant,
}

/// What the builds of one image share.
struct State {
    file: Option<BufWriter<File>>,
    written: usize,
    cached: u32,
    /// What is hidden, one for each build that has secrets.
    hidden: Vec<Redactor>,
    /// Every platform's build warns of the same Dockerfile; once is enough.
    warned: BTreeSet<String>,
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
            hidden: Vec::new(),
            warned: BTreeSet::new(),
        };
        Self {
            path,
            reporter,
            platform: None,
            step: Mutex::default(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The same log for the build of one of several platforms.
    #[must_use]
    pub fn for_platform(&self, platform: &str) -> Self {
        Self {
            path: self.path.clone(),
            reporter: self.reporter.clone(),
            platform: Some(platform.to_owned()),
            step: Mutex::default(),
            state: self.state.clone(),
        }
    }

    /// Where the whole log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Hides these values in everything from now on.
    pub fn conceal<'a>(&self, values: impl Iterator<Item = &'a [u8]>) {
        let mut values = values.peekable();
        if values.peek().is_some() {
            lock(&self.state).hidden.push(Redactor::of(values));
        }
    }

    /// The error without secrets. What hides one from a reader of bytes, such as colours, is gone by then.
    #[must_use]
    pub fn shown(&self, error: BackendError) -> BackendError {
        let state = lock(&self.state);
        error.map_texts(&|text| state.shown(text))
    }

    /// Takes note of one event.
    pub fn event(&self, event: &ProgressEvent) {
        let mut state = lock(&self.state);
        let mut step = lock(&self.step);
        match event {
            ProgressEvent::StepStarted { name, .. } => {
                let name = state.shown(&self.named(name));
                state.line(&format!("--- {name}"));
                *step = Step {
                    name,
                    started: Instant::now(),
                };
            }
            ProgressEvent::StepFinished { name, cached, error } => {
                state.cached += u32::from(*cached);
                let end = match (cached, error) {
                    (_, Some(error)) => format!("ERROR {error}"),
                    (true, None) => "CACHED".to_owned(),
                    (false, None) => "done".to_owned(),
                };
                state.line(&format!("--- {} {end}", self.named(name)));
            }
            ProgressEvent::Log { line, .. } => state.line(&self.prefixed(line)),
            ProgressEvent::Warning(text) => {
                state.line(&self.prefixed(&format!("WARNING {text}")));
                if state.warned.insert(text.clone()) {
                    self.reporter.warning(&state.shown(text));
                }
            }
            ProgressEvent::CacheExport => {
                *step = Step {
                    name: self.prefixed("exporting the build cache"),
                    started: Instant::now(),
                };
            }
        }
        self.reporter.status(&step.status(state.cached));
    }

    /// The name of a step, with the platform if there are several.
    fn named(&self, step: &str) -> String {
        match &self.platform {
            Some(platform) => with_platform(step, platform),
            None => step.to_owned(),
        }
    }

    fn prefixed(&self, line: &str) -> String {
        match &self.platform {
            Some(platform) => format!("{platform} | {line}"),
            None => line.to_owned(),
        }
    }

    /// Shows what is done or waited for before, between and after the steps.
    pub fn waiting(&self, for_what: &str) {
        let mut step = lock(&self.step);
        let name = self.named(for_what);
        if step.name != name {
            *step = Step {
                name,
                started: Instant::now(),
            };
        }
        self.reporter.status(&step.status(0));
    }

    /// Writes a line of our own to the file.
    pub fn note(&self, text: &str) {
        lock(&self.state).line(&self.prefixed(text));
    }

    /// Warns of something that does not end the build.
    pub fn warn(&self, text: &str) {
        let mut state = lock(&self.state);
        state.line(&self.prefixed(&format!("WARNING {text}")));
        self.reporter.warning(&state.shown(text));
    }

    /// Writes the file out and clears the status.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        if let Some(file) = &mut state.file {
            let _ = file.flush();
        }
        self.reporter.status("");
    }
}

impl State {
    /// Safe for terminals, and without secrets.
    fn shown(&self, text: &str) -> String {
        let hide = |text: String, hidden: &Redactor| hidden.text(&text).into_owned();
        self.hidden.iter().fold(neutralise(text), hide)
    }

    fn line(&mut self, text: &str) {
        let mut text = self.shown(text);
        let Some(file) = self.file.as_mut().filter(|_| self.written < LARGEST_LOG) else {
            return;
        };
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
}

impl Default for Step {
    fn default() -> Self {
        Self {
            name: String::new(),
            started: Instant::now(),
        }
    }
}

impl Step {
    /// Such as `[5/9] RUN pip install … 12s · 4 cached`.
    fn status(&self, cached: u32) -> String {
        let mut step: String = self.name.chars().take(80).collect();
        if step.len() < self.name.len() {
            step.push('…');
        }
        let mut text = format!("{step} {}s", self.started.elapsed().as_secs());
        if cached > 0 {
            text.push_str(&format!(" · {cached} cached"));
        }
        text
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
