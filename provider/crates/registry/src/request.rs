//! One request of the distribution protocol as a value: address, action, body. Sends nothing.
//!
//! Follows the OCI distribution specification for pulling and pushing manifests, and for pulling blobs. Plain HTTP is used for this machine
//! only, as Docker does.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::error::{Call, RegistryError};
use crate::host;
use crate::manifest::{ACCEPTED, Manifest};
use crate::reference::{Digest, Reference};
use crate::repository::Repository;

/// What is done to a repository, in the words of registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Reading.
    Pull,
    /// Writing.
    Push,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::Push => "push",
        })
    }
}

/// What an authorization is good for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Scope {
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) action: Action,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let actions = match self.action {
            Action::Pull => "pull",
            Action::Push => "pull,push",
        };
        write!(f, "repository:{}:{actions}", self.path)
    }
}

/// A request that can be sent any number of times.
pub(crate) struct Request {
    pub(crate) scope: Scope,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

impl Request {
    /// Asks for the headers of a manifest only.
    pub(crate) fn head_manifest(repository: &Repository, reference: &Reference) -> Self {
        Self {
            method: Method::HEAD,
            ..Self::get_manifest(repository, reference)
        }
    }

    pub(crate) fn get_manifest(repository: &Repository, reference: &Reference) -> Self {
        let accepted = ACCEPTED
            .iter()
            .map(|media_type| (ACCEPT, HeaderValue::from_static(media_type)));
        let mut headers = HeaderMap::new();
        for (name, value) in accepted {
            headers.append(name, value);
        }
        Self {
            scope: scope(repository, Action::Pull),
            method: Method::GET,
            url: url(repository, "manifests", reference),
            headers,
            body: None,
        }
    }

    pub(crate) fn get_blob(repository: &Repository, digest: &Digest) -> Self {
        Self {
            scope: scope(repository, Action::Pull),
            method: Method::GET,
            url: url(repository, "blobs", digest),
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(crate) fn put_manifest(
        repository: &Repository,
        manifest: &Manifest,
        reference: &Reference,
    ) -> Result<Self, RegistryError> {
        let url = url(repository, "manifests", reference);
        let media_type = HeaderValue::from_str(&manifest.media_type).map_err(|_| RegistryError::Malformed {
            problem: format!(
                "the media type `{}` is no header value",
                manifest.media_type.escape_default()
            ),
            call: Call::new("PUT", url.as_str()),
        })?;
        Ok(Self {
            scope: scope(repository, Action::Push),
            method: Method::PUT,
            url,
            headers: HeaderMap::from_iter([(CONTENT_TYPE, media_type)]),
            body: Some(manifest.bytes.clone()),
        })
    }

    pub(crate) fn call(&self) -> Call {
        let method = match self.method {
            Method::PUT => "PUT",
            Method::HEAD => "HEAD",
            _ => "GET",
        };
        Call::new(method, self.url.as_str())
    }
}

fn scope(repository: &Repository, action: Action) -> Scope {
    Scope {
        host: repository.host().to_owned(),
        path: repository.path().to_owned(),
        action,
    }
}

fn url(repository: &Repository, kind: &str, name: &dyn fmt::Display) -> String {
    let scheme = if repository.is_loopback() { "http" } else { "https" };
    format!(
        "{scheme}://{}/v2/{}/{kind}/{name}",
        host::api_host(repository.host()),
        repository.path()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Tag;

    #[test]
    fn plain_http_is_for_this_machine_only() {
        let rows = [
            ("localhost:5000/app", "http://localhost:5000/v2/app/manifests/v1"),
            ("ghcr.io/me/app", "https://ghcr.io/v2/me/app/manifests/v1"),
            ("alpine", "https://registry-1.docker.io/v2/library/alpine/manifests/v1"),
        ];
        for (repository, url) in rows {
            let repository = Repository::parse(repository).unwrap();
            let reference = Reference::Tag(Tag::parse("v1").unwrap());
            assert_eq!(Request::get_manifest(&repository, &reference).url, url);
        }
    }
}
