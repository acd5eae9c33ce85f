//! The errors of ECR's control plane, with the types and texts that the service uses.
//!
//! Rendering is AWS JSON 1.1: status 400 (500 for our own failures), `__type` and `message`.

use http::StatusCode;

use crate::aws::{AccessDenied, SignatureError, error_reply};
use crate::reply::Reply;
use crate::store::{CatalogError, RepositoryKey};

/// Why a control-plane operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EcrError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    #[error("{0}")]
    Serialization(String),
    #[error("")]
    UnknownOperation,
    #[error("Invalid parameter at '{parameter}' failed to satisfy constraint: '{constraint}'")]
    InvalidParameter { parameter: String, constraint: String },
    #[error("The repository with name '{name}' does not exist in the registry with id '{account}'")]
    RepositoryNotFound { name: String, account: String },
    #[error("The repository with name '{name}' already exists in the registry with id '{account}'")]
    RepositoryExists { name: String, account: String },
    #[error(
        "The repository with name '{name}' in registry with id '{account}' cannot be deleted because it still contains images"
    )]
    RepositoryNotEmpty { name: String, account: String },
    #[error(
        "The image with imageId {image} does not exist within the repository with name '{name}' in the registry with id '{account}'"
    )]
    ImageNotFound {
        image: String,
        name: String,
        account: String,
    },
    #[error(
        "Repository policy does not exist for the repository with name '{name}' in the registry with id '{account}'"
    )]
    PolicyNotFound { name: String, account: String },
    #[error("Internal failure")]
    Storage(#[source] std::io::Error),
}

impl EcrError {
    /// A parameter breaks a constraint.
    pub(crate) fn parameter(parameter: &str, constraint: &str) -> Self {
        Self::InvalidParameter {
            parameter: parameter.to_owned(),
            constraint: constraint.to_owned(),
        }
    }

    /// Renders the error as the service does.
    pub(crate) fn render(&self) -> Reply {
        let (status, code) = match self {
            Self::Signature(error) => (StatusCode::BAD_REQUEST, error.json_code()),
            Self::Denied(_) => (StatusCode::BAD_REQUEST, "AccessDeniedException"),
            Self::Serialization(_) => (StatusCode::BAD_REQUEST, "SerializationException"),
            Self::UnknownOperation => (StatusCode::BAD_REQUEST, "UnknownOperationException"),
            Self::InvalidParameter { .. } => (StatusCode::BAD_REQUEST, "InvalidParameterException"),
            Self::RepositoryNotFound { .. } => (StatusCode::BAD_REQUEST, "RepositoryNotFoundException"),
            Self::RepositoryExists { .. } => (StatusCode::BAD_REQUEST, "RepositoryAlreadyExistsException"),
            Self::RepositoryNotEmpty { .. } => (StatusCode::BAD_REQUEST, "RepositoryNotEmptyException"),
            Self::PolicyNotFound { .. } => (StatusCode::BAD_REQUEST, "RepositoryPolicyNotFoundException"),
            Self::ImageNotFound { .. } => (StatusCode::BAD_REQUEST, "ImageNotFoundException"),
            Self::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "ServerException"),
        };
        error_reply(status, code, &self.to_string())
    }
}

impl From<CatalogError> for EcrError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Unknown(key) => Self::RepositoryNotFound {
                account: account_of(&key).to_owned(),
                name: key.name,
            },
            CatalogError::NotSaved(error) => Self::Storage(error),
        }
    }
}

/// Returns the account of a repository in ECR.
pub(crate) fn account_of(key: &RepositoryKey) -> &str {
    key.registry.split('.').next().unwrap_or_default()
}
