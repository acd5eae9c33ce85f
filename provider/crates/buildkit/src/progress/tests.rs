//! Facts about the reduction of status messages.
//!
//! Responsible for counting, naming and bounding, on messages made by hand.
//!
//! Refuses to need a builder.

use super::*;
use bollard_buildkit_proto::pb;

fn at(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds, nanos: 0 })
}

fn vertex(digest: &str, name: &str) -> Vertex {
    Vertex {
        digest: digest.into(),
        name: name.into(),
        started: at(10),
        ..Vertex::default()
    }
}

fn ended(vertex: Vertex) -> Vertex {
    Vertex {
        completed: at(20),
        ..vertex
    }
}

fn vertices(vertexes: Vec<Vertex>) -> StatusResponse {
    StatusResponse {
        vertexes,
        ..StatusResponse::default()
    }
}

fn output(digest: &str, msg: &[u8]) -> StatusResponse {
    let log = VertexLog {
        vertex: digest.into(),
        msg: msg.into(),
        timestamp: at(15),
        stream: 1,
    };
    StatusResponse {
        logs: vec![log],
        ..StatusResponse::default()
    }
}

fn lines(events: &[ProgressEvent]) -> Vec<&str> {
    let mut lines = Vec::new();
    for event in events {
        if let ProgressEvent::Log { line, .. } = event {
            lines.push(line.as_str());
        }
    }
    lines
}

#[test]
fn only_dockerfile_steps_have_a_position() {
    let positions = [
        "[2/4] RUN x",
        "[build 1/3] FROM a",
        "[linux/amd64 build 10/12] COPY [1/2] b",
        "[internal] load",
        "exporting to image",
        "[auth] a/b",
    ];
    let positions = positions.map(position);
    assert_eq!(
        positions,
        [Some((2, 4)), Some((1, 3)), Some((10, 12)), None, None, None]
    );
}

/// Announces vertices as a builder does when it loads a Dockerfile.
fn announced(vertexes: &[Vertex]) -> StatusResponse {
    vertices(
        vertexes
            .iter()
            .map(|vertex| Vertex {
                started: None,
                completed: None,
                cached: false,
                ..vertex.clone()
            })
            .collect(),
    )
}

#[test]
fn steps_are_counted_and_internal_vertices_are_not() {
    let mut progress = Progress::default();
    let cached = Vertex {
        cached: true,
        ..ended(vertex("b", "[2/3] COPY a b"))
    };
    let all = vec![
        vertex("i", "[internal] load"),
        ended(vertex("a", "[1/3] FROM x")),
        cached,
    ];
    progress.apply(announced(&[&all[..], &[vertex("c", "[3/3] RUN x")]].concat()));
    assert_eq!(progress.steps(), (0, 0));
    progress.apply(vertices(all));
    assert_eq!(progress.steps(), (2, 1));
}

#[test]
fn a_step_that_another_build_runs_is_not_counted_under_its_name_there() {
    let mut progress = Progress::default();
    let ours = Vertex {
        cached: true,
        ..ended(vertex("a", "[1/2] RUN x"))
    };
    progress.apply(announced(std::slice::from_ref(&ours)));
    progress.apply(vertices(vec![ended(vertex("b", "[base 3/7] RUN x"))]));
    progress.apply(vertices(vec![ours]));
    assert_eq!(progress.steps(), (1, 1));
}

#[test]
fn a_step_that_is_shared_under_one_name_begins_and_ends_once() {
    let mut progress = Progress::default();
    let mut events = progress.apply(vertices(vec![vertex("a", "[1/1] RUN x")]));
    let shared = Vertex {
        cached: true,
        ..ended(vertex("b", "[1/1] RUN x"))
    };
    events.extend(progress.apply(vertices(vec![shared, ended(vertex("a", "[1/1] RUN x"))])));
    let started = ProgressEvent::StepStarted {
        name: "[1/1] RUN x".into(),
        index: 1,
        total: 1,
    };
    let finished = ProgressEvent::StepFinished {
        name: "[1/1] RUN x".into(),
        cached: true,
        error: None,
    };
    assert_eq!(events, [started, finished]);
}

#[test]
fn output_is_cut_into_lines_across_messages() {
    let mut progress = Progress::default();
    progress.apply(vertices(vec![vertex("a", "[1/1] RUN x")]));
    assert_eq!(lines(&progress.apply(output("a", b"one\r\ntw"))), ["one"]);
    assert_eq!(lines(&progress.apply(output("a", b"o\nthr"))), ["two"]);
    assert_eq!(
        lines(&progress.apply(vertices(vec![ended(vertex("a", "[1/1] RUN x"))]))),
        ["thr"]
    );
}

#[test]
fn a_step_keeps_its_last_forty_lines() {
    let mut progress = Progress::default();
    let text: String = (1..=100).map(|n| format!("{n}\n")).collect();
    progress.apply(output("a", text.as_bytes()));
    progress.apply(vertices(vec![Vertex {
        error: "exit code: 1".into(),
        ..ended(vertex("a", "[1/1] RUN x"))
    }]));
    let failed = progress.failed_step(None).unwrap();
    assert_eq!(
        (failed.tail.len(), failed.tail[0].as_str(), failed.tail[39].as_str()),
        (40, "61", "100")
    );
}

#[test]
fn endless_lines_are_cut() {
    let mut progress = Progress::default();
    let events = progress.apply(output("a", &vec![b'x'; 3 * LINE_BYTES + 1]));
    assert_eq!(
        lines(&events).iter().map(|line| line.len()).collect::<Vec<_>>(),
        [LINE_BYTES; 3]
    );
}

