//! From the text that buildx prints with `--progress=plain` to what a person wants to see. Pure.
//!
//! Responsible for a build that runs where only its log can be read: the lines become the status messages that they
//! were printed from, so that steps, caches and failures are judged in one place for every builder. Each line about a
//! vertex begins with its number, `#7 [2/4] RUN make`, `#7 0.512 cc -o app`, `#7 CACHED`; after a failure follow the
//! lines of the Dockerfile and the error.
//!
//! Refuses nothing: what is no progress is passed over, because other programs write into the same log.

use std::collections::HashMap;

use bollard_buildkit_proto::google::protobuf::Timestamp;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog};

use crate::diagnosis::{Circumstances, explain_text};
use crate::failure::{BuildError, LineRange};
use crate::progress::{Progress, ProgressEvent};

/// How buildx begins its last line when a build has failed.
const FAILURE: &str = "ERROR: ";

/// State of a build, reduced from the lines of its log.
#[derive(Debug, Default)]
pub struct PlainProgress {
    progress: Progress,
    /// The text of a vertex stands only where it begins.
    names: HashMap<String, String>,
    error: Option<String>,
    lines: Option<LineRange>,
}

impl PlainProgress {
    /// Takes one line, without its end.
    pub fn line(&mut self, line: &str) -> Vec<ProgressEvent> {
        if let Some((number, rest)) = vertex_line(line) {
            if rest.starts_with('[') {
                self.names.insert(number.to_owned(), rest.to_owned());
            }
            let name = self.names.get(number).cloned().unwrap_or_default();
            return self.progress.apply(message((number, name), rest));
        }
        if let Some(error) = line.strip_prefix(FAILURE) {
            self.error = Some(error.to_owned());
        } else if let Some(number) = marked_line(line) {
            let first = self.lines.map_or(number, |lines| lines.first);
            self.lines = Some(LineRange { first, last: number });
        }
        Vec::new()
    }

    /// Number of Dockerfile steps, and of those that were cached.
    #[must_use]
    pub fn steps(&self) -> (u32, u32) {
        self.progress.steps()
    }

    /// What the log says about why the build failed; `None` when it says nothing.
    #[must_use]
    pub fn failure(&self, endpoint: &str, repository: &str) -> Option<BuildError> {
        let endpoint = endpoint.to_owned();
        let circumstances = Circumstances { endpoint, repository };
        let error = self.error.as_ref()?;
        Some(explain_text(error, (None, self.lines), &self.progress, circumstances))
    }
}

/// `#7 rest` is about vertex 7.
fn vertex_line(line: &str) -> Option<(&str, &str)> {
    let (number, rest) = line.strip_prefix('#')?.split_once(' ')?;
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some((number, rest))
}

/// `   3 | >>> RUN make` marks line 3 of the Dockerfile.
fn marked_line(line: &str) -> Option<u32> {
    let (number, rest) = line.split_once('|')?;
    rest.trim_start().starts_with(">>>").then_some(())?;
    number.trim().parse().ok()
}

fn message((number, name): (&str, String), rest: &str) -> StatusResponse {
    let time = Some(Timestamp { seconds: 1, nanos: 0 });
    let ended = Vertex {
        digest: number.to_owned(),
        name,
        started: time,
        completed: time,
        ..Vertex::default()
    };
    let vertexes = if rest.starts_with('[') {
        let named = Vertex {
            completed: None,
            ..ended
        };
        // A vertex of this build is announced before it starts.
        let announced = Vertex {
            started: None,
            ..named.clone()
        };
        vec![announced, named]
    } else if rest == "CACHED" {
        vec![Vertex { cached: true, ..ended }]
    } else if rest.starts_with("DONE ") {
        vec![ended]
    } else if let Some(error) = rest.strip_prefix(FAILURE) {
        let error = error.to_owned();
        vec![Vertex { error, ..ended }]
    } else {
        return StatusResponse {
            logs: output(number, rest).into_iter().collect(),
            ..StatusResponse::default()
        };
    };
    StatusResponse {
        vertexes,
        ..StatusResponse::default()
    }
}

