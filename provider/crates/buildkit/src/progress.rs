//! From the builder's status messages to what a person wants to see. Pure.
//!
//! Responsible for the steps of the Dockerfile (`[2/4] RUN …`, `[build 1/3] FROM …`): which one runs, which were
//! cached, the last lines of each one's output, the warnings, and the latest time by the builder's clock. The
//! builder's internal vertices are not steps and are counted nowhere.
//!
//! Refuses to grow without bound: 40 lines a step, 4 KiB a line; and to show secrets. Otherwise output is passed on as
//! it is; whoever prints it neutralises control characters.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexWarning};

use crate::redaction::Redactor;

/// Lines of output that are kept for each step.
const TAIL_LINES: usize = 40;
/// Bytes of one line; what is beyond starts a new line.
const LINE_BYTES: usize = 4096;

/// Something that happened in a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProgressEvent {
    /// A step of the Dockerfile began.
    StepStarted {
        /// Name as the builder gives it, with its `[2/4]`.
        name: String,
        /// Its number within the stage, from 1.
        index: u32,
        /// Number of steps of the stage.
        total: u32,
    },
    /// A step ended.
    StepFinished {
        /// Name as the builder gives it.
        name: String,
        /// It was taken from the cache.
        cached: bool,
        /// Why it failed.
        error: Option<String>,
    },
    /// A line of a step's output, without its end.
    Log {
        /// Name of the step.
        step: String,
        /// The line; bytes that are not UTF-8 are replaced.
        line: String,
    },
    /// The builder warns of something.
    Warning(String),
    /// The image is made; now its build cache is being exported.
    CacheExport,
}

impl ProgressEvent {
    /// The event without secrets in its texts.
    pub(crate) fn hide(self, redactor: &Redactor) -> Self {
        let hide = |text: String| redactor.text(&text).into_owned();
        match self {
            Self::StepStarted { name, index, total } => Self::StepStarted {
                name: hide(name),
                index,
                total,
            },
            Self::StepFinished { name, cached, error } => Self::StepFinished {
                name: hide(name),
                cached,
                error: error.map(hide),
            },
            // The line is hidden already, as part of the whole output.
            Self::Log { step, line } => Self::Log { step: hide(step), line },
            Self::Warning(text) => Self::Warning(hide(text)),
            Self::CacheExport => Self::CacheExport,
        }
    }
}

/// State of a build, reduced from its status messages.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    vertices: HashMap<String, VertexState>,
    /// Failed vertices in the order in which they failed.
    failed: Vec<String>,
    warnings: Vec<String>,
    latest_second: i64,
    redactor: Redactor,
}

#[derive(Debug, Default)]
struct VertexState {
    name: String,
    position: Option<(u32, u32)>,
    /// Seen before it started: a vertex of this build, and not one that another running build shares with it.
    announced: bool,
    started: bool,
    finished: bool,
    cached: bool,
    error: String,
    tail: VecDeque<String>,
    /// What has no end of line yet, by stream: standard output and standard error come in turns.
    partial: BTreeMap<i64, Vec<u8>>,
}

/// The step that made a build fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedStep {
    /// Name as the builder gives it.
    pub(crate) name: String,
    /// Its error.
    pub(crate) error: String,
    /// The last lines of its output.
    pub(crate) tail: Vec<String>,
}

impl Progress {
    /// A build whose output is shown without what `redactor` hides.
    pub(crate) fn hiding(redactor: Redactor) -> Self {
        Self {
            redactor,
            ..Self::default()
        }
    }

    /// Takes one message.
    pub(crate) fn apply(&mut self, message: StatusResponse) -> Vec<ProgressEvent> {
        let mut events = Vec::new();
        for status in &message.statuses {
            self.note_times([&status.timestamp, &status.started, &status.completed]);
        }
        for vertex in message.vertexes {
            self.note_times([&vertex.started, &vertex.completed, &None]);
            self.vertex(vertex, &mut events);
        }
        for log in message.logs {
            self.note_times([&log.timestamp, &None, &None]);
            self.log(&log, &mut events);
        }
        for warning in message.warnings {
            let text = describe(&warning);
            if !self.warnings.contains(&text) {
                self.warnings.push(text.clone());
                events.push(ProgressEvent::Warning(text));
            }
        }
        events
    }

    fn note_times(&mut self, times: [&Option<Timestamp>; 3]) {
        for time in times.into_iter().flatten() {
            self.latest_second = self.latest_second.max(time.seconds);
        }
    }

    fn vertex(&mut self, vertex: Vertex, events: &mut Vec<ProgressEvent>) {
        let known = |what: fn(&VertexState) -> bool| {
            self.vertices
                .iter()
                .any(|(digest, state)| *digest != vertex.digest && state.name == vertex.name && what(state))
        };
        let (begun, ended) = (known(|state| state.started), known(|state| state.finished));
        let state = self.vertices.entry(vertex.digest.clone()).or_default();
        state.position = position(&vertex.name);
        state.name = vertex.name;
        state.announced |= vertex.started.is_none();
        state.cached |= vertex.cached;
        if vertex.started.is_some() && !state.started {
            state.started = true;
            if let Some((index, total)) = state.position.filter(|_| !begun) {
                events.push(ProgressEvent::StepStarted {
                    name: state.name.clone(),
                    index,
                    total,
                });
            }
        }
        if !vertex.error.is_empty() && state.error.is_empty() {
            state.error = vertex.error;
            self.failed.push(vertex.digest);
        }
        if vertex.completed.is_some() && !state.finished {
            state.finished = true;
            flush(state, &self.redactor, events);
            if state.position.is_some() && !ended {
                let error = Some(state.error.clone()).filter(|error| !error.is_empty());
                events.push(ProgressEvent::StepFinished {
                    name: state.name.clone(),
                    cached: state.cached,
                    error,
                });
            }
        }
    }

