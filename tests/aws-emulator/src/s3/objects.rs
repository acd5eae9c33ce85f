//! Objects: PutObject, GetObject and HeadObject with ranges and conditions, DeleteObject.
//!
//! A key that is missing is a denial for whoever may not list the bucket. Conditions on dates are refused.

use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderName, LAST_MODIFIED, RANGE,
};
use http::{Method, StatusCode};
use hyper::body::Incoming;

use super::checksum::Algorithm;
use super::headers::{with_checksum, with_encryption};
use super::receive::header;
use super::segment;
use super::store::{Bucket, Encryption, Entry, NULL_VERSION, Object};
use super::{S3Call, S3Error};
use crate::reply::{self, Reply, WithHeader};
use crate::{clock, random};

const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");

impl S3Call<'_> {
    pub(super) async fn put_object(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let (headers, encryption) = (self.stored_headers()?, self.encryption()?);
        self.check_write_condition()?;
        self.permit_key("kms:GenerateDataKey", &encryption)?;
        let received = self.receive(body, Algorithm::Crc64Nvme).await?;
        let object = Object {
            version: NULL_VERSION.to_owned(),
            size: received.segment.size(),
            segments: vec![received.segment],
            etag: etag(&received.md5, &encryption),
            modified: clock::now(),
            checksum: received.checksum,
            headers,
            encryption,
        };
        self.store(object)
    }

    /// Stores an object unless a condition forbids it, and says so in headers.
    pub(super) fn store(&self, object: Object) -> Result<Reply, S3Error> {
        let reply = reply::empty(StatusCode::OK).with(ETAG, &format!("\"{}\"", object.etag));
        let reply = with_checksum(with_encryption(reply, &object.encryption), &object);
        self.check_write_condition()?;
        let version = self.with_bucket(|bucket| {
            self.check_absent(bucket)?;
            Ok(bucket.put(&self.request.key, object))
        })?;
        Ok(with_version(reply, &version))
    }

    /// Checks the condition early, so that nobody uploads in vain.
    pub(super) fn check_write_condition(&self) -> Result<(), S3Error> {
        if self.parts.headers.contains_key("if-match") {
            return Err(S3Error::NotImplemented("If-Match on writes".to_owned()));
        }
        match header(self.parts, "if-none-match") {
            None | Some("*") => self.with_bucket(|bucket| self.check_absent(bucket)),
            Some(_) => Err(S3Error::NotImplemented("If-None-Match other than *".to_owned())),
        }
    }

    fn check_absent(&self, bucket: &Bucket) -> Result<(), S3Error> {
        let conditional = self.parts.headers.contains_key("if-none-match");
        if conditional && bucket.has(&self.request.key) {
            return Err(S3Error::Precondition);
        }
        Ok(())
    }

    pub(super) fn get_object(&self) -> Result<Reply, S3Error> {
        let object = self.find()?;
        self.permit_key("kms:Decrypt", &object.encryption)?;
        self.check_read_condition(&object)?;
        let range = header(self.parts, RANGE.as_str()).map(|range| parse_range(range, object.size));
        let (status, start, length) = match range.transpose()?.flatten() {
            None => (StatusCode::OK, 0, object.size),
            Some((first, last)) => (StatusCode::PARTIAL_CONTENT, first, last - first + 1),
        };
        let reply = if self.parts.method == Method::HEAD {
            reply::empty(status).with(CONTENT_LENGTH, &length.to_string())
        } else {
            segment::answer(status, &object.segments, (start, length))
        };
        let mut reply = describe(reply, &object);
        if status == StatusCode::PARTIAL_CONTENT {
            let range = format!("bytes {start}-{}/{}", start + length - 1, object.size);
            reply = reply.with(CONTENT_RANGE, &range);
        } else if header(self.parts, "x-amz-checksum-mode").is_some_and(|mode| mode.eq_ignore_ascii_case("ENABLED")) {
            reply = with_checksum(reply, &object);
        }
        Ok(reply)
    }

    fn find(&self) -> Result<Object, S3Error> {
        let key = &self.request.key;
        let missing = |marker: Option<String>| S3Error::NoSuchKey {
            key: key.clone(),
            marker,
        };
        let found = self.with_bucket(|bucket| {
            let history = bucket.objects.get(key).map_or(&[][..], Vec::as_slice);
            match self.request.member("versionId") {
                None => match history.last() {
                    None => Err(missing(None)),
                    Some(Entry::DeleteMarker(version)) => Err(missing(Some(version.clone()))),
                    Some(Entry::Object(object)) => Ok(Object::clone(object)),
                },
                Some(version) => match history.iter().find(|entry| entry.version() == version) {
                    None => Err(S3Error::NoSuchVersion),
                    Some(Entry::DeleteMarker(_)) => Err(S3Error::DeleteMarker),
                    Some(Entry::Object(object)) => Ok(Object::clone(object)),
                },
            }
        });
        if matches!(found, Err(S3Error::NoSuchKey { .. })) {
            self.permit_on("s3:ListBucket", &format!("arn:aws:s3:::{}", self.request.bucket))?;
        }
        found
    }

    fn check_read_condition(&self, object: &Object) -> Result<(), S3Error> {
        for name in ["if-modified-since", "if-unmodified-since", "if-range"] {
            if self.parts.headers.contains_key(name) {
                return Err(S3Error::NotImplemented(name.to_owned()));
            }
        }
        let names = |list: &str| {
            let mut tags = list.split(',').map(|tag| tag.trim().trim_matches('"'));
            tags.any(|tag| tag == "*" || tag == object.etag)
        };
        if header(self.parts, "if-match").is_some_and(|list| !names(list)) {
            return Err(S3Error::Precondition);
        }
        if header(self.parts, "if-none-match").is_some_and(names) {
            return Err(S3Error::NotModified);
        }
        Ok(())
    }

    pub(super) fn delete_object(&self) -> Result<Reply, S3Error> {
        let key = &self.request.key;
        let reply = reply::empty(StatusCode::NO_CONTENT);
        match self.request.member("versionId") {
            Some(version) => {
                let was_marker = self.with_bucket(|bucket| Ok(bucket.delete_version(key, version)))?;
                let reply = reply.with(VERSION_ID, version);
                Ok(if was_marker {
                    reply.with(DELETE_MARKER, "true")
                } else {
                    reply
                })
            }
            None => match self.with_bucket(|bucket| Ok(bucket.delete(key)))? {
                None => Ok(reply),
                Some(version) => Ok(reply.with(VERSION_ID, &version).with(DELETE_MARKER, "true")),
            },
        }
    }
}

