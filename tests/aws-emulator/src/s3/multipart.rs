//! Uploads in parts: create, upload, complete, abort.
//!
//! Parts stay files of their own; completing one makes an object of them without a copy. An upload is gone once it is
//! completed or aborted, so that a repeated request finds none.

use http::StatusCode;
use http::header::{ETAG, HeaderName};
use hyper::body::Incoming;
use md5::{Digest as _, Md5};

use super::buckets::xml_reply;
use super::checksum::{Algorithm, Checksum, Coverage};
use super::headers::with_encryption;
use super::receive::{Received, header};
use super::store::{Encryption, NULL_VERSION, Object, Part, Upload};
use super::{S3Call, S3Error, xml};
use crate::reply::{self, Reply, WithHeader};
use crate::{clock, random};

const SMALLEST_PART: u64 = 5 * 1024 * 1024;
const MOST_PARTS: u32 = 10_000;

/// What a part's arrival is judged by.
struct Expected {
    encryption: Encryption,
    algorithm: Algorithm,
    chosen: bool,
}

/// A part as the request to complete names it.
struct Named {
    number: u32,
    etag: String,
    checksum: Option<(String, String)>,
}

impl S3Call<'_> {
    pub(super) fn create_upload(&self) -> Result<Reply, S3Error> {
        let (headers, encryption) = (self.stored_headers()?, self.encryption()?);
        self.permit_key("kms:GenerateDataKey", &encryption)?;
        let chosen = header(self.parts, "x-amz-checksum-algorithm")
            .map(Algorithm::parse)
            .transpose()?;
        let algorithm = chosen.unwrap_or(Algorithm::Crc64Nvme);
        let coverage = match header(self.parts, "x-amz-checksum-type") {
            Some(name) => Coverage::parse(name)?,
            None if algorithm == Algorithm::Crc64Nvme => Coverage::FullObject,
            None => Coverage::Composite,
        };
        let possible = match coverage {
            Coverage::FullObject => algorithm.combines(),
            Coverage::Composite => algorithm != Algorithm::Crc64Nvme,
        };
        if !possible {
            return Err(S3Error::InvalidRequest(format!(
                "The {} checksum type cannot be used with the {} checksum algorithm.",
                coverage.name(),
                algorithm.name()
            )));
        }
        let id = random::hex(32);
        let mut reply = self.created(&id, &encryption);
        if chosen.is_some() {
            reply = reply
                .with(HeaderName::from_static("x-amz-checksum-algorithm"), algorithm.name())
                .with(HeaderName::from_static("x-amz-checksum-type"), coverage.name());
        }
        let upload = Upload {
            key: self.request.key.clone(),
            initiated: clock::now(),
            headers,
            encryption,
            algorithm,
            coverage,
            chosen: chosen.is_some(),
            parts: std::collections::BTreeMap::new(),
        };
        self.with_bucket(|bucket| {
            bucket.uploads.insert(id, upload);
            Ok(reply)
        })
    }

    fn created(&self, id: &str, encryption: &Encryption) -> Reply {
        let members = [
            xml::text("Bucket", &self.request.bucket),
            xml::text("Key", &self.request.key),
            xml::text("UploadId", id),
        ];
        with_encryption(
            xml_reply(&xml::answer("InitiateMultipartUploadResult", &members)),
            encryption,
        )
    }

    /// Gives the upload that the request names to `work`.
    pub(super) fn with_upload<T>(&self, work: impl FnOnce(&mut Upload) -> Result<T, S3Error>) -> Result<T, S3Error> {
        let id = self.request.member("uploadId").unwrap_or_default();
        self.with_bucket(|bucket| {
            let upload = bucket
                .uploads
                .get_mut(id)
                .filter(|upload| upload.key == self.request.key);
            work(upload.ok_or(S3Error::NoSuchUpload)?)
        })
    }

    pub(super) async fn upload_part(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let number = self
            .request
            .member("partNumber")
            .and_then(|text| text.parse::<u32>().ok());
        let number = number
            .filter(|number| (1..=MOST_PARTS).contains(number))
            .ok_or_else(|| {
                S3Error::InvalidArgument("Part number must be an integer between 1 and 10000, inclusive".to_owned())
            })?;
        let expected = self.with_upload(|upload| {
            Ok(Expected {
                encryption: upload.encryption.clone(),
                algorithm: upload.algorithm,
                chosen: upload.chosen,
            })
        })?;
        self.permit_key("kms:Decrypt", &expected.encryption)?;
        let received = self.receive(body, expected.algorithm).await?;
        let checksum = expected.check(&received)?;
        let mut reply = reply::empty(StatusCode::OK).with(ETAG, &format!("\"{}\"", hex::encode(received.md5)));
        if let (true, Ok(name)) = (
            received.announced,
            HeaderName::try_from(received.checksum.algorithm.header()),
        ) {
            reply = reply.with(name, &received.checksum.text());
        }
        let part = Part {
            segment: received.segment,
            md5: received.md5,
            checksum,
            modified: clock::now(),
        };
        self.with_upload(|upload| {
            upload.parts.insert(number, part);
            Ok(())
        })?;
        Ok(with_encryption(reply, &expected.encryption))
    }

    pub(super) fn abort_upload(&self) -> Result<Reply, S3Error> {
        self.with_upload(|_| Ok(()))?;
        let id = self.request.member("uploadId").unwrap_or_default();
        self.with_bucket(|bucket| {
            bucket.uploads.remove(id);
            Ok(reply::empty(StatusCode::NO_CONTENT))
        })
    }

    pub(super) async fn complete_upload(&self, body: &mut Incoming) -> Result<Reply, S3Error> {
        let document = self.read_document(body).await?;
        let named = parse_parts(&document)?;
        let object = self.with_upload(|upload| assemble(upload, &named))?;
        self.permit_key("kms:Decrypt", &object.encryption)?;
        let announced = header(self.parts, "x-amz-mp-object-size");
        if announced.is_some_and(|size| size != object.size.to_string()) {
            return Err(S3Error::InvalidRequest(
                "The provided 'x-amz-mp-object-size' header does not match.".to_owned(),
            ));
        }
        let body = self.completed(&object);
        let stored = self.store(object)?;
        let id = self.request.member("uploadId").unwrap_or_default();
        self.with_bucket(|bucket| {
            bucket.uploads.remove(id);
            Ok(())
        })?;
        let mut reply = xml_reply(&body);
        let kept = stored
            .headers()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-amz-"));
        let encryption_and_version = kept.filter(|(name, _)| !name.as_str().starts_with("x-amz-checksum"));
        reply
            .headers_mut()
            .extend(encryption_and_version.map(|(name, value)| (name.clone(), value.clone())));
        Ok(reply)
    }

    fn completed(&self, object: &Object) -> String {
        let (bucket, key) = (&self.request.bucket, &self.request.key);
        let region = self.request.region.as_ref().unwrap_or(&self.signer.region);
        let members = [
            xml::text("Location", &format!("https://{bucket}.s3.{region}.amazonaws.com/{key}")),
            xml::text("Bucket", bucket),
            xml::text("Key", key),
            xml::text("ETag", &format!("\"{}\"", object.etag)),
            xml::text(&object.checksum.algorithm.member(), &object.checksum.text()),
            xml::text("ChecksumType", object.checksum.kind()),
        ];
        xml::answer("CompleteMultipartUploadResult", &members)
    }
}

