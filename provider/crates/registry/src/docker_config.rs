//! Logins from Docker's configuration file and the credential helpers that it names.
//!
//! Reads `config.json` in `DOCKER_CONFIG` or `~/.docker`, never writes it, and never shows what a helper printed: its
//! output may be the secret. A helper runs in a thread of its own, because one that hangs must hold up neither the
//! answer nor the end of the process; after the time-out it is left to itself.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use tokio::sync::oneshot;

use crate::credentials::{Credential, CredentialError, CredentialSource, IDENTITY_TOKEN};
use crate::host::{self, DOCKER_HUB, DOCKER_HUB_INDEX};

const HELPER_TIMEOUT: Duration = Duration::from_secs(10);

/// What helpers say when they know no login; it is part of their protocol.
const HELPER_NOT_FOUND: &str = "credentials not found";

/// Logins from Docker's configuration.
pub struct DockerConfigCredentials {
    file: Option<PathBuf>,
    timeout: Duration,
}

impl DockerConfigCredentials {
    /// The configuration that the Docker CLI would use.
    #[must_use]
    pub fn from_environment() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let directory = set("DOCKER_CONFIG").map(PathBuf::from);
        let home = || Some(PathBuf::from(set("HOME").or_else(|| set("USERPROFILE"))?).join(".docker"));
        Self {
            file: directory.or_else(home).map(|directory| directory.join("config.json")),
            timeout: HELPER_TIMEOUT,
        }
    }

    /// The configuration in `directory`.
    #[must_use]
    pub fn in_directory(directory: &Path) -> Self {
        Self {
            file: Some(directory.join("config.json")),
            timeout: HELPER_TIMEOUT,
        }
    }

    /// Gives helpers `timeout` instead of 10 s.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

#[async_trait]
impl CredentialSource for DockerConfigCredentials {
    async fn credential(&self, host: &str, _fresh: bool) -> Result<Option<Credential>, CredentialError> {
        let Some(file) = self.file.clone() else { return Ok(None) };
        let server = match host::canonical(host) {
            hub if hub == DOCKER_HUB => DOCKER_HUB_INDEX.to_owned(),
            other => other,
        };
        let (sender, receiver) = oneshot::channel();
        let ask = move || {
            // Nobody listens any more after the time-out.
            let _ = sender.send(look_up(&file, &server));
        };
        let thread = std::thread::Builder::new()
            .name("docker-credential".to_owned())
            .spawn(ask);
        thread.map_err(|error| CredentialError::other(host, error))?;
        match tokio::time::timeout(self.timeout, receiver).await {
            Ok(Ok(found)) => found.map_err(|problem| CredentialError::other(host, problem)),
            Ok(Err(_)) => Err(CredentialError::other(host, Problem::HelperFailed)),
            Err(_) => Err(CredentialError::HelperTimedOut {
                host: host.to_owned(),
                seconds: self.timeout.as_secs(),
            }),
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("`{}` cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("`{}` is not a configuration of Docker", path.display())]
    NotAConfiguration { path: PathBuf },
    #[error("the login in `{}` cannot be decoded", path.display())]
    Undecodable { path: PathBuf },
    #[error("the credential helper cannot be run or stopped early; is its program `docker-credential-…` on the PATH?")]
    HelperFailed,
    #[error("the credential helper `{helper}` failed")]
    HelperRefused { helper: String },
    #[error("the credential helper gave an answer that is not one of its protocol")]
    HelperGarbage,
}

fn look_up(path: &Path, server: &str) -> Result<Option<Credential>, Problem> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            return Err(Problem::Unreadable {
                path: path.to_owned(),
                source,
            });
        }
    };
    match docker_credential::get_credential_from_reader(BufReader::new(file), server) {
        Ok(DockerCredential::UsernamePassword(username, password)) => Ok(Some(Credential {
            username,
            password: password.into(),
        })),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credential {
            username: IDENTITY_TOKEN.to_owned(),
            password: token.into(),
        })),
        Err(error) => refusal(path, error),
    }
}

fn refusal(path: &Path, error: CredentialRetrievalError) -> Result<Option<Credential>, Problem> {
    use CredentialRetrievalError as E;
    let path = path.to_owned();
    match error {
        E::NoCredentialConfigured | E::ConfigNotFound => Ok(None),
        E::HelperFailure { stdout, stderr, .. }
            if [&stdout, &stderr].iter().any(|text| text.contains(HELPER_NOT_FOUND)) =>
        {
            Ok(None)
        }
        E::HelperFailure { helper, .. } => Err(Problem::HelperRefused { helper }),
        E::HelperCommunicationError => Err(Problem::HelperFailed),
        E::MalformedHelperResponse => Err(Problem::HelperGarbage),
        E::CredentialDecodingError | E::CredentialMismatchError => Err(Problem::Undecodable { path }),
        E::ConfigReadError => Err(Problem::NotAConfiguration { path }),
    }
}
