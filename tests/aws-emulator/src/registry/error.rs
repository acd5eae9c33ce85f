//! The errors of the registry API and how each kind of registry words them.
//!
//! Everything is a JSON error list but ECR's refusal of unknown callers, which is the plain text `Not Authorized`.

use http::StatusCode;
use http::header::{CONTENT_RANGE, LOCATION, RANGE, WWW_AUTHENTICATE};
use serde_json::json;

use super::{Kind, Registry};
use crate::aws::AccessDenied;
use crate::digest::Digest;
use crate::ecr::account_of;
use crate::manifest::ManifestInvalid;
use crate::reply::{self, Reply, WithHeader};
use crate::store::CatalogError;

/// Why a registry request did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// Unknown caller; how to log in.
    #[error("authentication required")]
    Unauthorized { challenge: String },
    /// An ECR login after its end.
    #[error("Your authorization token has expired. Reauthenticate and try again.")]
    TokenExpired,
    /// Known caller without the permission.
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    /// No such path.
    #[error("page not found")]
    NotFound,
    /// No such repository.
    #[error("The repository with name '{name}' does not exist in the registry with id '{account}'")]
    NameUnknown { name: String, account: String },
    /// The tag breaks the grammar.
    #[error("Invalid parameter at 'imageTag' failed to satisfy constraint: tag '{0}' breaks the grammar")]
    TagMalformed(String),
    /// The tag may not move.
    #[error(
        "The image tag '{tag}' already exists in the '{repository}' repository and cannot be overwritten because the tag is immutable."
    )]
    TagImmutable { tag: String, repository: String },
    /// No such manifest, or none that the caller accepts.
    #[error("Requested image not found")]
    ManifestUnknown,
    /// Not a manifest.
    #[error("Invalid parameter at 'ImageManifest' failed to satisfy constraint: {0}")]
    ManifestInvalid(#[from] ManifestInvalid),
    /// A manifest above the limit, or one that broke off.
    #[error("manifest body: {0}")]
    ManifestBody(#[from] reply::BodyRefused),
    /// A manifest that refers to what is not there.
    #[error("{0}")]
    ReferencesMissing(#[from] super::ReferencesMissing),
    /// No such blob in this repository.
    #[error("blob unknown to registry")]
    BlobUnknown,
    /// No such upload.
    #[error("blob upload unknown to registry")]
    UploadUnknown,
    /// A chunk that does not continue the upload.
    #[error("chunk does not continue the upload at byte {received}")]
    ChunkOutOfOrder { location: String, received: u64 },
    /// A chunk whose length is not what its range says.
    #[error("chunk has {received} bytes, its range says {declared}")]
    ChunkLength { declared: u64, received: u64 },
    /// A chunk that broke off.
    #[error("upload broke off")]
    UploadBrokeOff(#[source] hyper::Error),
    /// The bytes do not hash to the digest that was promised.
    #[error("content hashes to {actual}, not to {declared}")]
    DigestMismatch { declared: String, actual: Digest },
    /// Not a digest, or none given.
    #[error("`{0}` is not a sha256 digest")]
    DigestMalformed(String),
    /// A range outside the blob.
    #[error("range is outside the {0} bytes of the blob")]
    RangeOutside(u64),
    /// The registry does not do this.
    #[error("The operation is unsupported.")]
    Unsupported,
    /// Our own disk.
    #[error("storage is not available")]
    Storage(#[from] std::io::Error),
}

impl RegistryError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Unauthorized { .. } => (StatusCode::UNAUTHORIZED, "UNAUTHORIZED"),
            Self::TokenExpired | Self::Denied(_) => (StatusCode::FORBIDDEN, "DENIED"),
            Self::NotFound => (StatusCode::NOT_FOUND, "NOT_FOUND"),
            Self::NameUnknown { .. } => (StatusCode::NOT_FOUND, "NAME_UNKNOWN"),
            Self::TagMalformed(_) | Self::TagImmutable { .. } => (StatusCode::BAD_REQUEST, "TAG_INVALID"),
            Self::ManifestUnknown => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            Self::ManifestInvalid(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ManifestBody(reply::BodyRefused::TooLong(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            Self::ManifestBody(_) => (StatusCode::BAD_REQUEST, "MANIFEST_INVALID"),
            Self::ReferencesMissing(_) => (StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN"),
            Self::BlobUnknown => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            Self::UploadUnknown => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            Self::ChunkOutOfOrder { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            Self::ChunkLength { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            Self::UploadBrokeOff(_) => (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            Self::DigestMismatch { .. } | Self::DigestMalformed(_) => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            Self::RangeOutside(_) => (StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_INVALID"),
            Self::Unsupported => (StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            Self::Storage(_) => (StatusCode::INTERNAL_SERVER_ERROR, "UNKNOWN"),
        }
    }

    /// Renders the error as `registry` does.
    pub(super) fn render(&self, registry: &Registry) -> Reply {
        let (status, code) = self.status_and_code();
        let is_ecr = matches!(registry.kind, Kind::Ecr { .. });
        match self {
            Self::Unauthorized { challenge } if is_ecr => {
                reply::text(status, "text/plain; charset=utf-8", "Not Authorized\n").with(WWW_AUTHENTICATE, challenge)
            }
            Self::Unauthorized { challenge } => {
                error_reply(status, code, &self.to_string()).with(WWW_AUTHENTICATE, challenge)
            }
            Self::ChunkOutOfOrder { location, received } => error_reply(status, code, &self.to_string())
                .with(LOCATION, location)
                .with(RANGE, &format!("0-{}", received.saturating_sub(1))),
            Self::RangeOutside(size) => {
                error_reply(status, code, &self.to_string()).with(CONTENT_RANGE, &format!("bytes */{size}"))
            }
            _ => error_reply(status, code, &self.to_string()),
        }
    }
}

impl From<CatalogError> for RegistryError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Unknown(key) => Self::NameUnknown {
                account: account_of(&key).to_owned(),
                name: key.name,
            },
            CatalogError::NotSaved(error) => Self::Storage(error),
        }
    }
}

/// Renders any registry error.
pub(crate) fn error_reply(status: StatusCode, code: &str, message: &str) -> Reply {
    reply::json(status, &json!({"errors": [{"code": code, "message": message}]}))
}