impl Expected {
    /// Checks that a part follows the upload's algorithm; returns the checksum to join.
    fn check(&self, received: &Received) -> Result<Vec<u8>, S3Error> {
        let checksum: &Checksum = &received.checksum;
        if checksum.algorithm == self.algorithm && (received.announced || !self.chosen) {
            return Ok(checksum.bytes.clone());
        }
        if self.chosen {
            let actual = if received.announced {
                checksum.algorithm.name()
            } else {
                "null"
            };
            return Err(S3Error::InvalidRequest(format!(
                "Checksum Type mismatch occurred, expected checksum Type: {}, actual checksum Type: {}",
                self.algorithm.name().to_ascii_lowercase(),
                actual.to_ascii_lowercase()
            )));
        }
        Err(S3Error::InvalidRequest(format!(
            "The upload was created without a checksum algorithm; parts with {} checksums are not emulated.",
            checksum.algorithm.name()
        )))
    }
}

fn parse_parts(document: &[u8]) -> Result<Vec<Named>, S3Error> {
    let mut named = Vec::new();
    for members in xml::find_all(document, "Part")? {
        let get = |name: &str| {
            members
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, text)| text.clone())
        };
        let number = get("PartNumber")
            .and_then(|text| text.parse().ok())
            .ok_or(S3Error::MalformedXml)?;
        let etag = get("ETag").ok_or(S3Error::MalformedXml)?;
        named.push(Named {
            number,
            etag: etag.trim_matches('"').to_owned(),
            checksum: members.into_iter().find(|(name, _)| name.starts_with("Checksum")),
        });
    }
    if named.is_empty() {
        return Err(S3Error::MalformedXml);
    }
    Ok(named)
}

/// Makes the object that the named parts are.
fn assemble(upload: &Upload, named: &[Named]) -> Result<Object, S3Error> {
    if named.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(S3Error::InvalidPartOrder);
    }
    let mut parts = Vec::new();
    for name in named {
        let part = upload.parts.get(&name.number).ok_or(S3Error::InvalidPart)?;
        if hex::encode(part.md5) != name.etag {
            return Err(S3Error::InvalidPart);
        }
        check_part_checksum(upload, name, part)?;
        parts.push(part);
    }
    if parts
        .iter()
        .rev()
        .skip(1)
        .any(|part| part.segment.size() < SMALLEST_PART)
    {
        return Err(S3Error::TooSmall);
    }
    let checksums: Vec<_> = parts
        .iter()
        .map(|part| (part.checksum.clone(), part.segment.size()))
        .collect();
    let mut md5 = Md5::new();
    for part in &parts {
        md5.update(part.md5);
    }
    Ok(Object {
        version: NULL_VERSION.to_owned(),
        size: parts.iter().map(|part| part.segment.size()).sum(),
        segments: parts.iter().map(|part| std::sync::Arc::clone(&part.segment)).collect(),
        etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
        modified: clock::now(),
        checksum: upload.algorithm.join(upload.coverage, &checksums),
        headers: upload.headers.clone(),
        encryption: upload.encryption.clone(),
    })
}

/// A composite checksum wants every part's own in the request; one that is given must be right.
fn check_part_checksum(upload: &Upload, name: &Named, part: &Part) -> Result<(), S3Error> {
    let member = upload.algorithm.member();
    match &name.checksum {
        Some((own, text)) if *own == member => {
            if upload.algorithm.decode(text).is_ok_and(|bytes| bytes == part.checksum) {
                Ok(())
            } else {
                Err(S3Error::InvalidPart)
            }
        }
        Some(_) => Err(S3Error::InvalidPart),
        None if upload.chosen && upload.coverage == Coverage::Composite => Err(S3Error::InvalidRequest(format!(
            "The upload was created using a {} checksum. The complete request must include the checksum for each part. \
             It was missing for part {} in the request.",
            upload.algorithm.name().to_ascii_lowercase(),
            name.number
        ))),
        None => Ok(()),
    }
}
