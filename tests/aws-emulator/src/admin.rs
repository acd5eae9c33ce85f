//! The admin plane: what tests read and arrange. Paths below `/_admin/`, on the plain listener only.
//!
//! | request | does |
//! |---|---|
//! | `GET ready` | answers once the emulator serves |
//! | `GET counters`, `DELETE counters` | requests by operation and host; start afresh |
//! | `GET requests` | the last requests with their status |
//! | `GET/POST/DELETE faults` | list, order (JSON body), cancel all |
//! | `POST seed?reference=HOST/NAME:TAG` | import an OCI image layout (tar body) |
//! | `GET repository?repository=HOST/NAME` | its tags, images and mutability |
//! | `PUT repository?repository=HOST/NAME[&mutability=IMMUTABLE]` | create it, or change whether tags may move |
//! | `PUT tag?reference=HOST/NAME:TAG&digest=sha256:…`, `DELETE tag?reference=…` | move or delete a tag, immutable or not |
//! | `DELETE image?repository=HOST/NAME&digest=sha256:…` | delete an image with its tags |
//! | `POST deny?action=ecr:BatchGetImage`, `DELETE deny` | deny an IAM action to everybody; take that back |
//! | `PUT identity?name=…[&account=…]` | an access key for a user |
//! | `PUT policy?identity=user/…`, `DELETE policy?identity=role/…` | what a user or role may do (policy document as body) |
//! | `PUT sessions?identity=role/…&lifetime=SECONDS`, `DELETE sessions?identity=role/…` | shorten new sessions; end all |
//! | `GET decisions[?identity=…]`, `DELETE decisions[?identity=…]` | which actions were asked for; forget them |
//! | `GET leftovers` | buckets with keys and open uploads, parameters, secrets, log groups with streams |
//! | `PUT bucket?name=…[&region=…][&kms=KEY_ARN]` | make a bucket, or change its region or default encryption |
//! | `PUT logs?delay=MILLISECONDS[&rate=READS_PER_SECOND][&group=…]` | when log events become visible; a limit on GetLogEvents |
//! | `POST logs?group=…&stream=…[&region=…]` | append the lines of the body to a log stream |
//! | `GET parameter?name=…[&region=…]`, `GET secret?id=…[&region=…]` | the value, decrypted |
//! | `PUT parameter?name=…&age=SECONDS` | make a parameter look as if it had been changed so long ago |
//! | `POST expire-tokens` | end all ECR logins |
//! | `codebuild/…` | see `codebuild::knobs` |
//! | `PUT blob-mounting?enabled=true` | the account setting of ECR |

mod identities;
mod services;

use std::collections::HashMap;

use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::codebuild;
use crate::digest::Digest;
use crate::emulator::Emulator;
use crate::faults::{Fault, FaultInvalid};
use crate::reply::{self, BodyRefused, Reply};
use crate::route::public_name;
use crate::seed::{self, SeedError};
use crate::store::{CatalogError, Mutability, RepositoryKey, is_tag};

