//! Registry hosts: which part of a name is one, the many names of Docker Hub, and which hosts are this machine.
//!
//! Follows the reference grammar of Docker: the first component of a name is a host when it has a dot, a colon or an
//! upper-case letter, or is `localhost`; every other name lives on Docker Hub. Performs no look-up of any kind.

use std::net::Ipv4Addr;

/// Docker Hub as it is written in image names.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// The address under which Docker's configuration file keeps the login of Docker Hub.
pub(crate) const DOCKER_HUB_INDEX: &str = "https://index.docker.io/v1/";

/// The host that serves the distribution protocol for Docker Hub.
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// Splits a name into the host, if it starts with one, and the rest.
pub(crate) fn split_host(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, rest)) if is_host(first) => (Some(first), rest),
        _ => (None, name),
    }
}

fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':']) || component.chars().any(char::is_uppercase)
}

/// One spelling for a registry's address: no scheme, no path, lower case, one name for Docker Hub.
pub(crate) fn canonical(address: &str) -> String {
    let address = address.trim();
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = bare.split('/').next().unwrap_or(bare).to_ascii_lowercase();
    match host.as_str() {
        "index.docker.io" | DOCKER_HUB_API | "registry.hub.docker.com" => DOCKER_HUB.to_owned(),
        _ => host,
    }
}

/// The host to connect to for a canonical host.
pub(crate) fn api_host(host: &str) -> &str {
    if host == DOCKER_HUB { DOCKER_HUB_API } else { host }
}

/// Whether `host`, with or without a port, is this machine, which Docker reaches over plain HTTP.
pub(crate) fn is_loopback(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, _)| address == "::1");
    }
    let name = host.split(':').next().unwrap_or(host);
    name == "localhost" || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

/// The registry host that an image reference such as `python:3.12` or `ghcr.io/me/app@sha256:…` names.
///
/// Docker Hub is always `docker.io`. `None` when the text cannot be an image reference.
#[must_use]
pub fn registry_host(reference: &str) -> Option<String> {
    let printable = reference.bytes().all(|byte| byte.is_ascii_graphic());
    if reference.is_empty() || !printable || reference.contains("://") || reference.contains('$') {
        return None;
    }
    Some(split_host(reference).0.map_or_else(|| DOCKER_HUB.to_owned(), canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_of_an_image_reference() {
        let rows = [
            ("python:3.12-slim", Some("docker.io")),
            ("me/app", Some("docker.io")),
            ("index.docker.io/library/python", Some("docker.io")),
            ("ghcr.io/me/app@sha256:00", Some("ghcr.io")),
            ("localhost/app", Some("localhost")),
            ("localhost:5000/app:v1", Some("localhost:5000")),
            ("[::1]:5000/app", Some("[::1]:5000")),
            ("Registry/app", Some("registry")),
            ("https://ghcr.io/me/app", None),
            ("$BASE", None),
            ("", None),
            ("two words", None),
        ];
        for (reference, host) in rows {
            assert_eq!(registry_host(reference).as_deref(), host, "{reference}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        let rows = [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1", true),
            ("127.9.8.7:80", true),
            ("[::1]:5000", true),
            ("[::1]", true),
            ("127.0.0.1.example.com", false),
            ("localhost.example.com:5000", false),
            ("128.0.0.1", false),
            ("[::2]:5000", false),
            ("ghcr.io", false),
        ];
        for (host, expected) in rows {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn spellings_of_one_address_are_equal() {
        for address in [
            "https://index.docker.io/v1/",
            "registry-1.docker.io",
            "docker.io",
            "Docker.IO/",
            "http://docker.io",
        ] {
            assert_eq!(canonical(address), "docker.io", "{address}");
        }
        assert_eq!(canonical(" https://GHCR.io/v2/ "), "ghcr.io");
        assert_eq!(canonical("localhost:5000"), "localhost:5000");
    }
}
