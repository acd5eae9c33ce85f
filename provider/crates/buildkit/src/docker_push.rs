//! Push from dockerd's classic image store.
//!
//! Responsible for tagging a built image and pushing it through the Engine API, and for the digest of the manifest
//! that the registry took: the daemon reports it in the push stream, else it is asked for. The tag stays in the
//! daemon's store, as after `docker build` and `docker push`; pushes of other references may need the image still.
//!
//! Refuses endpoints with another store: those push inside the build.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use crate::endpoint::{Endpoint, EndpointKind};
use crate::engine_api::{self, Answer, EngineError};
use crate::failure::{BuildError, speaks_of_denial};
use crate::request::{LocalImage, RegistryCredential};

impl Endpoint {
    /// Pushes an image of the classic store as `reference` (`host/path:tag`) and returns the manifest's digest.
    ///
    /// # Errors
    /// [`BuildError::PushDenied`], [`BuildError::PushFailed`], [`BuildError::Unavailable`], [`BuildError::Cancelled`];
    /// [`BuildError::Unsupported`] for another kind of endpoint.
    pub async fn push(
        &self,
        image: &LocalImage,
        reference: &str,
        credential: Option<&RegistryCredential>,
        cancel: &CancellationToken,
    ) -> Result<String, BuildError> {
        if self.kind != EndpointKind::DockerClassic {
            let what = "pushing after the build".to_owned();
            return Err(BuildError::Unsupported {
                what,
                endpoint: self.to_string(),
            });
        }
        let push = Push {
            endpoint: self,
            reference,
            auth: registry_auth(credential),
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(BuildError::Cancelled),
            result = push.run(image) => result,
        }
    }
}

struct Push<'a> {
    endpoint: &'a Endpoint,
    reference: &'a str,
    auth: SecretString,
}

/// A line of the push stream.
#[derive(Deserialize)]
struct PushLine {
    #[serde(default)]
    aux: Option<PushedTag>,
    #[serde(default)]
    error: Option<String>,
}

#[derive(Deserialize)]
struct PushedTag {
    #[serde(rename = "Digest", default)]
    digest: String,
}

#[derive(Deserialize)]
struct Distribution {
    #[serde(rename = "Descriptor")]
    descriptor: Descriptor,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Push<'_> {
    async fn run(&self, image: &LocalImage) -> Result<String, BuildError> {
        let Some((repository, tag)) = repository_and_tag(self.reference) else {
            return Err(self.failed("the reference has no tag".to_owned()));
        };
        let query = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let path = format!("/images/{}/tag?repo={}&tag={}", image.id, query(repository), query(tag));
        self.call(Method::POST, &path).await?;
        let answer = self
            .call(Method::POST, &format!("/images/{repository}/push?tag={}", query(tag)))
            .await?;
        match self.follow(answer).await? {
            Some(digest) => Ok(digest),
            None => {
                let answer = self
                    .call(Method::GET, &format!("/distribution/{}/json", self.reference))
                    .await?;
                let distribution: Distribution = answer.json().await.map_err(|error| self.explain(error))?;
                Ok(distribution.descriptor.digest)
            }
        }
    }

    async fn call(&self, method: Method, path: &str) -> Result<Answer, BuildError> {
        let address = &self.endpoint.address.address;
        let answer = engine_api::call(address, method, path, Some(self.auth.expose_secret())).await;
        answer.map_err(|error| self.explain(error))
    }

    /// Reads the push stream to its end and returns the digest, if it tells one.
    async fn follow(&self, mut answer: Answer) -> Result<Option<String>, BuildError> {
        let (mut pending, mut digest) = (Vec::new(), None);
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.explain(error))? {
            pending.extend_from_slice(&chunk);
            while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pending.drain(..=end).collect();
                let Ok(line) = serde_json::from_slice::<PushLine>(&line) else {
                    continue;
                };
                if let Some(message) = line.error {
                    return Err(self.failed(message));
                }
                digest = line
                    .aux
                    .map(|aux| aux.digest)
                    .filter(|digest| !digest.is_empty())
                    .or(digest);
            }
        }
        Ok(digest)
    }

    fn failed(&self, message: String) -> BuildError {
        let reference = self.reference.to_owned();
        if speaks_of_denial(&message) {
            BuildError::PushDenied { reference, message }
        } else {
            BuildError::PushFailed { reference, message }
        }
    }

    fn explain(&self, error: EngineError) -> BuildError {
        match error {
            EngineError::NoConnection(source) | EngineError::NotAnEngine(source) => BuildError::Unavailable {
                endpoint: self.endpoint.to_string(),
                source,
            },
            EngineError::Refused {
                status: StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN,
                message,
            } => BuildError::PushDenied {
                reference: self.reference.to_owned(),
                message,
            },
            EngineError::Refused { message, .. } => self.failed(message),
        }
    }
}

/// The header's value: JSON in URL-safe base64; the engine wants one even if there is no credential.
fn registry_auth(credential: Option<&RegistryCredential>) -> SecretString {
    let json = match credential {
        None => serde_json::json!({}),
        Some(RegistryCredential { username, password }) => {
            serde_json::json!({ "username": username, "password": password.expose_secret() })
        }
    };
    SecretString::from(URL_SAFE.encode(json.to_string()))
}

/// Splits `host:5000/path:tag`; a colon before the last slash belongs to the host.
fn repository_and_tag(reference: &str) -> Option<(&str, &str)> {
    reference
        .rsplit_once(':')
        .filter(|(repository, tag)| !repository.is_empty() && !tag.is_empty() && !tag.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_not_a_tag() {
        assert_eq!(
            repository_and_tag("localhost:5000/app:v1"),
            Some(("localhost:5000/app", "v1"))
        );
        assert_eq!(repository_and_tag("localhost:5000/app"), None);
        assert_eq!(repository_and_tag("app"), None);
    }

    #[test]
    fn the_header_is_url_safe_and_not_printable_by_accident() {
        let credential = RegistryCredential {
            username: "AWS".into(),
            password: "p?>~".into(),
        };
        let header = registry_auth(Some(&credential));
        assert_eq!(
            URL_SAFE.decode(header.expose_secret()).unwrap(),
            br#"{"password":"p?>~","username":"AWS"}"#
        );
        assert!(!format!("{credential:?} {header:?}").contains("p?>~"));
    }
}
