//! What an answer of a registry means: a manifest, a definite "there is none", or one of our errors.
//!
//! Follows the error codes of the OCI distribution specification. An answer that does not come from a registry, such as
//! the error page of a proxy, is never taken for "there is none".

use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde::Deserialize;

use crate::error::{Call, Diagnostics, RegistryError};
use crate::http::Answer;
use crate::manifest::{Manifest, named_media_type};
use crate::reference::{Digest, Reference};
use crate::request::Action;

#[derive(Deserialize)]
struct Envelope {
    errors: Vec<Problem>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The manifest in the answer to a request for `reference`; `None` when there is definitely none.
pub(crate) fn manifest(answer: Answer, call: Call, reference: &Reference) -> Result<Option<Manifest>, RegistryError> {
    if answer.status == StatusCode::OK {
        let announced = content_digest(&answer.headers);
        let media_type = media_type(&answer);
        let actual = Digest::of(&answer.body);
        let asked = if let Reference::Digest(digest) = reference {
            Some(digest.clone())
        } else {
            None
        };
        if let Some(expected) = [asked, announced]
            .into_iter()
            .flatten()
            .find(|expected| *expected != actual)
        {
            return Err(RegistryError::DigestMismatch { expected, actual, call });
        }
        return Manifest::parse(&media_type, answer.body).map(Some);
    }
    if is_manifest_unknown(&answer) {
        Ok(None)
    } else {
        Err(problem(&answer, call, Action::Pull, true))
    }
}

/// Whether a tag was refused because it exists and may not be moved. Registries agree on no code for it.
pub(crate) fn is_tag_immutable(answer: &Answer) -> bool {
    let said = said(answer).as_str().to_ascii_lowercase();
    let other_meaning = matches!(answer.status.as_u16(), 401 | 404 | 429);
    answer.status.is_client_error()
        && !other_meaning
        && (said.contains("immutable") || said.contains("imagetagalreadyexists"))
}

/// Whether a login was refused in a way that a new login may cure. ECR says 403 when its token has expired.
pub(crate) fn asks_for_login(answer: &Answer) -> bool {
    let expired = || said(answer).as_str().contains("token has expired");
    answer.status == StatusCode::UNAUTHORIZED || (answer.status == StatusCode::FORBIDDEN && expired())
}

/// The digest that the registry announces, if it is one that we can verify.
pub(crate) fn content_digest(headers: &HeaderMap) -> Option<Digest> {
    Digest::parse(headers.get("docker-content-digest")?.to_str().ok()?).ok()
}

/// The error that an answer without success stands for.
pub(crate) fn problem(answer: &Answer, call: Call, action: Action, presented: bool) -> RegistryError {
    let said = said(answer);
    let status = answer.status.as_u16();
    match status {
        401 => RegistryError::Unauthenticated { presented, call, said },
        403 => RegistryError::Denied { action, call, said },
        404 if has_code(answer, &["NAME_UNKNOWN"]) => RegistryError::RepositoryMissing { call, said },
        429 => RegistryError::RateLimited { call, said },
        500.. => RegistryError::ServerFailed { status, call, said },
        _ if has_code(answer, &["TOOMANYREQUESTS"]) => RegistryError::RateLimited { call, said },
        _ if has_code(answer, &["DENIED"]) => RegistryError::Denied { action, call, said },
        _ => RegistryError::Refused { status, call, said },
    }
}

/// A registry that says "not found" names the manifest, or at least itself.
fn is_manifest_unknown(answer: &Answer) -> bool {
    let is_registry = answer.headers.contains_key("docker-distribution-api-version");
    answer.status == StatusCode::NOT_FOUND
        && match envelope(answer) {
            Some(_) => has_code(answer, &["MANIFEST_UNKNOWN", "NOT_FOUND"]),
            None => is_registry && answer.body.is_empty(),
        }
}

fn has_code(answer: &Answer, codes: &[&str]) -> bool {
    envelope(answer).is_some_and(|envelope| envelope.errors.iter().any(|error| codes.contains(&error.code.as_str())))
}

fn envelope(answer: &Answer) -> Option<Envelope> {
    serde_json::from_slice(&answer.body).ok()
}

fn said(answer: &Answer) -> Diagnostics {
    let Some(envelope) = envelope(answer) else {
        return Diagnostics::new(&String::from_utf8_lossy(&answer.body));
    };
    let errors = envelope.errors.iter().map(|error| match error.message.as_str() {
        "" => error.code.clone(),
        message => format!("{}: {message}", error.code),
    });
    Diagnostics::new(&errors.collect::<Vec<_>>().join("; "))
}

/// The media type in the header; in the manifest when the header names none that says anything.
fn media_type(answer: &Answer) -> String {
    let header = answer
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let header = header.split(';').next().unwrap_or_default().trim();
    match header {
        "" | "application/json" | "application/octet-stream" | "text/plain" => {
            named_media_type(&answer.body).unwrap_or_else(|| header.to_owned())
        }
        _ => header.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers
                .iter()
                .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
                .collect(),
            body: body.to_owned().into(),
        }
    }

    fn code(code: &str) -> String {
        format!(r#"{{"errors":[{{"code":"{code}","message":"m"}}]}}"#)
    }

    #[test]
    fn only_a_registry_that_names_the_manifest_is_believed() {
        let registry = [("docker-distribution-api-version", "registry/2.0")];
        let rows = [
            (404, &[][..], code("MANIFEST_UNKNOWN"), true),
            (404, &[], code("NOT_FOUND"), true),
            (404, &registry, String::new(), true),
            (404, &[], String::new(), false),
            (404, &[], code("NAME_UNKNOWN"), false),
            (404, &registry, code("NAME_UNKNOWN"), false),
            (404, &registry, "<html>not found</html>".to_owned(), false),
            (403, &registry, code("MANIFEST_UNKNOWN"), false),
            (500, &registry, code("MANIFEST_UNKNOWN"), false),
        ];
        for (status, headers, body, expected) in rows {
            assert_eq!(
                is_manifest_unknown(&answer(status, headers, &body)),
                expected,
                "{status} {headers:?} {body}"
            );
        }
    }

    #[test]
    fn immutable_tags_of_several_registries_are_recognised() {
        let ecr = r#"{"errors":[{"code":"TAG_INVALID","message":"The image tag 'T' already exists in the 'R' repository and cannot be overwritten because the tag is immutable."}]}"#;
        let api = r#"{"errors":[{"code":"ImageTagAlreadyExistsException"}]}"#;
        let harbor = r#"{"errors":[{"code":"PRECONDITION","message":"Failed to process request due to 'a:b' configured as immutable."}]}"#;
        for (status, body) in [(400, ecr), (400, api), (412, harbor)] {
            assert!(is_tag_immutable(&answer(status, &[], body)), "{body}");
        }
        for (status, body) in [
            (400, code("TAG_INVALID")),
            (500, ecr.to_owned()),
            (404, ecr.to_owned()),
            (201, ecr.to_owned()),
        ] {
            assert!(!is_tag_immutable(&answer(status, &[], &body)), "{status} {body}");
        }
    }
}
