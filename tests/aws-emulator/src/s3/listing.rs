//! Lists: ListObjectsV2, ListMultipartUploads and ListParts, in pages.
//!
//! Keys come in the order of their UTF-8 bytes. Continuation tokens are the key to go on behind, in base64.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderName;

use super::buckets::xml_reply;
use super::store::{Object, Upload};
use super::{S3Call, S3Error, xml};
use crate::aws::encode;
use crate::clock;
use crate::reply::{Reply, WithHeader};

const LARGEST_PAGE: usize = 1000;

/// What is asked of ListObjectsV2.
struct Wanted<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    after: String,
    limit: usize,
    url: bool,
}

/// One line of a listing.
enum Line<'a> {
    Object(&'a str, &'a Object),
    /// What keys have in common up to the delimiter.
    Prefix(&'a str),
}

impl S3Call<'_> {
    pub(super) fn list_objects(&self) -> Result<Reply, S3Error> {
        let wanted = self.wanted()?;
        self.with_bucket(|bucket| {
            let keys = bucket.current().map(|(key, object)| (key.as_str(), object));
            let (lines, next) = wanted.page(keys);
            let mut members = vec![
                xml::text("Name", &self.request.bucket),
                xml::text("Prefix", &wanted.shown(wanted.prefix)),
                xml::text("MaxKeys", &wanted.limit.to_string()),
                xml::text("KeyCount", &lines.len().to_string()),
                xml::text("IsTruncated", &next.is_some().to_string()),
            ];
            members.extend(next.map(|next| xml::text("NextContinuationToken", &STANDARD.encode(next))));
            let echoed = [
                ("continuation-token", "ContinuationToken"),
                ("start-after", "StartAfter"),
                ("delimiter", "Delimiter"),
                ("encoding-type", "EncodingType"),
            ];
            for (name, member) in echoed {
                members.extend(self.request.member(name).map(|value| xml::text(member, value)));
            }
            members.extend(lines.iter().map(|line| wanted.show(line)));
            Ok(xml_reply(&xml::answer("ListBucketResult", &members)))
        })
    }

    fn wanted(&self) -> Result<Wanted<'_>, S3Error> {
        let after = match self.request.member("continuation-token") {
            None => self.request.member("start-after").unwrap_or_default().to_owned(),
            Some(token) => {
                let bytes = STANDARD
                    .decode(token)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok());
                bytes.ok_or_else(|| {
                    S3Error::InvalidArgument("The continuation token provided is incorrect".to_owned())
                })?
            }
        };
        Ok(Wanted {
            prefix: self.request.member("prefix").unwrap_or_default(),
            delimiter: self.request.member("delimiter").unwrap_or_default(),
            after,
            limit: self.limit("max-keys")?,
            url: self.request.member("encoding-type") == Some("url"),
        })
    }

    fn limit(&self, name: &str) -> Result<usize, S3Error> {
        match self.request.member(name) {
            None => Ok(LARGEST_PAGE),
            Some(text) => {
                let number: usize = text
                    .parse()
                    .map_err(|_| S3Error::InvalidArgument(format!("Provided {name} not an integer")))?;
                Ok(number.min(LARGEST_PAGE))
            }
        }
    }

    pub(super) fn list_uploads(&self) -> Result<Reply, S3Error> {
        let limit = self.limit("max-uploads")?;
        let prefix = self.request.member("prefix").unwrap_or_default();
        let key_marker = self.request.member("key-marker").unwrap_or_default();
        let id_marker = self.request.member("upload-id-marker").unwrap_or_default();
        self.with_bucket(|bucket| {
            let mut uploads: Vec<(&String, &Upload)> = bucket
                .uploads
                .iter()
                .filter(|(id, upload)| {
                    let behind = (upload.key.as_str(), id.as_str()) > (key_marker, id_marker);
                    let same_key = upload.key == key_marker && id_marker.is_empty();
                    upload.key.starts_with(prefix) && behind && !same_key
                })
                .collect();
            uploads.sort_by_key(|(id, upload)| (&upload.key, *id));
            let truncated = uploads.len() > limit;
            uploads.truncate(limit);
            let mut members = vec![
                xml::text("Bucket", &self.request.bucket),
                xml::text("KeyMarker", key_marker),
                xml::text("UploadIdMarker", id_marker),
                xml::text("Prefix", prefix),
                xml::text("MaxUploads", &limit.to_string()),
                xml::text("IsTruncated", &truncated.to_string()),
            ];
            if let Some((id, upload)) = uploads.last().filter(|_| truncated) {
                members.push(xml::text("NextKeyMarker", &upload.key));
                members.push(xml::text("NextUploadIdMarker", id));
            }
            members.extend(uploads.into_iter().map(|(id, upload)| show_upload(id, upload)));
            Ok(xml_reply(&xml::answer("ListMultipartUploadsResult", &members)))
        })
    }

    pub(super) fn list_parts(&self) -> Result<Reply, S3Error> {
        let limit = self.limit("max-parts")?;
        let marker: u32 = match self.request.member("part-number-marker") {
            None => 0,
            Some(text) => text
                .parse()
                .map_err(|_| S3Error::InvalidArgument("Provided part-number-marker not an integer".to_owned()))?,
        };
        self.with_upload(|upload| {
            let behind: Vec<_> = upload.parts.range(marker + 1..).collect();
            let truncated = behind.len() > limit;
            let mut members = vec![
                xml::text("Bucket", &self.request.bucket),
                xml::text("Key", &upload.key),
                xml::text("UploadId", self.request.member("uploadId").unwrap_or_default()),
                xml::text("StorageClass", "STANDARD"),
                xml::text("PartNumberMarker", &marker.to_string()),
                xml::text("MaxParts", &limit.to_string()),
                xml::text("IsTruncated", &truncated.to_string()),
            ];
            let shown = &behind[..behind.len().min(limit)];
            members.extend(
                shown
                    .last()
                    .map(|(number, _)| xml::text("NextPartNumberMarker", &number.to_string())),
            );
            for (number, part) in shown {
                members.push(xml::element(
                    "Part",
                    &[
                        xml::text("PartNumber", &number.to_string()),
                        xml::text("LastModified", &timestamp(part.modified)),
                        xml::text("ETag", &format!("\"{}\"", hex::encode(part.md5))),
                        xml::text("Size", &part.segment.size().to_string()),
                        xml::text(&upload.algorithm.member(), &STANDARD.encode(&part.checksum)),
                    ],
                ));
            }
            let reply = xml_reply(&xml::answer("ListPartsResult", &members));
            Ok(reply.with(
                HeaderName::from_static("x-amz-checksum-algorithm"),
                upload.algorithm.name(),
            ))
        })
    }
}

