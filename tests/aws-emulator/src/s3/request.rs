//! What a request to S3 asks for, judged by host, path, method and query.
//!
//! A query member that the operation does not have makes the request an unsupported one: nothing is ignored that
//! could change what the client gets.

use std::collections::BTreeMap;

use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;

/// An operation of S3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    ListBuckets,
    CreateBucket,
    HeadBucket,
    DeleteBucket,
    GetBucketLocation,
    GetBucketVersioning,
    PutBucketVersioning,
    GetBucketEncryption,
    PutBucketEncryption,
    ListObjectsV2,
    ListMultipartUploads,
    PutObject,
    GetObject,
    HeadObject,
    DeleteObject,
    CreateMultipartUpload,
    UploadPart,
    CompleteMultipartUpload,
    AbortMultipartUpload,
    ListParts,
    Unsupported,
}

/// A request to S3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct S3Request {
    pub(crate) operation: Operation,
    /// Region that the host names.
    pub(super) region: Option<String>,
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) query: BTreeMap<String, String>,
}

impl S3Request {
    /// Reads a request to a host that names the service, and the bucket perhaps; without one the path begins with it.
    pub(crate) fn of(parts: &Parts, bucket: Option<&str>, region: Option<&str>) -> Self {
        let path = parts.uri.path().strip_prefix('/').unwrap_or_default();
        let (bucket, key) = match bucket {
            Some(bucket) => (bucket, path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        let query = parts.uri.query().unwrap_or_default();
        let query: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let copies = parts.headers.contains_key("x-amz-copy-source");
        let operation = match classify(&parts.method, (bucket, key), &query) {
            _ if copies => Operation::Unsupported,
            operation if query.keys().all(|name| operation.has_member(name)) => operation,
            _ => Operation::Unsupported,
        };
        Self {
            operation,
            region: region.map(str::to_owned),
            bucket: decode(bucket),
            key: decode(key),
            query,
        }
    }

    /// Returns a member of the query.
    pub(super) fn member(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Returns the ARN of what is asked for.
    pub(super) fn arn(&self) -> String {
        if self.key.is_empty() {
            format!("arn:aws:s3:::{}", self.bucket)
        } else {
            format!("arn:aws:s3:::{}/{}", self.bucket, self.key)
        }
    }
}

impl Operation {
    /// Names the operation in counters and faults.
    pub(crate) fn name(self) -> String {
        format!("s3:{self:?}")
    }

    /// Returns the IAM action that the operation needs.
    pub(super) fn action(self, with_version: bool) -> &'static str {
        match self {
            Self::ListBuckets => "s3:ListAllMyBuckets",
            Self::CreateBucket => "s3:CreateBucket",
            Self::HeadBucket | Self::ListObjectsV2 => "s3:ListBucket",
            Self::DeleteBucket => "s3:DeleteBucket",
            Self::GetBucketLocation => "s3:GetBucketLocation",
            Self::GetBucketVersioning => "s3:GetBucketVersioning",
            Self::PutBucketVersioning => "s3:PutBucketVersioning",
            Self::GetBucketEncryption => "s3:GetEncryptionConfiguration",
            Self::PutBucketEncryption => "s3:PutEncryptionConfiguration",
            Self::ListMultipartUploads => "s3:ListBucketMultipartUploads",
            Self::GetObject | Self::HeadObject if with_version => "s3:GetObjectVersion",
            Self::GetObject | Self::HeadObject => "s3:GetObject",
            Self::DeleteObject if with_version => "s3:DeleteObjectVersion",
            Self::DeleteObject => "s3:DeleteObject",
            Self::PutObject | Self::CreateMultipartUpload | Self::UploadPart | Self::CompleteMultipartUpload => {
                "s3:PutObject"
            }
            Self::AbortMultipartUpload => "s3:AbortMultipartUpload",
            Self::ListParts => "s3:ListMultipartUploadParts",
            Self::Unsupported => "s3:Unsupported",
        }
    }

    fn has_member(self, name: &str) -> bool {
        let own: &[&str] = match self {
            Self::GetBucketLocation => &["location"],
            Self::GetBucketVersioning | Self::PutBucketVersioning => &["versioning"],
            Self::GetBucketEncryption | Self::PutBucketEncryption => &["encryption"],
            Self::ListObjectsV2 => &[
                "list-type",
                "prefix",
                "delimiter",
                "max-keys",
                "continuation-token",
                "start-after",
                "encoding-type",
                "fetch-owner",
            ],
            Self::ListMultipartUploads => &[
                "uploads",
                "prefix",
                "max-uploads",
                "key-marker",
                "upload-id-marker",
                "encoding-type",
            ],
            Self::GetObject | Self::HeadObject | Self::DeleteObject => &["versionId"],
            Self::CreateMultipartUpload => &["uploads"],
            Self::UploadPart => &["partNumber", "uploadId"],
            Self::CompleteMultipartUpload | Self::AbortMultipartUpload => &["uploadId"],
            Self::ListParts => &["uploadId", "max-parts", "part-number-marker"],
            _ => &[],
        };
        name == "x-id" || own.contains(&name)
    }
}

fn classify(method: &Method, (bucket, key): (&str, &str), query: &BTreeMap<String, String>) -> Operation {
    let has = |name: &str| query.contains_key(name);
    match (method.as_str(), bucket.is_empty(), key.is_empty()) {
        ("GET", true, _) => Operation::ListBuckets,
        (_, true, _) => Operation::Unsupported,
        ("GET", false, true) if has("location") => Operation::GetBucketLocation,
        ("GET", false, true) if has("versioning") => Operation::GetBucketVersioning,
        ("PUT", false, true) if has("versioning") => Operation::PutBucketVersioning,
        ("GET", false, true) if has("encryption") => Operation::GetBucketEncryption,
        ("PUT", false, true) if has("encryption") => Operation::PutBucketEncryption,
        ("GET", false, true) if has("uploads") => Operation::ListMultipartUploads,
        ("GET", false, true) if query.get("list-type").is_some_and(|kind| kind == "2") => Operation::ListObjectsV2,
        ("PUT", false, true) => Operation::CreateBucket,
        ("HEAD", false, true) => Operation::HeadBucket,
        ("DELETE", false, true) => Operation::DeleteBucket,
        ("POST", false, false) if has("uploads") => Operation::CreateMultipartUpload,
        ("POST", false, false) if has("uploadId") => Operation::CompleteMultipartUpload,
        ("PUT", false, false) if has("uploadId") => Operation::UploadPart,
        ("DELETE", false, false) if has("uploadId") => Operation::AbortMultipartUpload,
        ("GET", false, false) if has("uploadId") => Operation::ListParts,
        ("PUT", false, false) => Operation::PutObject,
        ("GET", false, false) => Operation::GetObject,
        ("HEAD", false, false) => Operation::HeadObject,
        ("DELETE", false, false) => Operation::DeleteObject,
        _ => Operation::Unsupported,
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