/// The tag of an object in one piece: the MD5 of its bytes, unless KMS encrypts them.
pub(super) fn etag(md5: &[u8], encryption: &Encryption) -> String {
    match encryption {
        Encryption::Aes256 => hex::encode(md5),
        Encryption::Kms(_) => random::hex(16),
    }
}

fn describe(reply: Reply, object: &Object) -> Reply {
    let mut reply = with_encryption(reply, &object.encryption)
        .with(ETAG, &format!("\"{}\"", object.etag))
        .with(LAST_MODIFIED, &clock::http_date(object.modified))
        .with(ACCEPT_RANGES, "bytes")
        .with(CONTENT_TYPE, "binary/octet-stream");
    for (name, value) in &object.headers {
        reply = reply.with(name.clone(), value);
    }
    with_version(reply, &object.version)
}

fn with_version(reply: Reply, version: &str) -> Reply {
    if version == NULL_VERSION {
        reply
    } else {
        reply.with(VERSION_ID, version)
    }
}

/// Reads one range of bytes into its first and last; what is not one range of bytes is ignored, as S3 does.
fn parse_range(text: &str, size: u64) -> Result<Option<(u64, u64)>, S3Error> {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Ok(None);
    };
    let end = size.saturating_sub(1);
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => (first, last.min(end)),
        (Ok(first), Err(_)) if last.is_empty() => (first, end),
        (Err(_), Ok(length)) if first.is_empty() && length > 0 => (size.saturating_sub(length), end),
        (Err(_), Ok(_)) if first.is_empty() => return Err(S3Error::Range),
        _ => return Ok(None),
    };
    if range.0 >= size {
        return Err(S3Error::Range);
    }
    Ok(Some(range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_protocol_says() {
        for (text, expected) in [
            ("bytes=0-0", Some((0, 0))),
            ("bytes=2-", Some((2, 9))),
            ("bytes=-3", Some((7, 9))),
            ("bytes=-30", Some((0, 9))),
            ("bytes=5-100", Some((5, 9))),
            ("bytes=5-2", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse_range(text, 10).unwrap(), expected, "{text}");
        }
        for text in ["bytes=10-", "bytes=10-11", "bytes=-0"] {
            assert!(parse_range(text, 10).is_err(), "{text}");
        }
        assert!(parse_range("bytes=0-", 0).is_err());
    }
}