#[derive(Debug, thiserror::Error)]
enum AdminError {
    #[error("no such request; see the documentation of the admin plane")]
    Unknown,
    #[error("query needs `{0}`")]
    Missing(&'static str),
    #[error("`{0}` is not HOST/NAME or HOST/NAME:TAG")]
    Reference(String),
    #[error("`{0}` is not a value of `{1}`")]
    Value(String, &'static str),
    #[error("`{0}` has no such tag or image")]
    NotFound(RepositoryKey),
    #[error("no such parameter or secret")]
    NoValue,
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Body(#[from] BodyRefused),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error(transparent)]
    Fault(#[from] FaultInvalid),
    #[error(transparent)]
    Knob(#[from] codebuild::KnobError),
    #[error(transparent)]
    Seed(#[from] SeedError),
    #[error(transparent)]
    Policy(#[from] crate::aws::PolicyInvalid),
}

struct Query(HashMap<String, String>);

/// Answers a request to the admin plane.
pub(crate) async fn answer(emulator: &Emulator, parts: &Parts, body: Incoming) -> Reply {
    let query = parts.uri.query().unwrap_or_default();
    let query = Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect());
    match operate(emulator, parts, &query, body).await {
        Ok(value) => reply::json(StatusCode::OK, &value),
        Err(error) => {
            let status = match error {
                AdminError::Unknown
                | AdminError::NoValue
                | AdminError::NotFound(_)
                | AdminError::Catalog(CatalogError::Unknown(_)) => StatusCode::NOT_FOUND,
                _ => StatusCode::BAD_REQUEST,
            };
            reply::json(status, &json!({"error": chain(&error)}))
        }
    }
}

async fn operate(emulator: &Emulator, parts: &Parts, query: &Query, body: Incoming) -> Result<Value, AdminError> {
    let path = parts.uri.path().trim_start_matches("/_admin/");
    if codebuild::is_admin_path(parts.uri.path()) {
        return Ok(codebuild::answer_admin(emulator, parts, body).await?);
    }
    match (parts.method.as_str(), path) {
        ("GET", "ready") => {}
        ("GET", "counters") => return Ok(emulator.traffic.counters()),
        ("DELETE", "counters") => emulator.traffic.reset(),
        ("GET", "requests") => return Ok(emulator.traffic.requests()),
        ("GET", "faults") => return Ok(json!({ "faults": emulator.faults.list() })),
        ("POST", "faults") => {
            let fault: Fault = serde_json::from_slice(&reply::read(body, 64 * 1024).await?)?;
            emulator.faults.add(fault)?;
        }
        ("DELETE", "faults") => emulator.faults.clear(),
        ("POST", "seed") => {
            let (key, tag) = query.reference()?;
            let digest = seed::import(emulator, (&key, &tag), body).await?;
            return Ok(json!({"reference": format!("{key}:{tag}"), "digest": digest.to_string()}));
        }
        ("POST", "deny") => emulator.permissions.deny(query.get("action")?),
        ("DELETE", "deny") => emulator.permissions.clear(),
        ("POST", "expire-tokens") => emulator.tokens.expire_all(),
        ("PUT", "blob-mounting") => emulator.set_blob_mounting(query.get("enabled")? == "true"),
        (_, "repository") => return repository(emulator, &parts.method, query),
        (_, "tag") => return tag(emulator, &parts.method, query),
        ("DELETE", "image") => return delete_image(emulator, query),
        (_, "identity" | "policy" | "sessions" | "decisions") => {
            return identities::operate(emulator, (parts.method.as_str(), path), query, body).await;
        }
        _ => return services::operate(emulator, (parts.method.as_str(), path), query, body).await,
    }
    Ok(json!({}))
}

fn repository(emulator: &Emulator, method: &Method, query: &Query) -> Result<Value, AdminError> {
    let key = query.repository("repository")?;
    if method == Method::PUT {
        let mutability = match query.get("mutability") {
            Ok(text) => Some(parse_mutability(text)?),
            Err(_) => None,
        };
        emulator.catalog.ensure(&key)?;
        emulator.catalog.change(&key, |repository| {
            repository.mutability = mutability.unwrap_or(repository.mutability);
            Ok::<_, AdminError>(())
        })?;
    } else if method != Method::GET {
        return Err(AdminError::Unknown);
    }
    Ok(emulator.catalog.look(&key, |repository| {
        let images = repository
            .images
            .iter()
            .map(|(digest, image)| (digest.to_string(), json!(image)));
        json!({
            "tags": repository.tags,
            "images": images.collect::<serde_json::Map<_, _>>(),
            "mutability": repository.mutability,
        })
    })?)
}

fn tag(emulator: &Emulator, method: &Method, query: &Query) -> Result<Value, AdminError> {
    let (key, tag) = query.reference()?;
    let wanted = match method.as_str() {
        "PUT" => Some(parse_digest(query.get("digest")?)?),
        "DELETE" => None,
        _ => return Err(AdminError::Unknown),
    };
    emulator.catalog.change(&key, |repository| match wanted {
        Some(digest) if repository.images.contains_key(&digest) => {
            repository.tags.insert(tag, digest);
            Ok(json!({}))
        }
        None if repository.tags.remove(&tag).is_some() => Ok(json!({})),
        _ => Err(AdminError::NotFound(key.clone())),
    })
}

fn delete_image(emulator: &Emulator, query: &Query) -> Result<Value, AdminError> {
    let key = query.repository("repository")?;
    let digest = parse_digest(query.get("digest")?)?;
    emulator.catalog.change(&key, |repository| {
        repository.tags.retain(|_, to| *to != digest);
        match repository.images.remove(&digest) {
            Some(_) => Ok(json!({})),
            None => Err(AdminError::NotFound(key.clone())),
        }
    })
}

impl Query {
    fn get(&self, name: &'static str) -> Result<&str, AdminError> {
        self.0.get(name).map(String::as_str).ok_or(AdminError::Missing(name))
    }

    /// Reads `HOST/NAME`, with Docker Hub's aliases and its `library/` put in order.
    fn repository(&self, name: &'static str) -> Result<RepositoryKey, AdminError> {
        parse_repository(self.get(name)?)
    }

    /// Reads `HOST/NAME:TAG`.
    fn reference(&self) -> Result<(RepositoryKey, String), AdminError> {
        let text = self.get("reference")?;
        match text.rsplit_once(':') {
            Some((repository, tag)) if is_tag(tag) => Ok((parse_repository(repository)?, tag.to_owned())),
            _ => Err(AdminError::Reference(text.to_owned())),
        }
    }
}

fn parse_repository(text: &str) -> Result<RepositoryKey, AdminError> {
    let refuse = || AdminError::Reference(text.to_owned());
    let (host, name) = text.split_once('/').ok_or_else(refuse)?;
    let host = public_name(host);
    let library = if host == public_name("index.docker.io") && !name.contains('/') {
        "library/"
    } else {
        ""
    };
    let host = if host.starts_with("localhost:") || host.starts_with("127.0.0.1") {
        "localhost"
    } else {
        host
    };
    format!("{host}/{library}{name}").parse().map_err(|_| refuse())
}

fn parse_mutability(text: &str) -> Result<Mutability, AdminError> {
    let value = Value::String(text.to_owned());
    serde_json::from_value(value).map_err(|_| AdminError::Value(text.to_owned(), "mutability"))
}

fn parse_digest(text: &str) -> Result<Digest, AdminError> {
    text.parse().map_err(|_| AdminError::Value(text.to_owned(), "digest"))
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
