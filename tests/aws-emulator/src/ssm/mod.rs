//! SSM Parameter Store: parameters with types, tiers, versions and tags.
//!
//! `store` holds the parameters in memory until the process ends, `operations` writes and reads them, `listing` finds
//! them by path and filter. Only the latest version can be read; policies and labels are not offered. What KMS would
//! be asked is checked against the denied actions. Follows the API model `AmazonSSM`.

mod listing;
mod operations;
mod store;

use http::request::Parts;
use hyper::body::Incoming;
use serde_json::Value;

pub(crate) use store::ParameterStore;

use crate::aws::{CallError, Caller, JsonService, ServiceError};
use crate::emulator::Emulator;
use crate::reply::Reply;

/// How SSM is spoken to.
pub(crate) const SERVICE: JsonService = JsonService {
    name: "ssm",
    target_prefix: "AmazonSSM.",
    longest_request: 256 * 1024,
};

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SsmError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Validation(String),
    #[error("")]
    ParameterNotFound,
    #[error("Systems Manager could not find version {version} of {name}. Verify the version and try again.")]
    VersionNotFound { name: String, version: u64 },
    #[error("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")]
    ParameterExists,
    #[error("The parameter type cannot be changed. Create a new, unique parameter.")]
    TypeMismatch,
    #[error("The resource ID \"{0}\" is not valid.")]
    InvalidResource(String),
    #[error("The token is not one of this list.")]
    InvalidToken,
    #[error("The filter `{0}` is not valid.")]
    InvalidFilter(String),
}

impl ServiceError for SsmError {
    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::Validation(_) => "ValidationException",
            Self::ParameterNotFound => "ParameterNotFound",
            Self::VersionNotFound { .. } => "ParameterVersionNotFound",
            Self::ParameterExists => "ParameterAlreadyExists",
            Self::TypeMismatch => "HierarchyTypeMismatchException",
            Self::InvalidResource(_) => "InvalidResourceId",
            Self::InvalidToken => "InvalidNextToken",
            Self::InvalidFilter(_) => "InvalidFilterKey",
        }
    }
}

/// Answers a request for `operation` that was sent to `host`.
pub(crate) async fn answer(emulator: &Emulator, request: (&Parts, Incoming), call: (&str, &str)) -> Reply {
    SERVICE.answer(emulator, request, call, operate).await
}

fn operate(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Result<Value, SsmError> {
    match operation {
        "PutParameter" => operations::put_parameter(caller, body),
        "GetParameter" => operations::get_parameter(caller, body),
        "GetParameters" => operations::get_parameters(caller, body),
        "DeleteParameter" => operations::delete_parameter(caller, body),
        "DeleteParameters" => operations::delete_parameters(caller, body),
        "AddTagsToResource" => operations::add_tags(caller, body),
        "ListTagsForResource" => operations::list_tags(caller, body),
        "GetParametersByPath" => listing::get_parameters_by_path(caller, body),
        "DescribeParameters" => listing::describe_parameters(caller, body),
        _ => Err(CallError::UnknownOperation.into()),
    }
}
