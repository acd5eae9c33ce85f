//! The errors of S3, with its codes, texts and XML document.
//!
//! Wrong regions carry the bucket's region in a header, as clients that follow it expect.

use http::StatusCode;
use http::header::HeaderName;

use super::xml;
use crate::aws::{AccessDenied, SignatureError};
use crate::random;
use crate::reply::{self, Reply, WithHeader};

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub(super) enum S3Error {
    #[error("{0}")]
    Signature(#[from] SignatureError),
    #[error("{0}")]
    Denied(#[from] AccessDenied),
    #[error("Access Denied")]
    OtherAccount,
    #[error("A header or parameter you provided implies functionality that is not implemented: {0}")]
    NotImplemented(String),
    #[error("{0}")]
    InvalidRequest(String),
    #[error("{0}")]
    InvalidArgument(String),
    #[error("The XML you provided was not well-formed or did not validate against our published schema")]
    MalformedXml,
    #[error("The authorization header is malformed; the region '{given}' is wrong; expecting '{expected}'")]
    WrongRegion { given: String, expected: String },
    #[error(
        "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint."
    )]
    Redirect { bucket: String, region: String },
    #[error("The specified bucket does not exist")]
    NoSuchBucket(String),
    #[error("The specified bucket is not valid.")]
    InvalidBucketName(String),
    #[error("The specified location-constraint is not valid")]
    InvalidLocation,
    #[error("The {0} location constraint is incompatible for the region specific endpoint this request was sent to.")]
    IllegalLocation(String),
    #[error("Your previous request to create the named bucket succeeded and you already own it.")]
    BucketOwnedByYou,
    #[error(
        "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again."
    )]
    BucketExists,
    #[error("The bucket you tried to delete is not empty")]
    BucketNotEmpty,
    #[error("The specified key does not exist.")]
    NoSuchKey { key: String, marker: Option<String> },
    #[error("The specified version does not exist.")]
    NoSuchVersion,
    #[error("The specified method is not allowed against this resource.")]
    DeleteMarker,
    #[error(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed."
    )]
    NoSuchUpload,
    #[error(
        "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag."
    )]
    InvalidPart,
    #[error("The list of parts was not in ascending order. Parts must be ordered by part number.")]
    InvalidPartOrder,
    #[error("Your proposed upload is smaller than the minimum allowed size")]
    TooSmall,
    #[error("Your proposed upload exceeds the maximum allowed size")]
    TooLarge,
    #[error("Your key is too long")]
    KeyTooLong,
    #[error("Your metadata headers exceed the maximum allowed metadata size")]
    MetadataTooLarge,
    #[error("At least one of the pre-conditions you specified did not hold")]
    Precondition,
    #[error("Not Modified")]
    NotModified,
    #[error("The requested range is not satisfiable")]
    Range,
    #[error("You must provide the Content-Length HTTP header.")]
    MissingLength,
    #[error("The request body terminated unexpectedly or did not have the declared length")]
    IncompleteBody,
    #[error("The provided 'x-amz-content-sha256' header does not match what was computed.")]
    PayloadMismatch,
    #[error("The {0} you specified did not match the calculated checksum.")]
    BadDigest(String),
    #[error("The Content-MD5 you specified was invalid.")]
    InvalidDigest,
    #[error("The chunk is not valid: {0}")]
    BadChunk(&'static str),
    #[error("The request contained trailing data that was not well-formed or did not conform to our published schema.")]
    BadTrailer,
    #[error("We encountered an internal error. Please try again.")]
    Storage(#[from] std::io::Error),
}

impl S3Error {
    fn status_and_code(&self) -> (u16, &'static str) {
        match self {
            Self::Signature(error) => signature_code(error),
            Self::Denied(_) | Self::OtherAccount => (403, "AccessDenied"),
            Self::NotImplemented(_) => (501, "NotImplemented"),
            Self::InvalidRequest(_) => (400, "InvalidRequest"),
            Self::InvalidArgument(_) => (400, "InvalidArgument"),
            Self::MalformedXml => (400, "MalformedXML"),
            Self::WrongRegion { .. } => (400, "AuthorizationHeaderMalformed"),
            Self::Redirect { .. } => (301, "PermanentRedirect"),
            Self::NoSuchBucket(_) => (404, "NoSuchBucket"),
            Self::InvalidBucketName(_) => (400, "InvalidBucketName"),
            Self::InvalidLocation => (400, "InvalidLocationConstraint"),
            Self::IllegalLocation(_) => (400, "IllegalLocationConstraintException"),
            Self::BucketOwnedByYou => (409, "BucketAlreadyOwnedByYou"),
            Self::BucketExists => (409, "BucketAlreadyExists"),
            Self::BucketNotEmpty => (409, "BucketNotEmpty"),
            Self::NoSuchKey { .. } => (404, "NoSuchKey"),
            Self::NoSuchVersion => (404, "NoSuchVersion"),
            Self::DeleteMarker => (405, "MethodNotAllowed"),
            Self::NoSuchUpload => (404, "NoSuchUpload"),
            Self::InvalidPart => (400, "InvalidPart"),
            Self::InvalidPartOrder => (400, "InvalidPartOrder"),
            Self::TooSmall => (400, "EntityTooSmall"),
            Self::TooLarge => (400, "EntityTooLarge"),
            Self::KeyTooLong => (400, "KeyTooLongError"),
            Self::MetadataTooLarge => (400, "MetadataTooLarge"),
            Self::Precondition => (412, "PreconditionFailed"),
            Self::NotModified => (304, "NotModified"),
            Self::Range => (416, "InvalidRange"),
            Self::MissingLength => (411, "MissingContentLength"),
            Self::IncompleteBody => (400, "IncompleteBody"),
            Self::PayloadMismatch => (400, "XAmzContentSHA256Mismatch"),
            Self::BadDigest(_) => (400, "BadDigest"),
            Self::InvalidDigest => (400, "InvalidDigest"),
            Self::BadChunk(_) => (403, "InvalidChunkSizeError"),
            Self::BadTrailer => (400, "MalformedTrailerError"),
            Self::Storage(_) => (500, "InternalError"),
        }
    }

    /// Members of the document besides code and message.
    fn details(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::WrongRegion { expected, .. } => vec![("Region", expected.clone())],
            Self::Redirect { bucket, region } => vec![
                ("Bucket", bucket.clone()),
                ("Endpoint", format!("{bucket}.s3.{region}.amazonaws.com")),
            ],
            Self::NoSuchBucket(name) | Self::InvalidBucketName(name) => vec![("BucketName", name.clone())],
            Self::NoSuchKey { key, .. } => vec![("Key", key.clone())],
            _ => Vec::new(),
        }
    }

    /// Renders the error as S3 does; `bodyless` is for answers to HEAD.
    pub(super) fn render(&self, resource: &str, bodyless: bool) -> Reply {
        let (status, code) = self.status_and_code();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let reply = if bodyless || status == StatusCode::NOT_MODIFIED {
            reply::empty(status)
        } else {
            let mut details = self.details();
            details.push(("Resource", resource.to_owned()));
            document(status, code, &self.to_string(), &details)
        };
        match self {
            Self::WrongRegion { expected: region, .. } | Self::Redirect { region, .. } => {
                reply.with(HeaderName::from_static("x-amz-bucket-region"), region)
            }
            Self::NoSuchKey {
                marker: Some(version), ..
            } => reply
                .with(HeaderName::from_static("x-amz-delete-marker"), "true")
                .with(HeaderName::from_static("x-amz-version-id"), version),
            _ => reply,
        }
    }
}

