//! S3: buckets, objects and uploads in parts, over REST with XML.
//!
//! `request` says what is asked for, `receive` takes bodies through `chunked` and `checksum` into files of `segment`,
//! `store` holds buckets, and `buckets`, `objects`, `multipart` and `listing` are the operations. Access control lists,
//! policies, copies, presigned URLs and everything else that is not listed there is refused with NotImplemented. Follows
//! the API reference of S3 version 2006-03-01.

mod buckets;
mod checksum;
mod chunked;
mod error;
mod headers;
mod listing;
mod multipart;
mod objects;
mod receive;
mod request;
mod segment;
mod store;
mod xml;

use std::time::Duration;

use http::header::{EXPECT, HeaderName};
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use error::S3Error;
pub(crate) use error::error_reply;
use receive::header;
use request::Operation;
pub(crate) use request::S3Request;
pub(crate) use store::Buckets;
use store::{Bucket, Encryption};

use crate::aws::{Scope, Signable, SignatureError, Signer, encode, verify_signable};
use crate::emulator::Emulator;
use crate::random;
use crate::reply::{Reply, WithHeader};

const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// Bytes of a refused upload that are still read, so that the client gets to see the answer.
const LARGEST_DRAIN: usize = 64 * 1024 * 1024;
const LONGEST_DRAIN: Duration = Duration::from_secs(10);

/// Endpoint whose region is also that of signatures by clients that do not know better.
const GLOBAL_REGION: &str = "us-east-1";

/// A verified request.
struct S3Call<'a> {
    emulator: &'a Emulator,
    parts: &'a Parts,
    request: &'a S3Request,
    signer: Signer,
}

/// Answers a request that was sent to `host`.
pub(crate) async fn answer(
    emulator: &Emulator,
    (parts, mut body): (&Parts, Incoming),
    (host, request): (&str, &S3Request),
) -> Reply {
    let outcome = match authenticate(emulator, (parts, host), request) {
        Ok(call) => call.operate(&mut body).await,
        Err(error) => Err(error),
    };
    let reply = match outcome {
        Ok(reply) => reply,
        Err(error) => {
            drain(parts, body).await;
            error.render(parts.uri.path(), parts.method == http::Method::HEAD)
        }
    };
    reply
        .with(REQUEST_ID, &random::hex(8).to_uppercase())
        .with(HOST_ID, &random::hex(24))
}

/// Reads what is left of a refused upload, unless the client waits to be asked for it.
async fn drain(parts: &Parts, mut body: Incoming) {
    if parts.headers.contains_key(EXPECT) {
        return;
    }
    let read = async {
        let mut left = LARGEST_DRAIN;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, bytes::Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // A client that is slower than this has to live with a broken connection, as at S3.
    let _ = tokio::time::timeout(LONGEST_DRAIN, read).await;
}

fn authenticate<'a>(
    emulator: &'a Emulator,
    (parts, host): (&'a Parts, &str),
    request: &'a S3Request,
) -> Result<S3Call<'a>, S3Error> {
    if request.query.contains_key("X-Amz-Signature") {
        return Err(S3Error::NotImplemented("presigned URLs".to_owned()));
    }
    if !parts.headers.contains_key(http::header::AUTHORIZATION) {
        return Err(SignatureError::Missing.into());
    }
    let payload_hash = header(parts, "x-amz-content-sha256").ok_or_else(|| {
        S3Error::InvalidRequest("Missing required header for this request: x-amz-content-sha256".to_owned())
    })?;
    check_payload_word(payload_hash)?;
    let path: Vec<u8> = percent_decode_str(parts.uri.path()).collect();
    let signable = Signable {
        parts,
        host,
        canonical_path: &encode(&path, true),
        payload_hash,
    };
    let scope = Scope {
        service: "s3",
        region: None,
    };
    let signer = verify_signable(&signable, &emulator.credentials, &scope)?;
    if let Some(expected) = request.region.as_ref().filter(|region| **region != signer.region) {
        return Err(S3Error::WrongRegion {
            given: signer.region,
            expected: expected.clone(),
        });
    }
    Ok(S3Call {
        emulator,
        parts,
        request,
        signer,
    })
}

