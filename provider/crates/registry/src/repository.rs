//! A repository: the host of a registry and a path in it.
//!
//! Follows Docker's reference grammar, including its normalisation: a name without a host lives on Docker Hub, and a
//! single component there is an official image under `library/`. Tags and digests are refused here, because a
//! repository with a tag in it would silently publish somewhere else than the program says.

use std::fmt;
use std::str::FromStr;

use crate::host::{self, DOCKER_HUB};
use crate::reference::{Digest, Reference, ReferenceError, Tag};

const NAME_MAX: usize = 255;

/// The host of a registry and a path in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    host: String,
    path: String,
}

impl Repository {
    /// Takes an image reference apart: `repository:tag`, `repository@sha256:…`, or `repository` for its `latest`. A tag
    /// beside a digest does not count, as everywhere.
    ///
    /// # Errors
    /// A [`ReferenceError`] that says which part is wrong and what to write instead.
    pub fn parse_image(image: &str) -> Result<(Self, Reference), ReferenceError> {
        let (name, digest) = image
            .split_once('@')
            .map_or((image, None), |(name, digest)| (name, Some(digest)));
        let path = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[path..].rfind(':') {
            Some(at) => (&name[..path + at], &name[path + at + 1..]),
            None => (name, "latest"),
        };
        let reference = match digest {
            Some(digest) => Reference::Digest(Digest::parse(digest)?),
            None => Reference::Tag(Tag::parse(tag)?),
        };
        Ok((Self::parse(repository)?, reference))
    }

    /// Checks and normalises `host[:port]/path`.
    ///
    /// # Errors
    /// A [`ReferenceError`] that says which part is wrong and what to write instead.
    pub fn parse(repository: &str) -> Result<Self, ReferenceError> {
        let written = || repository.to_owned();
        if repository.trim().is_empty() {
            return Err(ReferenceError::EmptyRepository);
        }
        if repository.contains("://") {
            return Err(ReferenceError::Scheme { repository: written() });
        }
        if repository.contains('@') {
            return Err(ReferenceError::DigestInRepository { repository: written() });
        }
        let (host, path) = host::split_host(repository);
        if let Some((_, tag)) = path.rsplit_once(':') {
            return Err(ReferenceError::TagInRepository {
                repository: written(),
                tag: tag.to_owned(),
            });
        }
        if let Some(component) = path.split('/').find(|component| !is_path_component(component)) {
            return Err(ReferenceError::InvalidPath {
                repository: written(),
                component: component.to_owned(),
            });
        }
        let normal = normalise(host, path);
        if !is_valid_host(&normal.host) {
            return Err(ReferenceError::InvalidHost {
                repository: written(),
                host: normal.host,
            });
        }
        if normal.host.len() + 1 + normal.path.len() > NAME_MAX {
            return Err(ReferenceError::TooLong { repository: written() });
        }
        Ok(normal)
    }

    /// The registry's host with its port, if one was given; `docker.io` for Docker Hub.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The path inside the registry.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the registry is on this machine, and so may be reached over plain HTTP.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        host::is_loopback(&self.host)
    }

    /// `repository:tag`.
    #[must_use]
    pub fn with_tag(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// `repository@digest`, which names the same bytes for ever.
    #[must_use]
    pub fn with_digest(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

fn normalise(host: Option<&str>, path: &str) -> Repository {
    let host = host.map_or_else(|| DOCKER_HUB.to_owned(), host::canonical);
    let official = host == DOCKER_HUB && !path.contains('/');
    let path = if official {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    Repository { host, path }
}

/// Runs of lower-case letters and digits, separated by one dot, one or two underscores, or any number of dashes.
fn is_path_component(component: &str) -> bool {
    let alphanumeric = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    let ends_well = component.starts_with(alphanumeric) && component.ends_with(alphanumeric);
    let separators = component.split(alphanumeric).filter(|run| !run.is_empty());
    ends_well
        && separators
            .into_iter()
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn is_valid_host(host: &str) -> bool {
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some(rest) = host.strip_prefix('[') {
        let Some((address, port)) = rest.split_once(']') else {
            return false;
        };
        let port_is_good = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return address.parse::<std::net::Ipv6Addr>().is_ok() && port_is_good;
    }
    let (name, port) = host
        .split_once(':')
        .map_or((host, None), |(name, port)| (name, Some(port)));
    port.is_none_or(is_port) && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && label.bytes().all(good) && !label.starts_with('-') && !label.ends_with('-')
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

impl FromStr for Repository {
    type Err = ReferenceError;

    fn from_str(repository: &str) -> Result<Self, Self::Err> {
        Self::parse(repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_normalised_as_docker_does() {
        let rows = [
            ("alpine", "docker.io/library/alpine"),
            ("me/app", "docker.io/me/app"),
            ("docker.io/alpine", "docker.io/library/alpine"),
            ("index.docker.io/me/app", "docker.io/me/app"),
            ("ghcr.io/me/app", "ghcr.io/me/app"),
            ("GHCR.io/me/app", "ghcr.io/me/app"),
            ("localhost/app", "localhost/app"),
            ("localhost:5000/a/b/c", "localhost:5000/a/b/c"),
            ("[::1]:5000/app", "[::1]:5000/app"),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a_b/c--d.e__f",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/a_b/c--d.e__f",
            ),
        ];
        for (written, normal) in rows {
            assert_eq!(Repository::parse(written).unwrap().to_string(), normal, "{written}");
            assert_eq!(Repository::parse(normal).unwrap().to_string(), normal, "{normal}");
        }
    }

    #[test]
    fn a_wrong_repository_is_refused_for_what_is_wrong_with_it() {
        let long = format!("ghcr.io/{}", "a".repeat(250));
        let rows = [
            ("", "is empty"),
            ("  ", "is empty"),
            ("https://ghcr.io/me/app", "scheme"),
            ("ghcr.io/me/app:v1", "tag `v1`"),
            ("app:v1", "tag `v1`"),
            ("ghcr.io/me/app@sha256:00", "digest"),
            ("ghcr.io/Me/app", "component `Me`"),
            ("ghcr.io/me//app", "component ``"),
            ("ghcr.io/", "component ``"),
            ("ghcr.io/me/app/", "component ``"),
            ("ghcr.io/a..b", "component `a..b`"),
            ("ghcr.io/a___b", "component `a___b`"),
            ("ghcr.io/-a", "component `-a`"),
            ("ghcr.io/a b", "component `a b`"),
            ("ghcr.io:x/app", "host `ghcr.io:x`"),
            ("ghcr.io:0/app", "host `ghcr.io:0`"),
            ("a..b/app", "host `a..b`"),
            ("[::g]:1/app", "host `[::g]:1`"),
            (long.as_str(), "longer than 255"),
        ];
        for (written, expected) in rows {
            let message = Repository::parse(written).unwrap_err().to_string();
            assert!(message.contains(expected), "{written}: {message}");
        }
    }
}
