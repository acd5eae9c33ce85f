//! Objects of one bucket: whether one is there, putting one there, removing it.
//!
//! An object carries its SHA-256 as metadata, so that a later run can tell without reading it whether it is the one it
//! wants. S3 checks every byte that is sent against a SHA-256 of ours.
//!
//! Refuses to guess why a question failed: S3 answers HEAD without a body, so the reason is asked for with a GET.

mod body;
mod multipart;
mod upload;

use std::collections::BTreeMap;
use std::error::Error;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::aws::Aws;
use crate::error::{ApiCall, AwsError};

pub use upload::Upload;

/// Name of the metadata that holds the SHA-256 in hexadecimal digits.
const SHA256: &str = "sha256";

/// A bucket and where it is.
#[derive(Clone)]
pub struct S3Bucket {
    aws: Aws,
    bucket: String,
    region: String,
}

/// What is known about an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Length in bytes.
    pub size: u64,
    /// SHA-256 of its bytes, as its uploader said.
    pub sha256: Option<[u8; 32]>,
    /// Its version, in a bucket that keeps versions.
    pub version_id: Option<String>,
}

impl S3Bucket {
    pub(crate) fn new(aws: Aws, bucket: &str, region: &str) -> Self {
        Self {
            aws,
            bucket: bucket.to_owned(),
            region: region.to_owned(),
        }
    }

    /// The object at `key`, or `None` when there is definitely none.
    ///
    /// # Errors
    /// When S3 cannot be asked: [`AwsError::BucketMissing`], [`AwsError::BucketElsewhere`], [`AwsError::KeyDenied`] and
    /// what every call may meet.
    pub async fn find(&self, key: &str) -> Result<Option<StoredObject>, AwsError> {
        let client = self.client().await?;
        let head = client.head_object().bucket(&self.bucket).key(key);
        match head.send().await {
            Ok(found) => Ok(Some(stored(&found))),
            Err(error) => self.why_not(&client, key, error).await,
        }
    }

    /// Stores a few bytes at `key`; gives the version.
    ///
    /// # Errors
    /// As [`S3Bucket::find`].
    pub async fn put_small(&self, key: &str, bytes: Vec<u8>) -> Result<Option<String>, AwsError> {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let client = self.client().await?;
        let put = client
            .put_object()
            .bucket(&self.bucket)
            .key(key)
            .checksum_sha256(STANDARD.encode(sha256))
            .metadata(SHA256, hex::encode(sha256))
            .body(ByteStream::from(bytes));
        let answer = put.send().await;
        let stored = answer.map_err(|error| self.failure(ApiCall::PutObject, error))?;
        Ok(stored.version_id().map(str::to_owned))
    }

    /// Removes the object at `key`; it need not be there.
    ///
    /// # Errors
    /// As [`S3Bucket::find`].
    pub async fn delete(&self, key: &str) -> Result<(), AwsError> {
        let client = self.client().await?;
        let answer = client.delete_object().bucket(&self.bucket).key(key).send().await;
        answer
            .map(|_| ())
            .map_err(|error| self.failure(ApiCall::DeleteObject, error))
    }

    async fn client(&self) -> Result<Client, AwsError> {
        self.aws.s3(&self.region).await
    }

    /// What a HEAD that failed means: a GET of one byte fails for the same reason, and says it.
    async fn why_not<E>(
        &self,
        client: &Client,
        key: &str,
        error: SdkError<E, HttpResponse>,
    ) -> Result<Option<StoredObject>, AwsError>
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let refused = error
            .raw_response()
            .is_some_and(|answer| answer.status().is_client_error() || answer.status().as_u16() < 400);
        let first = self.failure(ApiCall::HeadObject, error);
        if !refused || first.is_transient() {
            return Err(first);
        }
        let get = client.get_object().bucket(&self.bucket).key(key).range("bytes=0-0");
        match get.send().await {
            Ok(_) => Err(first),
            Err(error) if error.code() == Some("NoSuchKey") => Ok(None),
            Err(error) => Err(self.failure(ApiCall::HeadObject, error)),
        }
    }

    /// What a failed call says about the bucket, or in general.
    fn failure<E>(&self, call: ApiCall, error: SdkError<E, HttpResponse>) -> AwsError
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        let header = error
            .raw_response()
            .and_then(|answer| answer.headers().get("x-amz-bucket-region"));
        let header = header.map(str::to_owned);
        let moved = error
            .raw_response()
            .is_some_and(|answer| answer.status().as_u16() == 301);
        let bucket = self.bucket.clone();
        let elsewhere = |actual: Option<String>| AwsError::BucketElsewhere {
            bucket: self.bucket.clone(),
            region: self.region.clone(),
            actual,
        };
        match error.code() {
            Some("NoSuchBucket") => AwsError::BucketMissing { bucket },
            Some("PermanentRedirect" | "IllegalLocationConstraintException") => elsewhere(header),
            Some("AuthorizationHeaderMalformed") => {
                let said = error.message().and_then(expected_region).or(header);
                match said {
                    Some(actual) => elsewhere(Some(actual)),
                    None => AwsError::of(call, error),
                }
            }
            _ if moved => elsewhere(header),
            _ => AwsError::of(call, error),
        }
    }
}

/// The region in `the region 'us-east-1' is wrong; expecting 'eu-west-1'`.
fn expected_region(said: &str) -> Option<String> {
    let (_, after) = said.split_once("expecting '")?;
    after.split('\'').next().map(str::to_owned)
}

fn stored(found: &HeadObjectOutput) -> StoredObject {
    let digits = found.metadata().and_then(|all| all.get(SHA256));
    let mut sha256 = [0; 32];
    let read = digits.is_some_and(|digits| hex::decode_to_slice(digits, &mut sha256).is_ok());
    StoredObject {
        size: found
            .content_length()
            .and_then(|length| u64::try_from(length).ok())
            .unwrap_or_default(),
        sha256: read.then_some(sha256),
        version_id: found.version_id().map(str::to_owned),
    }
}

/// The metadata of an object with its SHA-256 in it.
fn metadata_with(sha256: &[u8; 32], metadata: &BTreeMap<String, String>) -> std::collections::HashMap<String, String> {
    let own = [(SHA256.to_owned(), hex::encode(sha256))];
    metadata.clone().into_iter().chain(own).collect()
}