impl Wanted<'_> {
    /// Cuts the page out of all keys; also returns what the next one starts behind.
    fn page<'a>(&self, keys: impl Iterator<Item = (&'a str, &'a Object)>) -> (Vec<Line<'a>>, Option<String>) {
        let mut lines: Vec<Line<'a>> = Vec::new();
        let mut last = String::new();
        for (key, object) in keys {
            let Some(rest) = key.strip_prefix(self.prefix) else {
                continue;
            };
            let cut = match self.delimiter {
                "" => None,
                delimiter => rest.find(delimiter).map(|at| self.prefix.len() + at + delimiter.len()),
            };
            let shown = cut.map_or(key, |cut| &key[..cut]);
            let repeated = cut.is_some() && matches!(lines.last(), Some(Line::Prefix(before)) if *before == shown);
            if shown <= self.after.as_str() || repeated {
                continue;
            }
            if lines.len() == self.limit {
                return (lines, Some(last).filter(|_| self.limit > 0));
            }
            shown.clone_into(&mut last);
            lines.push(if cut.is_some() {
                Line::Prefix(shown)
            } else {
                Line::Object(key, object)
            });
        }
        (lines, None)
    }

    fn shown(&self, key: &str) -> String {
        if self.url {
            encode(key.as_bytes(), true)
        } else {
            key.to_owned()
        }
    }

    fn show(&self, line: &Line<'_>) -> String {
        match line {
            Line::Prefix(prefix) => xml::element("CommonPrefixes", &[xml::text("Prefix", &self.shown(prefix))]),
            Line::Object(key, object) => xml::element(
                "Contents",
                &[
                    xml::text("Key", &self.shown(key)),
                    xml::text("LastModified", &timestamp(object.modified)),
                    xml::text("ETag", &format!("\"{}\"", object.etag)),
                    xml::text("Size", &object.size.to_string()),
                    xml::text("ChecksumAlgorithm", object.checksum.algorithm.name()),
                    xml::text("ChecksumType", object.checksum.kind()),
                    xml::text("StorageClass", "STANDARD"),
                ],
            ),
        }
    }
}

fn show_upload(id: &str, upload: &Upload) -> String {
    let members = [
        xml::text("Key", &upload.key),
        xml::text("UploadId", id),
        xml::text("Initiated", &timestamp(upload.initiated)),
        xml::text("StorageClass", "STANDARD"),
        xml::text("ChecksumAlgorithm", upload.algorithm.name()),
    ];
    xml::element("Upload", &members)
}

fn timestamp(epoch: i64) -> String {
    clock::iso8601(epoch).replace('Z', ".000Z")
}
