//! Docker contexts: the current one's name and the host a context points to.
//!
//! Responsible for the two files of the Docker configuration that say so: `config.json` (`currentContext`) and
//! `contexts/meta/<SHA-256 of the name>/meta.json` (`Endpoints.docker.Host`), below `DOCKER_CONFIG` or `~/.docker`.
//!
//! Refuses contexts with TLS material of their own: this client has no TLS. Never reads credentials.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::address::{AddressError, Environment};

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(rename = "currentContext", default)]
    current_context: Option<String>,
}

#[derive(Deserialize)]
struct ContextFile {
    #[serde(rename = "Endpoints", default)]
    endpoints: Endpoints,
}

#[derive(Deserialize, Default)]
struct Endpoints {
    #[serde(default)]
    docker: Option<DockerEndpoint>,
}

#[derive(Deserialize)]
struct DockerEndpoint {
    #[serde(rename = "Host", default)]
    host: Option<String>,
}

/// The name of the current context, if the configuration names one.
pub(crate) fn current(environment: &Environment) -> Result<Option<String>, AddressError> {
    let Some(directory) = configuration_directory(environment) else {
        return Ok(None);
    };
    let file: Option<ConfigFile> = read(&directory.join("config.json"))?;
    Ok(file
        .and_then(|file| file.current_context)
        .filter(|name| !name.is_empty()))
}

/// The host of the context `name`; `None` if the context leaves it to the default.
pub(crate) fn host(name: &str, environment: &Environment) -> Result<Option<String>, AddressError> {
    let directory = configuration_directory(environment).unwrap_or_default();
    let id = hex::encode(Sha256::digest(name.as_bytes()));
    let file: Option<ContextFile> = read(&directory.join("contexts/meta").join(&id).join("meta.json"))?;
    let Some(file) = file else {
        return Err(AddressError::ContextNotFound {
            name: name.to_owned(),
            directory,
        });
    };
    let host = file
        .endpoints
        .docker
        .and_then(|docker| docker.host)
        .filter(|host| !host.is_empty());
    if let Some(host) = &host
        && host.starts_with("tcp://")
        && directory.join("contexts/tls").join(&id).join("docker").exists()
    {
        return Err(AddressError::TlsNotSupported { address: host.clone() });
    }
    Ok(host)
}

fn configuration_directory(environment: &Environment) -> Option<PathBuf> {
    match environment.var("DOCKER_CONFIG") {
        Some(directory) => Some(PathBuf::from(directory)),
        None => environment.home.as_ref().map(|home| home.join(".docker")),
    }
}

/// An absent file is `None`; anything else that goes wrong is an error.
fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, AddressError> {
    let unreadable = |source| AddressError::ConfigurationUnreadable {
        path: path.to_owned(),
        source,
    };
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| unreadable(io::Error::from(error))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}
