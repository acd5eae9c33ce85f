//! Request headers of S3: which are stored with an object, which choose its encryption, which are not offered.
//!
//! A header that would change what happens and is not emulated is refused, so that no client relies on it unnoticed.

use http::HeaderName;

use super::receive::header;
use super::store::{Encryption, Object};
use super::{S3Call, S3Error};
use crate::reply::{Reply, WithHeader};

const LARGEST_METADATA: usize = 2048;

/// Beginnings of headers that are not offered.
const REFUSED: [&str; 9] = [
    "x-amz-server-side-encryption-customer-",
    "x-amz-object-lock-",
    "x-amz-grant-",
    "x-amz-tagging",
    "x-amz-website-redirect-location",
    "x-amz-write-offset-bytes",
    "x-amz-bypass-governance-retention",
    "x-amz-object-ownership",
    "x-amz-rename-source",
];

/// Headers that come back as they were sent, besides metadata.
const STORED: [&str; 6] = [
    "content-type",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
];

impl S3Call<'_> {
    /// Refuses headers that are not offered, and a bucket owner other than expected.
    pub(super) fn check_headers(&self) -> Result<(), S3Error> {
        let names = self.parts.headers.keys().map(HeaderName::as_str);
        let mut refused = names.filter(|name| REFUSED.iter().any(|start| name.starts_with(start)));
        if let Some(name) = refused.next() {
            return Err(S3Error::NotImplemented(name.to_owned()));
        }
        let fixed = [("x-amz-storage-class", "STANDARD"), ("x-amz-acl", "private")];
        for (name, only) in fixed {
            if header(self.parts, name).is_some_and(|value| value != only) {
                return Err(S3Error::NotImplemented(format!("{name} other than {only}")));
            }
        }
        let owner = header(self.parts, "x-amz-expected-bucket-owner");
        if owner.is_some_and(|owner| owner != self.signer.identity.account) {
            return Err(S3Error::OtherAccount);
        }
        if self.request.key.len() > 1024 {
            return Err(S3Error::KeyTooLong);
        }
        Ok(())
    }

    /// Returns the headers to keep with an object.
    pub(super) fn stored_headers(&self) -> Result<Vec<(HeaderName, String)>, S3Error> {
        let mut kept = Vec::new();
        let mut metadata = 0;
        for (name, value) in &self.parts.headers {
            let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
            if let Some(own) = name.as_str().strip_prefix("x-amz-meta-") {
                metadata += own.len() + text.len();
                kept.push((name.clone(), text));
            } else if name == "content-encoding" {
                let others = text.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked");
                let others = others.collect::<Vec<_>>().join(",");
                if !others.is_empty() {
                    kept.push((name.clone(), others));
                }
            } else if STORED.contains(&name.as_str()) {
                kept.push((name.clone(), text));
            }
        }
        if metadata > LARGEST_METADATA {
            return Err(S3Error::MetadataTooLarge);
        }
        Ok(kept)
    }

    /// Returns the encryption that the request chooses, or else the bucket's.
    pub(super) fn encryption(&self) -> Result<Encryption, S3Error> {
        let key = header(self.parts, "x-amz-server-side-encryption-aws-kms-key-id");
        match header(self.parts, "x-amz-server-side-encryption") {
            None if key.is_some() => Err(S3Error::InvalidArgument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms"
                    .to_owned(),
            )),
            None => self.with_bucket(|bucket| Ok(bucket.encryption.clone())),
            Some("AES256") => Ok(Encryption::Aes256),
            Some("aws:kms") => Ok(Encryption::Kms(self.key_arn(key))),
            Some(other) => Err(S3Error::InvalidArgument(format!("The encryption method specified is not supported: {other}"))),
        }
    }

    /// ARN of a KMS key that is given by id, alias or ARN; the account's own key for S3 without one.
    pub(super) fn key_arn(&self, key: Option<&str>) -> String {
        let (region, account) = (&self.signer.region, &self.signer.identity.account);
        let resource = match key {
            Some(arn) if arn.starts_with("arn:") => return arn.to_owned(),
            Some(alias) if alias.starts_with("alias/") => alias.to_owned(),
            Some(id) => format!("key/{id}"),
            None => "alias/aws/s3".to_owned(),
        };
        format!("arn:aws:kms:{region}:{account}:{resource}")
    }
}

/// Adds what says how something is encrypted.
pub(super) fn with_encryption(reply: Reply, encryption: &Encryption) -> Reply {
    let method = HeaderName::from_static("x-amz-server-side-encryption");
    match encryption {
        Encryption::Aes256 => reply.with(method, "AES256"),
        Encryption::Kms(key) => reply.with(method, "aws:kms").with(
            HeaderName::from_static("x-amz-server-side-encryption-aws-kms-key-id"),
            key,
        ),
    }
}

/// Adds the checksum of an object.
pub(super) fn with_checksum(reply: Reply, object: &Object) -> Reply {
    let checksum = &object.checksum;
    let reply = reply.with(HeaderName::from_static("x-amz-checksum-type"), checksum.kind());
    match HeaderName::try_from(checksum.algorithm.header()) {
        Ok(name) => reply.with(name, &checksum.text()),
        Err(_) => reply,
    }
}
