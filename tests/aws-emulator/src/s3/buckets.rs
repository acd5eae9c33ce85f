//! Operations on buckets: making and removing them, where they are, versioning, default encryption.
//!
//! Public access, ownership and lifecycle are not offered. An MFA requirement is refused.

use http::StatusCode;
use http::header::HeaderName;
use hyper::body::Incoming;

use super::store::{Bucket, Encryption, Versioning};
use super::{GLOBAL_REGION, S3Call, S3Error, xml};
use crate::clock;
use crate::reply::{self, Reply, WithHeader};

const LARGEST_DOCUMENT: u64 = 2 * 1024 * 1024;

impl S3Call<'_> {
    pub(super) fn list_buckets(&self) -> Reply {
        let account = &self.signer.identity.account;
        let buckets = self.emulator.buckets.lock();
        let own = buckets.iter().filter(|(_, bucket)| bucket.account == *account);
        let listed: Vec<String> = own
            .map(|(name, bucket)| {
                let created = clock::iso8601(bucket.created);
                xml::element(
                    "Bucket",
                    &[xml::text("Name", name), xml::text("CreationDate", &created)],
                )
            })
            .collect();
        let owner = xml::element("Owner", &[xml::text("ID", account)]);
        let members = [owner, xml::element("Buckets", &listed)];
        xml_reply(&xml::answer("ListAllMyBucketsResult", &members))
    }

    pub(super) async fn create_bucket(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let name = &self.request.bucket;
        if !is_bucket_name(name) {
            return Err(S3Error::InvalidBucketName(name.clone()));
        }
        let document = self.read_document(body).await?;
        let region = self.wanted_region(xml::find(&document, "LocationConstraint")?.as_deref())?;
        let account = &self.signer.identity.account;
        let mut buckets = self.emulator.buckets.lock();
        match buckets.get(name) {
            Some(bucket) if bucket.account != *account => return Err(S3Error::BucketExists),
            Some(bucket) if bucket.region != GLOBAL_REGION || region != GLOBAL_REGION => {
                return Err(S3Error::BucketOwnedByYou);
            }
            Some(_) => {}
            None => {
                buckets.insert(name.clone(), Bucket::new(account, &region));
            }
        }
        Ok(reply::empty(StatusCode::OK).with(http::header::LOCATION, &format!("/{name}")))
    }

    /// Where to make a bucket: where the request went, which must say so unless it went to the oldest region.
    fn wanted_region(&self, constraint: Option<&str>) -> Result<String, S3Error> {
        let called = self.request.region.as_ref().unwrap_or(&self.signer.region);
        match constraint.filter(|constraint| !constraint.is_empty()) {
            None if called == GLOBAL_REGION => Ok(called.clone()),
            None => Err(S3Error::IllegalLocation("unspecified".to_owned())),
            Some(constraint) if constraint == GLOBAL_REGION || constraint.split('-').count() < 3 => {
                Err(S3Error::InvalidLocation)
            }
            Some(constraint) if called == GLOBAL_REGION || called == constraint => Ok(constraint.to_owned()),
            Some(constraint) => Err(S3Error::IllegalLocation(constraint.to_owned())),
        }
    }

    pub(super) fn head_bucket(&self) -> Result<Reply, S3Error> {
        let region = self.with_bucket(|bucket| Ok(bucket.region.clone()))?;
        Ok(reply::empty(StatusCode::OK).with(HeaderName::from_static("x-amz-bucket-region"), &region))
    }

    pub(super) fn delete_bucket(&self) -> Result<Reply, S3Error> {
        self.with_bucket(|bucket| {
            if bucket.objects.is_empty() && bucket.uploads.is_empty() {
                Ok(())
            } else {
                Err(S3Error::BucketNotEmpty)
            }
        })?;
        self.emulator.buckets.lock().remove(&self.request.bucket);
        Ok(reply::empty(StatusCode::NO_CONTENT))
    }

    pub(super) fn get_bucket_location(&self) -> Result<Reply, S3Error> {
        let region = self.with_bucket(|bucket| Ok(bucket.region.clone()))?;
        let text = if region == GLOBAL_REGION { "" } else { &region };
        let root = format!(
            "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{text}</LocationConstraint>"
        );
        Ok(xml_reply(&xml::document(&root)))
    }

    pub(super) fn get_bucket_versioning(&self) -> Result<Reply, S3Error> {
        let members = match self.with_bucket(|bucket| Ok(bucket.versioning))? {
            Versioning::Unset => Vec::new(),
            set => vec![xml::text("Status", &format!("{set:?}"))],
        };
        Ok(xml_reply(&xml::answer("VersioningConfiguration", &members)))
    }

    pub(super) async fn put_bucket_versioning(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let document = self.read_document(body).await?;
        let versioning = match xml::find(&document, "Status")?.as_deref() {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => return Err(S3Error::MalformedXml),
        };
        if xml::find(&document, "MfaDelete")?.is_some_and(|state| state != "Disabled") {
            return Err(S3Error::NotImplemented("MfaDelete".to_owned()));
        }
        self.with_bucket(|bucket| {
            bucket.versioning = versioning;
            Ok(reply::empty(StatusCode::OK))
        })
    }

    pub(super) fn get_bucket_encryption(&self) -> Result<Reply, S3Error> {
        let members = match self.with_bucket(|bucket| Ok(bucket.encryption.clone()))? {
            Encryption::Aes256 => vec![xml::text("SSEAlgorithm", "AES256")],
            Encryption::Kms(key) => vec![xml::text("SSEAlgorithm", "aws:kms"), xml::text("KMSMasterKeyID", &key)],
        };
        let default = xml::element("ApplyServerSideEncryptionByDefault", &members);
        let rule = xml::element("Rule", &[default, xml::text("BucketKeyEnabled", "false")]);
        Ok(xml_reply(&xml::answer("ServerSideEncryptionConfiguration", &[rule])))
    }

    pub(super) async fn put_bucket_encryption(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let document = self.read_document(body).await?;
        let key = xml::find(&document, "KMSMasterKeyID")?;
        let encryption = match xml::find(&document, "SSEAlgorithm")?.as_deref() {
            Some("AES256") => Encryption::Aes256,
            Some("aws:kms") => Encryption::Kms(self.key_arn(key.as_deref())),
            Some(other) => return Err(S3Error::NotImplemented(format!("SSEAlgorithm {other}"))),
            None => return Err(S3Error::MalformedXml),
        };
        self.with_bucket(|bucket| {
            bucket.encryption = encryption;
            Ok(reply::empty(StatusCode::OK))
        })
    }

    /// Reads a small body, verified like any other.
    pub(super) async fn read_document(&self, body: &mut Incoming) -> Result<Vec<u8>, S3Error> {
        let received = self.receive(body, super::checksum::Algorithm::Crc64Nvme).await?;
        if received.segment.size() > LARGEST_DOCUMENT {
            return Err(S3Error::MalformedXml);
        }
        Ok(tokio::fs::read(received.segment.path()).await?)
    }
}

/// Answers a document.
pub(super) fn xml_reply(document: &str) -> Reply {
    reply::text(StatusCode::OK, "application/xml", document.to_owned())
}

fn is_bucket_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let ends = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let looks_like_address = name.split('.').count() == 4 && name.split('.').all(|label| label.parse::<u8>().is_ok());
    (3..=63).contains(&name.len())
        && name.bytes().all(allowed)
        && ends(name.bytes().next())
        && ends(name.bytes().last())
        && !name.contains("..")
        && !name.starts_with("xn--")
        && !looks_like_address
}