#[test]
fn the_step_that_failed_by_itself_is_told_from_those_cancelled_with_it() {
    let mut progress = Progress::default();
    let cancelled = Vertex {
        error: "context canceled".into(),
        ..ended(vertex("a", "[a 1/1] RUN x"))
    };
    let failed = Vertex {
        error: "exit code: 1".into(),
        ..ended(vertex("b", "[b 1/1] RUN y"))
    };
    progress.apply(vertices(vec![cancelled, failed]));
    assert_eq!(progress.failed_step(None).unwrap().name, "[b 1/1] RUN y");
    assert_eq!(progress.failed_step(Some("a")).unwrap().name, "[a 1/1] RUN x");
}

#[test]
fn a_failed_export_is_no_failed_step() {
    let mut progress = Progress::default();
    progress.apply(vertices(vec![Vertex {
        error: "denied".into(),
        ..ended(vertex("e", "exporting to image"))
    }]));
    assert_eq!(progress.failed_step(None), None);
    assert_eq!(progress.failed_step(Some("e")), None);
}

#[test]
fn the_latest_time_of_any_message_counts() {
    let mut progress = Progress::default();
    progress.apply(output("a", b"x"));
    assert_eq!(progress.latest_second(), 15);
    progress.apply(vertices(vec![ended(vertex("a", "[1/1] RUN x"))]));
    progress.apply(output("a", b"x"));
    assert_eq!(progress.latest_second(), 20);
}

#[test]
fn a_warning_is_told_once_and_with_its_line() {
    let mut progress = Progress::default();
    let start = pb::Position { line: 3, character: 0 };
    let ranges = vec![pb::Range {
        start: Some(start),
        end: None,
    }];
    let warning = VertexWarning {
        short: b"FromAsCasing".to_vec(),
        ranges,
        ..VertexWarning::default()
    };
    let message = StatusResponse {
        warnings: vec![warning.clone(), warning],
        ..StatusResponse::default()
    };
    assert_eq!(
        progress.apply(message),
        [ProgressEvent::Warning("line 3: FromAsCasing".into())]
    );
    assert_eq!(progress.warnings(), ["line 3: FromAsCasing"]);
}

#[test]
fn base_images_are_read_from_the_names_of_their_steps() {
    let names = [
        "[build 1/3] FROM docker.io/library/alpine:3@sha256:1",
        "FROM localhost:5000/app:v1@sha256:2",
        "[2/3] COPY --from=localhost:5000/b@sha256:3 /a /b",
        "[2/2] RUN echo [x] FROM a@sha256:4",
        "[1/2] FROM docker.io/library/local:latest",
        "[internal] load metadata for docker.io/library/alpine:3",
    ];
    let announced = names.iter().enumerate().map(|(i, name)| Vertex {
        digest: format!("sha256:{i}"),
        name: (*name).to_owned(),
        ..Vertex::default()
    });
    let mut progress = Progress::default();
    progress.apply(StatusResponse {
        vertexes: announced.collect(),
        ..StatusResponse::default()
    });
    let pair = |reference: &str, digest: &str| (reference.to_owned(), digest.to_owned());
    let expected = [
        pair("docker.io/library/alpine:3", "sha256:1"),
        pair("localhost:5000/app:v1", "sha256:2"),
    ];
    assert_eq!(progress.base_images(), expected.into());
}

fn hiding(value: &str) -> Progress {
    Progress::hiding(Redactor::of([value.as_bytes()]))
}

#[test]
fn a_secret_that_arrives_byte_by_byte_on_two_streams_is_hidden() {
    let mut progress = hiding("canary-value");
    let mut events = Vec::new();
    for byte in b"is canary-value\n" {
        for stream in [1, 2] {
            let mut message = output("a", &[*byte]);
            message.logs[0].stream = stream;
            events.extend(progress.apply(message));
        }
    }
    assert_eq!(lines(&events), ["is ***", "is ***"]);
}

#[test]
fn a_secret_is_hidden_where_a_long_line_is_cut() {
    for before in LINE_BYTES - 13..=LINE_BYTES {
        for chunk in [1, 7, 20_000] {
            let mut progress = hiding("canary-value");
            let text = format!("{}canary-value{}\n", "x".repeat(before), "y".repeat(100));
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(chunk) {
                events.extend(progress.apply(output("a", piece)));
            }
            let shown = lines(&events).concat();
            assert_eq!(
                shown,
                format!("{}***{}", "x".repeat(before), "y".repeat(100)),
                "{before} {chunk}"
            );
        }
    }
}

#[test]
fn an_unfinished_line_of_a_failed_step_hides_secrets() {
    let mut progress = hiding("canary-value");
    progress.apply(output("a", b"canary-value"));
    let failed = Vertex {
        error: "exit code: 1".into(),
        ..vertex("a", "[2/2] RUN x")
    };
    progress.apply(vertices(vec![failed]));
    assert_eq!(progress.failed_step(None).unwrap().tail, ["***"]);
}

#[test]
fn a_cached_build_ran_nothing_and_looking_up_a_base_image_is_no_step() {
    let mut progress = Progress::default();
    let base = vertex("a", "[1/2] FROM docker.io/library/alpine:3@sha256:1");
    let run = Vertex {
        cached: true,
        ..vertex("b", "[2/2] RUN x")
    };
    progress.apply(vertices(vec![ended(base), ended(run)]));
    assert!(!progress.ran());
    progress.apply(vertices(vec![ended(vertex("c", "[other 1/1] RUN y"))]));
    assert!(progress.ran());
}