fn check_payload_word(word: &str) -> Result<(), S3Error> {
    let known = [
        "UNSIGNED-PAYLOAD",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    ];
    let is_hash = word.len() == 64 && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if is_hash || known.contains(&word) {
        return Ok(());
    }
    Err(S3Error::InvalidArgument(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value."
            .to_owned(),
    ))
}

impl S3Call<'_> {
    async fn operate(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        self.check_headers()?;
        let operation = self.request.operation;
        if operation == Operation::Unsupported {
            let asked = format!("{} {}", self.parts.method, self.parts.uri);
            return Err(S3Error::NotImplemented(asked));
        }
        self.permit(operation.action(self.request.query.contains_key("versionId")))?;
        match operation {
            Operation::ListBuckets => return Ok(self.list_buckets()),
            Operation::CreateBucket => return self.create_bucket(body).await,
            _ => self.check_bucket()?,
        }
        match operation {
            Operation::HeadBucket => self.head_bucket(),
            Operation::DeleteBucket => self.delete_bucket(),
            Operation::GetBucketLocation => self.get_bucket_location(),
            Operation::GetBucketVersioning => self.get_bucket_versioning(),
            Operation::PutBucketVersioning => self.put_bucket_versioning(body).await,
            Operation::GetBucketEncryption => self.get_bucket_encryption(),
            Operation::PutBucketEncryption => self.put_bucket_encryption(body).await,
            Operation::ListObjectsV2 => self.list_objects(),
            Operation::ListMultipartUploads => self.list_uploads(),
            Operation::PutObject => self.put_object(body).await,
            Operation::GetObject | Operation::HeadObject => self.get_object(),
            Operation::DeleteObject => self.delete_object(),
            Operation::CreateMultipartUpload => self.create_upload(),
            Operation::UploadPart => self.upload_part(body).await,
            Operation::CompleteMultipartUpload => self.complete_upload(body).await,
            Operation::AbortMultipartUpload => self.abort_upload(),
            Operation::ListParts => self.list_parts(),
            Operation::ListBuckets | Operation::CreateBucket | Operation::Unsupported => {
                Err(S3Error::NotImplemented("this operation".to_owned()))
            }
        }
    }

    fn permit(&self, action: &str) -> Result<(), S3Error> {
        self.permit_on(action, &self.request.arn())
    }

    fn permit_on(&self, action: &str, resource: &str) -> Result<(), S3Error> {
        Ok(self
            .emulator
            .permissions
            .check(&self.signer.identity, action, resource)?)
    }

    /// Checks what KMS would be asked for an object with this encryption.
    fn permit_key(&self, action: &str, encryption: &Encryption) -> Result<(), S3Error> {
        match encryption {
            Encryption::Aes256 => Ok(()),
            Encryption::Kms(key) => {
                let via = format!("s3.{}.amazonaws.com", self.signer.region);
                Ok(self
                    .emulator
                    .permissions
                    .check_key(&self.signer.identity, (action, key), &via)?)
            }
        }
    }

    /// Checks that the bucket exists, belongs to the caller and is in the region that was called.
    fn check_bucket(&self) -> Result<(), S3Error> {
        let name = &self.request.bucket;
        let called = self.request.region.as_ref().unwrap_or(&self.signer.region);
        self.with_bucket(|bucket| {
            if bucket.account != self.signer.identity.account {
                return Err(S3Error::OtherAccount);
            }
            let asks_where = self.request.operation == Operation::GetBucketLocation;
            if bucket.region == *called || (asks_where && called == GLOBAL_REGION) {
                return Ok(());
            }
            Err(if called == GLOBAL_REGION {
                S3Error::WrongRegion {
                    given: called.clone(),
                    expected: bucket.region.clone(),
                }
            } else {
                S3Error::Redirect {
                    bucket: name.clone(),
                    region: bucket.region.clone(),
                }
            })
        })
    }

    /// Gives the bucket to `work`.
    fn with_bucket<T>(&self, work: impl FnOnce(&mut Bucket) -> Result<T, S3Error>) -> Result<T, S3Error> {
        let mut buckets = self.emulator.buckets.lock();
        let missing = || S3Error::NoSuchBucket(self.request.bucket.clone());
        work(buckets.get_mut(&self.request.bucket).ok_or_else(missing)?)
    }
}