/// Output of a step begins with the seconds since the step began; other lines tell of transfers.
fn output(number: &str, rest: &str) -> Option<VertexLog> {
    let (seconds, text) = rest.split_once(' ').unwrap_or((rest, ""));
    seconds.parse::<f64>().ok()?;
    Some(VertexLog {
        vertex: number.to_owned(),
        msg: format!("{text}\n").into_bytes(),
        ..VertexLog::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What buildx 0.35 prints, shortened.
    const FAILED: &str = "\
#1 [internal] load build definition from Dockerfile
#1 transferring dockerfile: 112B done
#1 DONE 0.0s

#4 [1/3] FROM docker.io/library/busybox:1@sha256:0123
#4 DONE 0.1s

#5 [2/3] COPY src /src
#5 CACHED

#6 [3/3] RUN echo out && exit 3
#6 0.071 out
#6 ERROR: process \"/bin/sh -c echo out && exit 3\" did not complete successfully: exit code: 3
------
 > [3/3] RUN echo out && exit 3:
0.071 out
------
Dockerfile:3
--------------------
   1 |     FROM busybox:1
   2 |     COPY src /src
   3 | >>> RUN echo out \\
   4 | >>>     && exit 3
--------------------
ERROR: failed to solve: process \"/bin/sh -c echo out && exit 3\" did not complete successfully: exit code: 3";

    fn read(text: &str) -> (PlainProgress, Vec<ProgressEvent>) {
        let mut progress = PlainProgress::default();
        let events = text.lines().flat_map(|line| progress.line(line)).collect();
        (progress, events)
    }

    #[test]
    fn steps_are_seen_as_they_run() {
        let (progress, events) = read(FAILED);
        assert_eq!(progress.steps(), (3, 1));
        let started = events.iter().filter_map(|event| match event {
            ProgressEvent::StepStarted { name, index, total } => Some((name.as_str(), *index, *total)),
            _ => None,
        });
        let started: Vec<_> = started.collect();
        assert_eq!(
            started[1..],
            [("[2/3] COPY src /src", 2, 3), ("[3/3] RUN echo out && exit 3", 3, 3)]
        );
        let output = ProgressEvent::Log {
            step: "[3/3] RUN echo out && exit 3".to_owned(),
            line: "out".to_owned(),
        };
        assert!(events.contains(&output), "{events:?}");
    }

    #[test]
    fn a_failed_step_has_its_name_output_and_lines() {
        let (progress, _) = read(FAILED);
        let error = progress.failure("CodeBuild", "r.example/app").unwrap();
        let BuildError::StepFailed {
            step,
            dockerfile_lines,
            log_tail,
            message,
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!(
            (step.as_str(), log_tail),
            ("[3/3] RUN echo out && exit 3", vec!["out".to_owned()])
        );
        assert_eq!(dockerfile_lines, Some(LineRange { first: 3, last: 4 }));
        assert!(message.ends_with("exit code: 3"), "{message}");
    }

    #[test]
    fn a_rejected_dockerfile_has_its_line() {
        let text =
            "ERROR: failed to build: failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY";
        let error = read(text).0.failure("CodeBuild", "r.example/app").unwrap();
        assert!(
            matches!(error, BuildError::DockerfileRejected { line: Some(2), .. }),
            "{error:?}"
        );
    }

    #[test]
    fn what_is_no_progress_is_passed_over() {
        let (progress, events) = read("#!/bin/sh\n# 7 x\n#x y\n[Container] 2026/01/01 Phase is BUILD\n# \n#7\n1 | x");
        assert!(events.is_empty() && progress.steps() == (0, 0));
        assert!(progress.failure("CodeBuild", "r.example/app").is_none());
    }
}
