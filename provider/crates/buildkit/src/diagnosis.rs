//! Which error a failed solve means.
//!
//! Responsible for decoding BuildKit's typed error details (the failed vertex, the file and the lines), which travel
//! as JSON inside the details of the gRPC status. Daemons from before those details, and errors of registries, are
//! recognised by their text: here and nowhere else.
//!
//! Refuses to guess: what is not recognised stays [`BuildError::BuilderFailed`] with the builder's own words.

use std::io;

use bollard_buildkit_proto::google::rpc;
use prost::Message;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::failure::{BuildError, LineRange, speaks_of_denial};
use crate::progress::{FailedStep, Progress};

/// How the frontend of older builders begins each of its errors.
const NO_DEFINITION: &str = "failed to create LLB definition: ";

/// Who failed at what; the words that errors need.
pub(crate) struct Circumstances<'a> {
    /// The endpoint.
    pub(crate) endpoint: String,
    /// The repository that is pushed to.
    pub(crate) repository: &'a str,
}

#[derive(Deserialize)]
struct VertexDetail {
    #[serde(default)]
    digest: String,
}

#[derive(Deserialize)]
struct SourceDetail {
    #[serde(default)]
    ranges: Vec<RangeDetail>,
}

#[derive(Deserialize)]
struct RangeDetail {
    start: LineDetail,
    end: LineDetail,
}

#[derive(Deserialize)]
struct LineDetail {
    #[serde(default)]
    line: u32,
}

/// What the typed details of a status say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Details {
    vertex: Option<String>,
    lines: Option<LineRange>,
}

/// Finds the error that a failed Solve means.
pub(crate) fn explain(status: &tonic::Status, progress: &Progress, circumstances: Circumstances<'_>) -> BuildError {
    let Circumstances { endpoint, repository } = circumstances;
    if std::error::Error::source(status).is_some() || status.code() == tonic::Code::Unavailable {
        return BuildError::Unavailable {
            endpoint,
            source: io::Error::other(status.message().to_owned()),
        };
    }
    let Details { vertex, lines } = details(status);
    let found = (vertex.as_deref(), lines);
    explain_text(
        status.message(),
        found,
        progress,
        Circumstances { endpoint, repository },
    )
}

/// Finds the error that a builder's text means, with the vertex and the lines that are known beside it.
pub(crate) fn explain_text(
    text: &str,
    (vertex, lines): (Option<&str>, Option<LineRange>),
    progress: &Progress,
    circumstances: Circumstances<'_>,
) -> BuildError {
    let Circumstances { endpoint, repository } = circumstances;
    let message = without_prefixes(text).to_owned();
    if let Some(reference) = between(&message, "failed to push ", ": ") {
        let reference = if reference.is_empty() { repository } else { reference }.to_owned();
        return match speaks_of_denial(&message) {
            true => BuildError::PushDenied { reference, message },
            false => BuildError::PushFailed { reference, message },
        };
    }
    if let Some(what) = between(&message, "granting entitlement ", " is not allowed") {
        return BuildError::Unsupported {
            what: format!("the entitlement `{what}`"),
            endpoint,
        };
    }
    if let Some(image) = unresolved_image(&message) {
        return BuildError::BaseImageUnavailable {
            image: image.to_owned(),
            dockerfile_lines: lines,
            message,
        };
    }
    if let Some(FailedStep { name, error, tail }) = progress.failed_step(vertex) {
        let message = if error.is_empty() { message } else { error };
        return BuildError::StepFailed {
            step: name,
            dockerfile_lines: lines,
            log_tail: tail,
            message,
        };
    }
    let line = lines.map(|range| range.first).or_else(|| line_in_text(&message));
    let signs = ["dockerfile parse error", NO_DEFINITION, "target stage "];
    if line.is_some() || signs.iter().any(|sign| message.contains(sign)) {
        return BuildError::DockerfileRejected { line, message };
    }
    BuildError::BuilderFailed { endpoint, message }
}

/// The builder puts its own layers before the cause.
fn without_prefixes(message: &str) -> &str {
    let mut rest = message;
    for prefix in [
        "failed to build: ",
        "failed to solve with frontend dockerfile.v0: ",
        "failed to solve: ",
        "failed to build LLB: ",
    ] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    rest
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(rest.split_once(after).map_or(rest, |(found, _)| found))
}

/// The image that could not be resolved. Builders before BuildKit 0.12 name it right after their own prefix; what else
/// follows that prefix is a sentence.
fn unresolved_image(message: &str) -> Option<&str> {
    between(message, "failed to resolve source metadata for ", ": ").or_else(|| {
        let image = message.strip_prefix(NO_DEFINITION)?.split_once(": ")?.0;
        (image.contains('/') && !image.contains(' ')).then_some(image)
    })
}

