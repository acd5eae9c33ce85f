//! The secrets of a build.
//!
//! Responsible for answering `moby.buildkit.secrets.v1.Secrets/GetSecret` with the secrets that this build was given,
//! and with no others: an id that is not among them is not found, which is what lets optional mounts stay empty.
//!
//! Refuses values that are larger than any other client would send.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::secrets::v1::secrets_server::Secrets;
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use secrecy::{ExposeSecret, SecretSlice};
use tonic::{Request, Response, Status};

use crate::request::LARGEST_SECRET;

/// Id → value.
pub(crate) struct BuildSecrets(pub(crate) BTreeMap<String, SecretSlice<u8>>);

#[async_trait::async_trait]
impl Secrets for BuildSecrets {
    async fn get_secret(&self, request: Request<GetSecretRequest>) -> Result<Response<GetSecretResponse>, Status> {
        let id = request.into_inner().id;
        let Some(value) = self.0.get(&id) else {
            tracing::debug!(%id, "builder asked for a secret that this build does not have");
            return Err(Status::not_found(format!("secret `{id}` is not one of this build")));
        };
        let value = value.expose_secret();
        if value.len() > LARGEST_SECRET {
            return Err(Status::invalid_argument(format!("secret `{id}` is too large")));
        }
        tracing::debug!(%id, "secret given to the builder");
        Ok(Response::new(GetSecretResponse { data: value.to_vec() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(id: &str) -> Result<Vec<u8>, tonic::Code> {
        let values = [
            ("token", b"canary\xff".to_vec()),
            ("largest", vec![0; LARGEST_SECRET]),
            ("larger", vec![0; LARGEST_SECRET + 1]),
        ];
        let secrets = BuildSecrets(values.map(|(id, value)| (id.to_owned(), value.into())).into());
        let request = GetSecretRequest {
            id: id.into(),
            ..GetSecretRequest::default()
        };
        let answer = secrets.get_secret(Request::new(request)).await;
        answer
            .map(|answer| answer.into_inner().data)
            .map_err(|status| status.code())
    }

    #[tokio::test]
    async fn a_secret_of_the_build_comes_byte_for_byte() {
        assert_eq!(ask("token").await, Ok(b"canary\xff".to_vec()));
    }

    #[tokio::test]
    async fn any_other_id_is_not_found() {
        for id in ["", "TOKEN", "token ", "/run/secrets/token", "other"] {
            assert_eq!(ask(id).await, Err(tonic::Code::NotFound), "{id}");
        }
    }

    #[tokio::test]
    async fn the_limit_is_that_of_other_clients() {
        assert_eq!(ask("largest").await.map(|value| value.len()), Ok(500 * 1024));
        assert_eq!(ask("larger").await, Err(tonic::Code::InvalidArgument));
    }
}