    fn log(&mut self, log: &VertexLog, events: &mut Vec<ProgressEvent>) {
        let state = self.vertices.entry(log.vertex.clone()).or_default();
        let mut partial = state.partial.remove(&log.stream).unwrap_or_default();
        for part in log.msg.split_inclusive(|byte| *byte == b'\n') {
            partial.extend_from_slice(part);
            if partial.pop_if(|last| *last == b'\n').is_some() {
                line(state, self.redactor.bytes(std::mem::take(&mut partial)), events);
            } else if partial.len() >= LINE_BYTES {
                partial = self.redactor.bytes(partial);
                let settled = self.redactor.settled(&partial);
                let rest = partial.split_off(settled - settled % LINE_BYTES);
                let shown = std::mem::replace(&mut partial, rest);
                shown.chunks(LINE_BYTES).for_each(|bytes| piece(state, bytes, events));
            }
        }
        state.partial.insert(log.stream, partial);
        if state.finished {
            flush(state, &self.redactor, events);
        }
    }

    /// Number of Dockerfile steps that ran or were cached, and of those that were cached. A step that another running
    /// build has in common with this one appears a second time under that build's name, which does not count.
    pub(crate) fn steps(&self) -> (u32, u32) {
        let counts = |vertex: &&VertexState| vertex.position.is_some() && vertex.announced && vertex.started;
        let steps = self.vertices.values().filter(counts);
        steps.fold((0, 0), |(all, cached), step| (all + 1, cached + u32::from(step.cached)))
    }

    /// Whether a step of this build ran. To look up a base image is none.
    pub(crate) fn ran(&self) -> bool {
        let ran = |vertex: &VertexState| vertex.started && !vertex.cached && base_image(&vertex.name).is_none();
        let mut steps = self.vertices.values().filter(|vertex| vertex.position.is_some());
        steps.any(ran)
    }

    /// Latest second by the builder's clock; 0 if none was seen.
    pub(crate) fn latest_second(&self) -> i64 {
        self.latest_second
    }

    /// Warnings in the order of their arrival.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Images that the Dockerfile reads from: reference without digest → digest. Steps are named after them, such as
    /// `[build 1/3] FROM docker.io/library/alpine:3@sha256:…`, and without a bracket where a step copies from an image.
    pub(crate) fn base_images(&self) -> BTreeMap<String, String> {
        let own = self.vertices.values().filter(|vertex| vertex.announced);
        own.filter_map(|vertex| base_image(&vertex.name)).collect()
    }

    /// The step that failed: the vertex of that digest, else the first one that failed by itself and was not merely
    /// cancelled because another one did. Vertices that are not steps of the Dockerfile do not count.
    pub(crate) fn failed_step(&self, digest: Option<&str>) -> Option<FailedStep> {
        let by_itself = |digest: &&String| {
            let state = &self.vertices[*digest];
            state.position.is_some() && !state.error.contains("context canceled")
        };
        let digest = digest.or_else(|| self.failed.iter().find(by_itself).map(String::as_str))?;
        let state = self.vertices.get(digest).filter(|state| state.position.is_some())?;
        let mut tail: Vec<_> = state.tail.iter().cloned().collect();
        for partial in state.partial.values().filter(|partial| !partial.is_empty()) {
            let shown = self.redactor.bytes(partial.clone());
            tail.push(String::from_utf8_lossy(&shown).into_owned());
        }
        Some(FailedStep {
            name: state.name.clone(),
            error: state.error.clone(),
            tail,
        })
    }
}

/// A line, in pieces if it is too long.
fn line(state: &mut VertexState, bytes: Vec<u8>, events: &mut Vec<ProgressEvent>) {
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
    let mut pieces = bytes.chunks(LINE_BYTES);
    piece(state, pieces.next().unwrap_or_default(), events);
    for more in pieces {
        piece(state, more, events);
    }
}

fn piece(state: &mut VertexState, bytes: &[u8], events: &mut Vec<ProgressEvent>) {
    let text = String::from_utf8_lossy(bytes).into_owned();
    if state.tail.len() == TAIL_LINES {
        state.tail.pop_front();
    }
    state.tail.push_back(text.clone());
    events.push(ProgressEvent::Log {
        step: state.name.clone(),
        line: text,
    });
}

fn flush(state: &mut VertexState, redactor: &Redactor, events: &mut Vec<ProgressEvent>) {
    for partial in std::mem::take(&mut state.partial).into_values() {
        if !partial.is_empty() {
            line(state, redactor.bytes(partial), events);
        }
    }
}

/// The numbers of a step's name: `[linux/amd64 build 2/4] RUN x` is step 2 of 4. Internal vertices have none.
fn position(name: &str) -> Option<(u32, u32)> {
    let (bracket, _) = name.strip_prefix('[')?.split_once(']')?;
    let (index, total) = bracket.rsplit(' ').next()?.split_once('/')?;
    Some((index.parse().ok()?, total.parse().ok()?))
}

fn base_image(name: &str) -> Option<(String, String)> {
    let what = match name.strip_prefix('[') {
        Some(rest) => rest.split_once("] ")?.1,
        None => name,
    };
    let (reference, digest) = what.strip_prefix("FROM ")?.split_once('@')?;
    let pair = (reference.to_owned(), digest.to_owned());
    digest.starts_with("sha256:").then_some(pair)
}

fn describe(warning: &VertexWarning) -> String {
    let text = String::from_utf8_lossy(&warning.short);
    match warning.ranges.iter().find_map(|range| range.start) {
        Some(start) => format!("line {}: {text}", start.line),
        None => text.into_owned(),
    }
}

#[cfg(test)]
mod tests;
