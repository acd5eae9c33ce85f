//! The registry API (`/v2/`) in three temperaments: ECR, a public registry, and a plain one.
//!
//! `resource` reads paths, `access` decides who may do what, `uploads`, `blobs` and `manifests` hold the rules, `bearer`
//! is the token server of public registries, `error` the error documents.
//! Follows the OCI distribution specification, narrowed to what each kind of registry does.

mod access;
mod bearer;
mod blobs;
mod error;
mod manifests;
mod resource;
mod uploads;

use http::header::HeaderName;
use http::request::Parts;
use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

pub(crate) use bearer::{BearerTokens, DOCKER_HUB, answer as answer_token};
pub(crate) use blobs::answer_layer;
pub(crate) use error::error_reply;
pub(crate) use manifests::{ReferencesMissing, check_references};
pub(crate) use resource::Resource;
pub(crate) use uploads::Uploads;

use crate::emulator::Emulator;
use crate::reply::{self, Reply, WithHeader};
use crate::store::RepositoryKey;
use error::RegistryError;

/// Which rules a registry follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ECR's: logins from the control plane, existing repositories only, blobs from S3.
    Ecr {
        /// Account that owns the registry.
        account: String,
        /// Region of the registry.
        region: String,
    },
    /// Docker Hub's: anonymous pulls with a Bearer token, no pushes.
    Public,
    /// Those of a registry of one's own: Basic authentication at most, repositories appear when pushed to.
    Plain,
}

/// A registry that a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registry {
    /// Host that repositories are filed under, without a port.
    pub(crate) name: String,
    /// Rules that it follows.
    pub(crate) kind: Kind,
}

/// A request to a registry.
pub(crate) struct Exchange<'a> {
    /// State of everything.
    pub(crate) emulator: &'a Emulator,
    /// Registry that is asked.
    pub(crate) registry: &'a Registry,
    /// Method, path, query and headers.
    pub(crate) parts: &'a Parts,
    /// Scheme, host and port that the client used.
    pub(crate) origin: &'a str,
}

/// Answers a request for `resource`.
pub(crate) async fn answer(exchange: &Exchange<'_>, resource: &Resource, body: Incoming) -> Reply {
    let outcome = match exchange.admit(resource) {
        Ok(()) => exchange.operate(resource, body).await,
        Err(refusal) => Err(refusal),
    };
    outcome.unwrap_or_else(|error| error.render(exchange.registry)).with(
        HeaderName::from_static("docker-distribution-api-version"),
        "registry/2.0",
    )
}

impl Exchange<'_> {
    async fn operate(&self, resource: &Resource, body: Incoming) -> Result<Reply, RegistryError> {
        let method = &self.parts.method;
        let reads = method == Method::GET || method == Method::HEAD;
        match resource {
            Resource::Ping if reads => Ok(reply::json(StatusCode::OK, &json!({}))),
            Resource::Manifest { name, reference } if reads => self.get_manifest(name, reference).await,
            Resource::Manifest { name, reference } if method == Method::PUT => {
                self.put_manifest(name, reference, body).await
            }
            Resource::Blob { name, digest } if reads => self.get_blob(name, digest).await,
            Resource::Uploads { name } if method == Method::POST => self.start_upload(name),
            Resource::Upload { name, id } => self.upload(name, id, body).await,
            Resource::Tags { name } if method == Method::GET => self.list_tags(name),
            Resource::Unknown => Err(RegistryError::NotFound),
            _ => Err(RegistryError::Unsupported),
        }
    }

    fn key(&self, name: &str) -> RepositoryKey {
        RepositoryKey {
            registry: self.registry.name.clone(),
            name: name.to_owned(),
        }
    }

    fn query(&self, name: &str) -> Option<String> {
        let query = self.parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
