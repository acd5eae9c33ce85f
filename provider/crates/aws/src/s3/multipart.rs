//! Uploads in parts, a few at a time.
//!
//! Every part carries its own SHA-256. Whatever ends the upload before it is complete – a failure, a cancellation, a
//! caller that is gone – throws the parts away, because S3 keeps and bills them for ever otherwise.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{StreamExt as _, TryStreamExt as _, iter};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::S3Bucket;
use super::body::Stretch;
use super::upload::{Source, unhurried};
use crate::error::{ApiCall, AwsError};

/// Length of a part, unless there would be too many.
const PART: u64 = 16 * 1024 * 1024;

/// Parts that S3 accepts.
const PARTS_MAX: u64 = 10_000;

/// Parts that are on their way at the same time.
const IN_FLIGHT: usize = 4;

/// How long throwing parts away may hold up a caller that wants to end.
const ABORT: Duration = Duration::from_millis(1500);

/// How long S3 may take to join the parts.
const JOIN: Duration = Duration::from_secs(300);

/// An upload whose parts S3 keeps until it is completed or aborted.
struct Open {
    client: Client,
    bucket: String,
    key: String,
    id: String,
    done: bool,
}

impl Open {
    async fn abort(mut self) {
        self.done = true;
        let aborted = timeout(ABORT, abort(&self.client, &self.bucket, &self.key, &self.id)).await;
        if !aborted.unwrap_or(false) {
            tracing::warn!(
                bucket = self.bucket,
                key = self.key,
                "the parts of an upload may be left behind"
            );
        }
    }
}

async fn abort(client: &Client, bucket: &str, key: &str, id: &str) -> bool {
    let call = client.abort_multipart_upload().bucket(bucket).key(key).upload_id(id);
    match call.send().await {
        Ok(_) => true,
        Err(error) => error.code() == Some("NoSuchUpload"),
    }
}

/// For callers that are gone.
impl Drop for Open {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let (client, bucket, key, id) = (
                self.client.clone(),
                self.bucket.clone(),
                self.key.clone(),
                self.id.clone(),
            );
            runtime.spawn(async move { abort(&client, &bucket, &key, &id).await });
        }
    }
}

impl S3Bucket {
    pub(super) async fn upload_in_parts(&self, source: &Source) -> Result<Option<String>, AwsError> {
        let open = self.begin(source).await?;
        let ended = tokio::select! {
            ended = self.send_all(&open, source) => ended,
            () = source.cancel.cancelled() => Err(cancelled()),
        };
        match ended {
            Ok(version) => {
                let mut open = open;
                open.done = true;
                Ok(version)
            }
            Err(error) => {
                open.abort().await;
                Err(error)
            }
        }
    }

    /// The request that begins is never broken off: its answer is all that leads to the parts.
    async fn begin(&self, source: &Source) -> Result<Open, AwsError> {
        let this = self.clone();
        let client = self.client().await?;
        let (key, metadata) = (source.key.clone(), source.metadata.clone());
        let mut beginning = tokio::spawn(async move {
            let create = client
                .create_multipart_upload()
                .bucket(&this.bucket)
                .key(&key)
                .set_metadata(Some(metadata))
                .checksum_algorithm(ChecksumAlgorithm::Sha256);
            let answer = create.send().await;
            let answer = answer.map_err(|error| this.failure(ApiCall::CreateMultipartUpload, error))?;
            let id = answer.upload_id().ok_or_else(|| AwsError::Malformed {
                call: ApiCall::CreateMultipartUpload,
                problem: "it holds no upload id".to_owned(),
            })?;
            Ok(Open {
                id: id.to_owned(),
                bucket: this.bucket,
                client,
                key,
                done: false,
            })
        });
        let interrupted = AwsError::Interrupted {
            call: ApiCall::CreateMultipartUpload,
        };
        tokio::select! {
            open = &mut beginning => open.unwrap_or(Err(interrupted)),
            () = source.cancel.cancelled() => {
                if let Ok(Ok(Ok(open))) = timeout(ABORT / 3, beginning).await {
                    open.abort().await;
                }
                Err(cancelled())
            }
        }
    }

    async fn send_all(&self, open: &Open, source: &Source) -> Result<Option<String>, AwsError> {
        let length = PART.max(source.size.div_ceil(PARTS_MAX));
        let numbers = 0..source.size.div_ceil(length);
        let parts = iter(numbers).map(|number| {
            let offset = number * length;
            let stretch = Stretch {
                file: source.file.clone(),
                offset,
                length: length.min(source.size - offset),
            };
            self.send(open, source, stretch, i32::try_from(number + 1).unwrap_or(i32::MAX))
        });
        let mut parts: Vec<CompletedPart> = parts.buffer_unordered(IN_FLIGHT).try_collect().await?;
        parts.sort_by_key(CompletedPart::part_number);
        self.complete(open, source, parts).await
    }

    async fn send(
        &self,
        open: &Open,
        source: &Source,
        stretch: Stretch,
        number: i32,
    ) -> Result<CompletedPart, AwsError> {
        let (hashed, cancel) = (stretch.clone(), source.cancel.clone());
        let sha256 = tokio::task::spawn_blocking(move || hashed.sha256(&cancel)).await;
        let sha256 = sha256.map_err(|_| cancelled())?;
        let sha256 = STANDARD.encode(sha256.map_err(|error| source.unreadable(error))?);
        let sent = self.moving(ApiCall::UploadPart, |progress| {
            let part = open
                .client
                .upload_part()
                .bucket(&open.bucket)
                .key(&open.key)
                .upload_id(&open.id)
                .part_number(number)
                .checksum_sha256(&sha256)
                .content_length(stretch.length.cast_signed())
                .body(stretch.body(progress));
            part.customize().config_override(unhurried()).send()
        });
        let sent = sent.await?;
        let part = CompletedPart::builder().part_number(number).checksum_sha256(&sha256);
        Ok(part.set_e_tag(sent.e_tag().map(str::to_owned)).build())
    }

    /// Asked again after an answer that was lost, S3 may say that there is no such upload: then the object is there.
    async fn complete(
        &self,
        open: &Open,
        source: &Source,
        parts: Vec<CompletedPart>,
    ) -> Result<Option<String>, AwsError> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(JOIN)
            .operation_attempt_timeout(JOIN)
            .build();
        let complete = open
            .client
            .complete_multipart_upload()
            .bucket(&open.bucket)
            .key(&open.key)
            .upload_id(&open.id)
            .multipart_upload(parts)
            .customize()
            .config_override(aws_sdk_s3::Config::builder().timeout_config(timeouts));
        let error = match complete.send().await {
            Ok(joined) => return Ok(joined.version_id().map(str::to_owned)),
            Err(error) => error,
        };
        let unknown = error.code() == Some("NoSuchUpload");
        let failure = self.failure(ApiCall::CompleteMultipartUpload, error);
        match self.find(&source.key).await {
            Ok(Some(there)) if unknown && there.sha256 == Some(source.sha256) && there.size == source.size => {
                Ok(there.version_id)
            }
            _ => Err(failure),
        }
    }
}

fn cancelled() -> AwsError {
    AwsError::Cancelled {
        call: ApiCall::UploadPart,
    }
}
