//! Taking the body of an upload: to a file while it is hashed, with everything verified that the client announced.
//!
//! Nothing is held in memory. A body that breaks off, has another length than declared, or fails one of its checksums
//! leaves no file behind.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::request::Parts;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWriteExt;

use super::checksum::{Algorithm, Checksum, Coverage, Hasher, in_headers};
use super::chunked::Decoder;
use super::segment::Segment;
use super::{S3Call, S3Error};

/// Largest body of one request: 5 GiB.
const LARGEST_BODY: u64 = 5 * 1024 * 1024 * 1024;

/// A body that has arrived and is what it was announced to be.
pub(super) struct Received {
    pub(super) segment: Arc<Segment>,
    pub(super) md5: [u8; 16],
    pub(super) checksum: Checksum,
    /// Whether the client sent the checksum.
    pub(super) announced: bool,
}

/// What the headers say about the body.
struct Announced {
    length: u64,
    /// Value in hexadecimal of the SHA-256 over the body as it is sent.
    sha256: Option<String>,
    md5: Option<Vec<u8>>,
    checksum: Option<(Algorithm, Vec<u8>)>,
    /// Algorithm of the checksum in the trailer.
    trailer: Option<Algorithm>,
    decoder: Option<Decoder>,
}

struct Sink {
    file: tokio::fs::File,
    length: u64,
    md5: Md5,
    sha256: Sha256,
    hasher: Hasher,
}

impl Sink {
    async fn write(&mut self, content: &[u8]) -> Result<(), S3Error> {
        self.md5.update(content);
        self.hasher.update(content);
        self.length += content.len() as u64;
        Ok(self.file.write_all(content).await?)
    }
}

impl S3Call<'_> {
    /// Receives the body; without a checksum from the client, one by `default` is made.
    pub(super) async fn receive(&self, body: &mut Incoming, default: Algorithm) -> Result<Received, S3Error> {
        let mut announced = self.announced()?;
        let algorithm = match (&announced.checksum, announced.trailer) {
            (Some((algorithm, _)), None) => *algorithm,
            (None, Some(algorithm)) => algorithm,
            _ => default,
        };
        let segment = self.emulator.buckets.segment();
        let mut sink = Sink {
            file: tokio::fs::File::create(segment.path()).await?,
            length: 0,
            md5: Md5::new(),
            sha256: Sha256::new(),
            hasher: algorithm.hasher(),
        };
        let trailer = transfer(body, &mut announced, &mut sink).await?;
        sink.file.flush().await?;
        if let Some(trailer) = trailer {
            announced.take_trailer(&trailer)?;
        }
        let segment = Arc::new(segment.complete(sink.length));
        let (bytes, md5) = (sink.hasher.finish(), <[u8; 16]>::from(sink.md5.finalize()));
        announced.verify(algorithm, (sink.length, &bytes, &md5), sink.sha256)?;
        Ok(Received {
            segment,
            md5,
            announced: announced.checksum.is_some(),
            checksum: Checksum {
                algorithm,
                coverage: Coverage::FullObject,
                bytes,
                parts: None,
            },
        })
    }

    fn announced(&self) -> Result<Announced, S3Error> {
        let parts = self.parts;
        let payload = header(parts, "x-amz-content-sha256").unwrap_or_default();
        let length = length(parts, payload.starts_with("STREAMING-"))?;
        if length > LARGEST_BODY {
            return Err(S3Error::TooLarge);
        }
        let trailer = header(parts, "x-amz-trailer").map(parse_trailer).transpose()?;
        let checksum = in_headers(&parts.headers)?;
        let says_algorithm = parts.headers.contains_key("x-amz-sdk-checksum-algorithm");
        if says_algorithm && checksum.is_none() && trailer.is_none() {
            return Err(S3Error::InvalidRequest(
                "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer headers \
                 were found."
                    .to_owned(),
            ));
        }
        let decoder = match payload {
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Some(Decoder::new(None)),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" | "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => {
                Some(Decoder::new(Some(self.signer.chain.clone())))
            }
            _ => None,
        };
        if trailer.is_some() != payload.ends_with("-TRAILER") {
            return Err(S3Error::BadTrailer);
        }
        Ok(Announced {
            length,
            sha256: (payload.len() == 64).then(|| payload.to_owned()),
            md5: header(parts, "content-md5").map(parse_md5).transpose()?,
            checksum,
            trailer,
            decoder,
        })
    }
}