/// Renders any error.
pub(crate) fn error_reply(status: StatusCode, code: &str, message: &str) -> Reply {
    document(status, code, message, &[])
}

fn document(status: StatusCode, code: &str, message: &str, details: &[(&str, String)]) -> Reply {
    let details: String = details.iter().map(|(name, text)| xml::text(name, text)).collect();
    let members = [
        xml::text("Code", code),
        xml::text("Message", message),
        details,
        xml::text("RequestId", &random::hex(8)),
        xml::text("HostId", &random::hex(24)),
    ];
    reply::text(
        status,
        "application/xml",
        xml::document(&format!("<Error>{}</Error>", members.concat())),
    )
}

fn signature_code(error: &SignatureError) -> (u16, &'static str) {
    match error {
        SignatureError::Missing | SignatureError::Unsigned(_) => (403, "AccessDenied"),
        SignatureError::Incomplete(_) | SignatureError::Scope(_) => (400, "AuthorizationHeaderMalformed"),
        SignatureError::UnknownKey => (403, "InvalidAccessKeyId"),
        SignatureError::Expired => (400, "ExpiredToken"),
        SignatureError::Stale(_) => (403, "RequestTimeTooSkewed"),
        SignatureError::Mismatch => (403, "SignatureDoesNotMatch"),
    }
}
