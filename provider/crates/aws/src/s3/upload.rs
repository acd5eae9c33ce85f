//! Putting a file into a bucket, in one request or in parts.
//!
//! Memory does not grow with the file: every request reads its stretch of the file while it is sent. There is no limit
//! on how long an upload takes, only on how long it may stand still.
//!
//! Leaves nothing behind when it fails or is cancelled: S3 stores an object whole or not at all, and parts are thrown
//! away.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::config::StalledStreamProtectionConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio_util::sync::CancellationToken;

use super::body::{Progress, Stretch};
use super::{S3Bucket, metadata_with};
use crate::error::{ApiCall, AwsError, stated};

/// A file of this size or more goes up in parts.
const IN_PARTS: u64 = 64 * 1024 * 1024;

/// How long a request may stand still.
const STANDS_STILL: Duration = Duration::from_secs(60);

/// Times that a request which stands still is made.
const TRIES: usize = 2;

/// A file to be uploaded.
#[derive(Debug)]
pub struct Upload {
    /// Where it goes.
    pub key: String,
    /// The file. Its name is never used, so it may have none.
    pub file: File,
    /// SHA-256 of its bytes. S3 refuses other bytes.
    pub sha256: [u8; 32],
    /// Its length in bytes.
    pub size: u64,
    /// Metadata of the object, beside the SHA-256.
    pub metadata: BTreeMap<String, String>,
}

/// An upload under way.
pub(super) struct Source {
    pub(super) key: String,
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    pub(super) metadata: std::collections::HashMap<String, String>,
    pub(super) cancel: CancellationToken,
}

impl Source {
    /// Whether the file can have the announced bytes at all.
    fn check(&self) -> Result<(), AwsError> {
        let length = self.file.metadata().map_err(|error| self.unreadable(error))?.len();
        if length == self.size {
            return Ok(());
        }
        let said = format!("it is {length} bytes long instead of {}", self.size);
        Err(self.unreadable(std::io::Error::other(said)))
    }

    pub(super) fn unreadable(&self, source: std::io::Error) -> AwsError {
        AwsError::FileUnreadable {
            key: self.key.clone(),
            source: Arc::new(source),
        }
    }
}

impl S3Bucket {
    /// Uploads a file; gives the version. Cancelling takes effect within two seconds.
    ///
    /// # Errors
    /// As [`S3Bucket::find`], [`AwsError::FileUnreadable`], [`AwsError::Cancelled`], and [`AwsError::Refused`] when the
    /// bytes are not those that were announced.
    pub async fn upload(&self, upload: Upload, cancel: &CancellationToken) -> Result<Option<String>, AwsError> {
        let source = Source {
            metadata: metadata_with(&upload.sha256, &upload.metadata),
            key: upload.key,
            file: Arc::new(upload.file),
            size: upload.size,
            sha256: upload.sha256,
            cancel: cancel.clone(),
        };
        source.check()?;
        if source.size >= IN_PARTS {
            return self.upload_in_parts(&source).await;
        }
        let call = ApiCall::PutObject;
        tokio::select! {
            answer = self.upload_at_once(&source) => answer,
            () = cancel.cancelled() => Err(AwsError::Cancelled { call }),
        }
    }

    async fn upload_at_once(&self, source: &Source) -> Result<Option<String>, AwsError> {
        let client = self.client().await?;
        let stretch = Stretch {
            file: source.file.clone(),
            offset: 0,
            length: source.size,
        };
        let stored = self.moving(ApiCall::PutObject, |progress| {
            let put = client
                .put_object()
                .bucket(&self.bucket)
                .key(&source.key)
                .checksum_sha256(STANDARD.encode(source.sha256))
                .set_metadata(Some(source.metadata.clone()))
                .content_length(source.size.cast_signed())
                .body(stretch.body(progress));
            put.customize().config_override(unhurried()).send()
        });
        Ok(stored.await?.version_id().map(str::to_owned))
    }

    /// Makes a request that sends a stretch of a file, again if it stands still.
    pub(super) async fn moving<T, E, F>(&self, call: ApiCall, send: impl Fn(&Progress) -> F) -> Result<T, AwsError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        for _ in 0..TRIES {
            let progress = Progress::new();
            tokio::select! {
                answer = send(&progress) => return answer.map_err(|error| self.failure(call, error)),
                () = progress.stands_still(self.aws.wait(STANDS_STILL)) => {}
            }
        }
        Err(AwsError::TimedOut {
            call,
            source: stated("the upload stood still for a minute"),
        })
    }
}

/// No limit on the time of a request, which depends on the line.
pub(super) fn unhurried() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder()
        .disable_operation_timeout()
        .disable_operation_attempt_timeout()
        .build();
    aws_sdk_s3::Config::builder()
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
}