/// Moves the content to the file; returns the members of the trailer if there can be one.
async fn transfer(
    body: &mut Incoming,
    announced: &mut Announced,
    sink: &mut Sink,
) -> Result<Option<Vec<(String, String)>>, S3Error> {
    let mut decoder = announced.decoder.take();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| S3Error::IncompleteBody)?.into_data() else {
            continue;
        };
        match &mut decoder {
            None => {
                if announced.sha256.is_some() {
                    sink.sha256.update(&data);
                }
                sink.write(&data).await?;
            }
            Some(decoder) => {
                let mut rest = &data[..];
                while !rest.is_empty() {
                    let (content, used) = decoder.next(rest)?;
                    sink.write(content).await?;
                    rest = &rest[used..];
                }
            }
        }
        if sink.length > announced.length {
            return Err(S3Error::IncompleteBody);
        }
    }
    decoder.map(Decoder::finish).transpose()
}

impl Announced {
    fn take_trailer(&mut self, members: &[(String, String)]) -> Result<(), S3Error> {
        let Some(algorithm) = self.trailer else {
            return if members.is_empty() {
                Ok(())
            } else {
                Err(S3Error::BadTrailer)
            };
        };
        match members {
            [(name, value)] if *name == algorithm.header() && self.checksum.is_none() => {
                self.checksum = Some((algorithm, algorithm.decode(value)?));
                Ok(())
            }
            _ => Err(S3Error::BadTrailer),
        }
    }

    fn verify(&self, algorithm: Algorithm, actual: (u64, &[u8], &[u8]), sha256: Sha256) -> Result<(), S3Error> {
        let (length, checksum, md5) = actual;
        if length != self.length {
            return Err(S3Error::IncompleteBody);
        }
        if self
            .sha256
            .as_ref()
            .is_some_and(|expected| *expected != hex::encode(sha256.finalize()))
        {
            return Err(S3Error::PayloadMismatch);
        }
        if self.md5.as_ref().is_some_and(|expected| expected != md5) {
            return Err(S3Error::BadDigest("Content-MD5".to_owned()));
        }
        if self.checksum.as_ref().is_some_and(|(_, expected)| expected != checksum) {
            return Err(S3Error::BadDigest(algorithm.name().to_owned()));
        }
        Ok(())
    }
}

/// Length of the content.
fn length(parts: &Parts, chunked: bool) -> Result<u64, S3Error> {
    let name = if chunked {
        "x-amz-decoded-content-length"
    } else {
        CONTENT_LENGTH.as_str()
    };
    match header(parts, name).map(str::parse) {
        Some(Ok(length)) => Ok(length),
        Some(Err(_)) => Err(S3Error::InvalidArgument(format!("{name} is not a number."))),
        None if parts.headers.contains_key(TRANSFER_ENCODING) => {
            Err(S3Error::NotImplemented("Transfer-Encoding".to_owned()))
        }
        // An HTTP client may leave the header out where there is no body.
        None if !chunked => Ok(0),
        None => Err(S3Error::MissingLength),
    }
}

fn parse_trailer(name: &str) -> Result<Algorithm, S3Error> {
    let algorithm = name.trim().strip_prefix("x-amz-checksum-").ok_or(S3Error::BadTrailer)?;
    Algorithm::parse(algorithm)
}

fn parse_md5(text: &str) -> Result<Vec<u8>, S3Error> {
    let bytes = STANDARD.decode(text).ok().filter(|bytes| bytes.len() == 16);
    bytes.ok_or(S3Error::InvalidDigest)
}

/// Returns a header's text.
pub(super) fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}
