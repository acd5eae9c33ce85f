//! The control plane of ECR: AWS JSON 1.1 with verified signatures.
//!
//! `tokens` issues registry logins, `repositories`, `policies` and `images` hold the operations, `error` the service's errors with
//! its texts. Pushing through the control plane is not offered: images come in through the registry API.
//! Follows the API model `AmazonEC2ContainerRegistry_V20150921`.

mod error;
mod images;
mod paging;
mod policies;
mod repositories;
mod tokens;

use http::request::Parts;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::Value;

use error::EcrError;
pub(crate) use error::account_of;
pub(crate) use policies::policy_of;
pub(crate) use tokens::AuthorizationTokens;

use crate::aws::{Gate, Identity, Scope, SignedRequest, amz_json, verify};
use crate::emulator::Emulator;
use crate::reply::{self, Reply};
use crate::store::{RepositoryKey, is_repository_name};

/// Prefix of the `X-Amz-Target` header of every operation.
pub(crate) const TARGET_PREFIX: &str = "AmazonEC2ContainerRegistry_V20150921.";

const LONGEST_REQUEST: usize = 1024 * 1024;

/// A verified call.
struct Call<'a> {
    emulator: &'a Emulator,
    identity: Identity,
    region: String,
    operation: &'a str,
}

/// Answers a control-plane request for `operation` that was sent to `host`.
pub(crate) async fn answer(
    emulator: &Emulator,
    parts: &Parts,
    body: Incoming,
    (host, operation): (&str, &str),
) -> Reply {
    let outcome = match reply::read(body, LONGEST_REQUEST).await {
        Ok(body) => {
            operate(
                emulator,
                &SignedRequest {
                    parts,
                    host,
                    body: &body,
                },
                operation,
            )
            .await
        }
        Err(error) => Err(EcrError::Serialization(error.to_string())),
    };
    match outcome {
        Ok(value) => amz_json(http::StatusCode::OK, &value),
        Err(error) => error.render(),
    }
}

async fn operate(emulator: &Emulator, request: &SignedRequest<'_>, operation: &str) -> Result<Value, EcrError> {
    let scope = Scope {
        service: "ecr",
        region: region_of(request.host),
    };
    let signer = verify(request, &emulator.credentials, &scope)?;
    let call = Call {
        emulator,
        identity: signer.identity,
        region: signer.region,
        operation,
    };
    let body = request.body;
    match operation {
        "GetAuthorizationToken" => call.get_authorization_token(parse(body)?),
        "CreateRepository" => call.create_repository(parse(body)?),
        "DescribeRepositories" => call.describe_repositories(parse(body)?),
        "DeleteRepository" => call.delete_repository(parse(body)?),
        "BatchGetImage" => call.batch_get_image(parse(body)?).await,
        "SetRepositoryPolicy" => call.set_policy(parse(body)?),
        "GetRepositoryPolicy" => call.get_policy(parse(body)?),
        "DescribeImages" => call.describe_images(parse(body)?),
        "ListImages" => call.list_images(parse(body)?),
        "BatchDeleteImage" => call.batch_delete_image(parse(body)?),
        _ => Err(EcrError::UnknownOperation),
    }
}

impl Call<'_> {
    /// Checks name and permission, and returns the repository's key in the account meant by `registry_id`.
    fn repository(&self, registry_id: Option<&str>, name: &str) -> Result<RepositoryKey, EcrError> {
        if name.len() < 2 || !is_repository_name(name) {
            return Err(EcrError::parameter(
                "repositoryName",
                "must satisfy regular expression '(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*'",
            ));
        }
        let account = registry_id.unwrap_or(&self.identity.account);
        let key = RepositoryKey {
            registry: format!("{account}.dkr.ecr.{}.amazonaws.com", self.region),
            name: name.to_owned(),
        };
        let resource = format!("arn:aws:ecr:{}:{account}:repository/{name}", self.region);
        let policy = policies::policy_of(self.emulator, &key);
        let gate = Gate {
            account,
            policy: policy.as_ref(),
        };
        let asked = (self.action(), resource);
        self.emulator
            .permissions
            .check_at(&self.identity, (&asked.0, &asked.1), &gate)?;
        Ok(key)
    }

    fn permit(&self, resource: &str) -> Result<(), EcrError> {
        Ok(self
            .emulator
            .permissions
            .check(&self.identity, &self.action(), resource)?)
    }

    fn action(&self) -> String {
        format!("ecr:{}", self.operation)
    }

    fn registry_host(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.identity.account, self.region)
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, EcrError> {
    serde_json::from_slice(body).map_err(|error| EcrError::Serialization(error.to_string()))
}

/// Returns the region that a host such as `api.ecr.eu-central-1.amazonaws.com` names.
fn region_of(host: &str) -> Option<&str> {
    let rest = host.strip_suffix(".amazonaws.com")?;
    rest.strip_prefix("api.ecr.").or_else(|| rest.strip_prefix("ecr."))
}