/// `dockerfile parse error line 3:` and `dockerfile parse error on line 3:`.
fn line_in_text(message: &str) -> Option<u32> {
    let (_, rest) = message.split_once("parse error ")?;
    rest.trim_start_matches("on ")
        .strip_prefix("line ")?
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn details(status: &tonic::Status) -> Details {
    let mut found = Details::default();
    let Ok(status) = rpc::Status::decode(status.details()) else {
        return found;
    };
    for detail in status.details {
        if detail.type_url.contains("errdefs.Vertex") {
            let vertex: Option<VertexDetail> = json(&detail.value);
            found.vertex = vertex
                .map(|vertex| vertex.digest)
                .filter(|digest| !digest.is_empty())
                .or(found.vertex);
        } else if detail.type_url.contains("errdefs.Source") {
            found.lines = json(&detail.value).and_then(lines).or(found.lines);
        }
    }
    found
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

fn lines(source: SourceDetail) -> Option<LineRange> {
    let first = source.ranges.iter().map(|range| range.start.line).min()?;
    let last = source
        .ranges
        .iter()
        .map(|range| range.end.line.max(range.start.line))
        .max()?;
    Some(LineRange { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard_buildkit_proto::google::protobuf::{Any, Timestamp};
    use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex};

    fn status(message: &str, details: &[(&str, &str)]) -> tonic::Status {
        let any = |(kind, value): &(&str, &str)| Any {
            type_url: format!("github.com/moby/buildkit/errdefs.{kind}+json"),
            value: value.as_bytes().to_vec(),
        };
        let details = rpc::Status {
            code: 2,
            message: message.into(),
            details: details.iter().map(any).collect(),
        };
        tonic::Status::with_details(tonic::Code::Unknown, message, details.encode_to_vec().into())
    }

    fn progress_with_failed(name: &str) -> Progress {
        let time = Some(Timestamp { seconds: 1, nanos: 0 });
        let vertex = Vertex {
            digest: "sha256:1".into(),
            name: name.into(),
            started: time,
            completed: time,
            error: "exit code: 3".into(),
            ..Vertex::default()
        };
        let mut progress = Progress::default();
        progress.apply(StatusResponse {
            vertexes: vec![vertex],
            ..StatusResponse::default()
        });
        progress
    }

    fn explained(status: &tonic::Status, progress: &Progress) -> BuildError {
        explain(
            status,
            progress,
            Circumstances {
                endpoint: "buildkitd".into(),
                repository: "r.example/app",
            },
        )
    }

    const SOURCE: &str = r#"{"info":{"filename":"Dockerfile","data":"RlJPTQ=="},
        "ranges":[{"start":{"line":4},"end":{"line":5}},{"start":{"line":2},"end":{"line":2}}]}"#;

    #[test]
    fn typed_details_name_the_vertex_and_all_its_lines() {
        let found = details(&status(
            "failed",
            &[("Vertex", r#"{"digest":"sha256:1"}"#), ("Source", SOURCE)],
        ));
        assert_eq!(
            found,
            Details {
                vertex: Some("sha256:1".into()),
                lines: Some(LineRange { first: 2, last: 5 })
            }
        );
    }

    #[test]
    fn details_that_are_no_json_are_left_alone() {
        assert_eq!(
            details(&status("failed", &[("Vertex", "\n\u{4}abc"), ("Source", "[]")])),
            Details::default()
        );
    }

    #[test]
    fn a_failed_step_has_its_name_and_lines() {
        let status = status(
            "failed to solve: exit code: 3",
            &[("Vertex", r#"{"digest":"sha256:1"}"#), ("Source", SOURCE)],
        );
        let error = explained(&status, &progress_with_failed("[2/2] RUN x"));
        let BuildError::StepFailed {
            step,
            dockerfile_lines,
            message,
            ..
        } = error
        else {
            panic!("{error:?}")
        };
        assert_eq!((step.as_str(), message.as_str()), ("[2/2] RUN x", "exit code: 3"));
        assert_eq!(dockerfile_lines, Some(LineRange { first: 2, last: 5 }));
    }

    #[test]
    fn refused_pushes_are_told_from_failed_ones() {
        let progress = progress_with_failed("exporting to image");
        let denied = "failed to push r.example/app: unexpected status from POST request: 403 Forbidden";
        assert!(explained(&status(denied, &[]), &progress).is_denied());
        let failed = explained(
            &status("failed to push r.example/app: dial tcp: connection refused", &[]),
            &progress,
        );
        assert!(matches!(&failed, BuildError::PushFailed { reference, .. } if reference == "r.example/app"));
        assert!(failed.is_transient() && !failed.is_denied());
    }

    #[test]
    fn images_that_cannot_be_resolved_are_named() {
        let texts = [
            "failed to solve: localhost:5000/no/such:image: failed to resolve source metadata for localhost:5000/no/such:image: not found",
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: localhost:5000/no/such:image: not found",
        ];
        for text in texts {
            let error = explained(&status(text, &[]), &Progress::default());
            assert!(
                matches!(&error, BuildError::BaseImageUnavailable { image, .. } if image == "localhost:5000/no/such:image")
            );
        }
    }

    #[test]
    fn rejected_dockerfiles_have_a_line_with_and_without_details() {
        let texts = [
            "failed to solve: dockerfile parse error on line 2: unknown instruction: COPPY",
            "failed to solve with frontend dockerfile.v0: failed to create LLB definition: dockerfile parse error line 2: unknown instruction: COPPY",
        ];
        for text in texts {
            let error = explained(&status(text, &[]), &Progress::default());
            assert!(
                matches!(error, BuildError::DockerfileRejected { line: Some(2), .. }),
                "{error:?}"
            );
        }
    }

    #[test]
    fn a_refused_entitlement_is_unsupported() {
        let text = "granting entitlement network.host is not allowed by build daemon configuration";
        let error = explained(&status(text, &[]), &Progress::default());
        assert_eq!(
            error.to_string(),
            "buildkitd does not support the entitlement `network.host`"
        );
    }

    #[test]
    fn a_lost_connection_is_unavailable() {
        let error = explained(&tonic::Status::unavailable("gone"), &Progress::default());
        assert!(matches!(error, BuildError::Unavailable { .. }));
    }

    #[test]
    fn anything_else_keeps_the_builders_words() {
        let error = explained(&status("failed to solve: out of cheese", &[]), &Progress::default());
        assert_eq!(error.to_string(), "buildkitd failed: out of cheese");
    }
}
