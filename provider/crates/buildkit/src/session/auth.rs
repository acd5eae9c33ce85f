//! Registry credentials for the builder.
//!
//! Responsible for answering `Credentials` for the hosts that this build names, and for nobody else: a builder may
//! ask for any host at any time. Each grant is logged by host, never with its content.
//!
//! Refuses to fetch tokens on the builder's behalf: `Unavailable` makes it log in to the registry itself.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::filesync::v1::auth_server::Auth;
use bollard_buildkit_proto::moby::filesync::v1::{
    CredentialsRequest, CredentialsResponse, FetchTokenRequest, FetchTokenResponse, GetTokenAuthorityRequest,
    GetTokenAuthorityResponse, VerifyTokenAuthorityRequest, VerifyTokenAuthorityResponse,
};
use secrecy::ExposeSecret;
use tonic::{Request, Response, Status};

use crate::request::RegistryCredential;

/// The names that builders use for Docker Hub.
const DOCKER_HUB: [&str; 3] = ["registry-1.docker.io", "docker.io", "index.docker.io"];

/// Host → credential.
pub(crate) struct Credentials(pub(crate) BTreeMap<String, RegistryCredential>);

impl Credentials {
    fn of(&self, host: &str) -> Option<&RegistryCredential> {
        let aliases: &[&str] = if DOCKER_HUB.contains(&host) { &DOCKER_HUB } else { &[] };
        self.0
            .get(host)
            .or_else(|| aliases.iter().find_map(|alias| self.0.get(*alias)))
    }
}

#[async_trait::async_trait]
impl Auth for Credentials {
    async fn credentials(&self, request: Request<CredentialsRequest>) -> Result<Response<CredentialsResponse>, Status> {
        let host = request.into_inner().host;
        let Some(credential) = self.of(&host) else {
            tracing::debug!(%host, "builder asked for credentials of a registry that has none in this build");
            return Ok(Response::new(CredentialsResponse::default()));
        };
        tracing::info!(%host, "registry credentials given to the builder");
        let secret = credential.password.expose_secret().to_owned();
        Ok(Response::new(CredentialsResponse {
            username: credential.username.clone(),
            secret,
        }))
    }

    async fn fetch_token(&self, _: Request<FetchTokenRequest>) -> Result<Response<FetchTokenResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the builder"))
    }

    async fn get_token_authority(
        &self,
        _: Request<GetTokenAuthorityRequest>,
    ) -> Result<Response<GetTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the builder"))
    }

    async fn verify_token_authority(
        &self,
        _: Request<VerifyTokenAuthorityRequest>,
    ) -> Result<Response<VerifyTokenAuthorityResponse>, Status> {
        Err(Status::unavailable("tokens are fetched by the builder"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(host: &str) -> Credentials {
        let credential = RegistryCredential {
            username: "me".into(),
            password: "canary".into(),
        };
        Credentials(BTreeMap::from([(host.to_owned(), credential)]))
    }

    async fn ask(credentials: &Credentials, host: &str) -> CredentialsResponse {
        credentials
            .credentials(Request::new(CredentialsRequest { host: host.into() }))
            .await
            .unwrap()
            .into_inner()
    }

    #[tokio::test]
    async fn a_host_of_the_build_gets_its_credential() {
        let answer = ask(&credentials("ghcr.io"), "ghcr.io").await;
        assert_eq!((answer.username.as_str(), answer.secret.as_str()), ("me", "canary"));
    }

    #[tokio::test]
    async fn any_other_host_gets_nothing() {
        for host in ["ghcr.io.evil.example", "evil.example", "ghcr.io:443", ""] {
            assert_eq!(ask(&credentials("ghcr.io"), host).await, CredentialsResponse::default());
        }
    }

    #[tokio::test]
    async fn docker_hub_has_several_names() {
        assert_eq!(
            ask(&credentials("docker.io"), "registry-1.docker.io").await.username,
            "me"
        );
        assert_eq!(ask(&credentials("docker.io"), "ghcr.io").await.username, "");
    }

    #[tokio::test]
    async fn tokens_are_left_to_the_builder() {
        let answer = credentials("ghcr.io")
            .fetch_token(Request::new(FetchTokenRequest::default()))
            .await;
        assert_eq!(answer.unwrap_err().code(), tonic::Code::Unavailable);
    }
}
