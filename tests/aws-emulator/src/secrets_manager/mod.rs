//! Secrets Manager: secrets with versions and staging labels.
//!
//! `store` holds the secrets in memory until the process ends, `operations` are the calls. Rotation, replication and
//! resource policies are not offered; a deleted secret is marked and stays unreadable. What KMS would be asked is
//! checked against the denied actions. Follows the API model `secretsmanager`.

mod operations;
mod store;

use http::request::Parts;
use hyper::body::Incoming;
use serde_json::Value;

pub(crate) use store::SecretStore;

use crate::aws::{CallError, Caller, JsonService, ServiceError};
use crate::emulator::Emulator;
use crate::reply::Reply;

/// How Secrets Manager is spoken to.
pub(crate) const SERVICE: JsonService = JsonService {
    name: "secretsmanager",
    target_prefix: "secretsmanager.",
    longest_request: 1024 * 1024,
};

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretsError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("Secrets Manager can't find the specified secret.")]
    SecretNotFound,
    #[error("Secrets Manager can't find the specified secret value for {0}")]
    ValueNotFound(String),
    #[error("The operation failed because the secret {0} already exists.")]
    SecretExists(String),
    #[error("A resource with the ID you requested already exists.")]
    VersionExists,
    #[error("You can't perform this operation on the secret because it was marked for deletion.")]
    MarkedForDeletion,
    #[error("You can't create this secret because a secret with this name is already scheduled for deletion.")]
    ScheduledForDeletion,
    #[error("{0}")]
    InvalidParameter(String),
    #[error("Access to KMS is not allowed")]
    KmsDenied,
}

impl ServiceError for SecretsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::SecretNotFound | Self::ValueNotFound(_) => "ResourceNotFoundException",
            Self::SecretExists(_) | Self::VersionExists => "ResourceExistsException",
            Self::MarkedForDeletion | Self::ScheduledForDeletion => "InvalidRequestException",
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::KmsDenied => "AccessDeniedException",
        }
    }
}

/// Answers a request for `operation` that was sent to `host`.
pub(crate) async fn answer(emulator: &Emulator, request: (&Parts, Incoming), call: (&str, &str)) -> Reply {
    SERVICE.answer(emulator, request, call, operate).await
}

fn operate(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Result<Value, SecretsError> {
    match operation {
        "CreateSecret" => operations::create_secret(caller, body),
        "PutSecretValue" => operations::put_secret_value(caller, body),
        "GetSecretValue" => operations::get_secret_value(caller, body),
        "DescribeSecret" => operations::describe_secret(caller, body),
        "DeleteSecret" => operations::delete_secret(caller, body),
        _ => Err(CallError::UnknownOperation.into()),
    }
}
