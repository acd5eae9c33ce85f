//! What S3 verifies of a body: hashes, checksums, lengths, chunk signatures. Requests are signed by hand here, so that
//! they can be wrong in one place.

use std::fmt::Write;

use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::client::{Answer, Emulator};

const DATE: &str = "x-amz-date";
const SCOPE_END: &str = "eu-central-1/s3/aws4_request";
const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// A request that is signed with the test key.
struct Signed {
    path: String,
    headers: Vec<(String, String)>,
    key: Vec<u8>,
    scope: String,
    date: String,
    signature: String,
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn now() -> String {
    let at = time::OffsetDateTime::now_utc();
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

/// Signs a PUT of `/source/a` with this payload hash and these further headers.
fn sign(payload: &str, further: &[(&str, &str)]) -> Signed {
    sign_for(("localhost", "/source/a"), payload, further)
}

/// Signs a PUT to this host and path.
fn sign_for((host, path): (&str, &str), payload: &str, further: &[(&str, &str)]) -> Signed {
    let date = now();
    let scope = format!("{}/{SCOPE_END}", &date[..8]);
    let mut headers: Vec<(String, String)> = [("host", host), (DATE, &date), ("x-amz-content-sha256", payload)]
        .iter()
        .chain(further)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    headers.sort();
    let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let names = names.join(";");
    let mut canonical = format!("PUT\n{path}\n\n");
    for (name, value) in &headers {
        writeln!(canonical, "{name}:{value}").unwrap();
    }
    write!(canonical, "\n{names}\n{payload}").unwrap();
    let key = scope
        .split('/')
        .fold(b"AWS4test".to_vec(), |key, part| hmac(&key, part));
    let to_sign = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", hash(canonical.as_bytes()));
    let signature = hex::encode(hmac(&key, &to_sign));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential=test/{scope}, SignedHeaders={names}, Signature={signature}");
    headers.push(("authorization".to_owned(), authorization));
    Signed {
        path: path.to_owned(),
        headers,
        key,
        scope,
        date,
        signature,
    }
}

impl Signed {
    async fn send(&self, emulator: &Emulator, body: Vec<u8>) -> Answer {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        emulator.send(("PUT", &self.path), &headers, body).await
    }

    /// Encodes chunks with signatures, the last one empty.
    fn chunks(&self, chunks: &[&[u8]]) -> Vec<u8> {
        let mut previous = self.signature.clone();
        let mut body = Vec::new();
        for chunk in chunks.iter().chain(&[&b""[..]]) {
            let (date, scope) = (&self.date, &self.scope);
            let to_sign = format!(
                "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{}\n{}",
                hash(b""),
                hash(chunk)
            );
            previous = hex::encode(hmac(&self.key, &to_sign));
            body.extend(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).into_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body
    }
}

fn error(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let code = text
        .split("<Code>")
        .nth(1)
        .and_then(|rest| rest.split("</Code>").next());
    code.unwrap_or("none").to_owned()
}

async fn with_bucket() -> Emulator {
    let emulator = Emulator::start().await;
    emulator.s3_with_bucket("source").await;
    emulator
}

/// Nothing of a refused upload stays.
async fn assert_nothing_stored(emulator: &Emulator) {
    let leftovers = emulator.admin(("GET", "leftovers"), "").await;
    assert_eq!(leftovers["buckets"]["source"]["keys"], serde_json::json!([]));
    assert_eq!(std::fs::read_dir(emulator.data.path().join("s3")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_signed_payload_hash_must_be_that_of_the_body() {
    let emulator = with_bucket().await;
    let right = sign(&hash(b"content"), &[("content-length", "7")]);
    assert_eq!(
        error(&right.send(&emulator, b"contenT".to_vec()).await),
        "XAmzContentSHA256Mismatch"
    );
    assert_nothing_stored(&emulator).await;
    let answer = right.send(&emulator, b"content".to_vec()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn announced_checksums_are_verified() {
    let emulator = with_bucket().await;
    let sha256 = STANDARD.encode(Sha256::digest(b"content"));
    for (name, right, code) in [
        ("x-amz-checksum-sha256", sha256.as_str(), "BadDigest"),
        ("content-md5", "mgNkuembtIDdJeHwKEyFVQ==", "BadDigest"),
    ] {
        let request = sign("UNSIGNED-PAYLOAD", &[("content-length", "7"), (name, right)]);
        assert_eq!(
            error(&request.send(&emulator, b"contenT".to_vec()).await),
            code,
            "{name}"
        );
        assert_nothing_stored(&emulator).await;
    }
    for (name, value, code) in [
        ("x-amz-checksum-sha256", "AAAA", "InvalidRequest"),
        ("x-amz-checksum-xxhash3", "AAAA", "InvalidRequest"),
        ("x-amz-sdk-checksum-algorithm", "SHA256", "InvalidRequest"),
        ("content-md5", "AAAA", "InvalidDigest"),
    ] {
        let request = sign("UNSIGNED-PAYLOAD", &[("content-length", "7"), (name, value)]);
        assert_eq!(
            error(&request.send(&emulator, b"content".to_vec()).await),
            code,
            "{name}"
        );
    }
    assert_nothing_stored(&emulator).await;
}

#[tokio::test]
async fn every_checksum_of_the_sdk_is_kept() {
    use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
    let emulator = with_bucket().await;
    let s3 = emulator.s3();
    let sha256 = STANDARD.encode(Sha256::digest(b"123456789"));
    for (algorithm, expected) in [
        (ChecksumAlgorithm::Crc32, "y/Q5Jg=="),
        (ChecksumAlgorithm::Crc32C, "4waSgw=="),
        (ChecksumAlgorithm::Crc64Nvme, "rosUhgp5mIg="),
        (ChecksumAlgorithm::Sha1, "98O8HYCOBHMq32eZZczDTKeuNEE="),
        (ChecksumAlgorithm::Sha256, sha256.as_str()),
    ] {
        let request = s3
            .put_object()
            .bucket("source")
            .key("a")
            .checksum_algorithm(algorithm.clone());
        request
            .body(ByteStream::from_static(b"123456789"))
            .send()
            .await
            .unwrap();
        let head = s3
            .head_object()
            .bucket("source")
            .key("a")
            .checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        let all = [
            head.checksum_crc32(),
            head.checksum_crc32_c(),
            head.checksum_crc64_nvme(),
            head.checksum_sha1(),
            head.checksum_sha256(),
        ];
        let given: Vec<_> = all.into_iter().flatten().collect();
        assert_eq!(given, [expected], "{algorithm}");
    }
}

#[tokio::test]
async fn signed_chunks_are_verified_one_by_one() {
    let emulator = with_bucket().await;
    let (first, second) = (vec![1u8; 8192], vec![2u8; 100]);
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "8292"),
    ];
    let request = sign(STREAMING, &headers);
    let mut body = request.chunks(&[&first, &second]);
    let answer = request.send(&emulator, body.clone()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let stored = emulator
        .s3()
        .get_object()
        .bucket("source")
        .key("a")
        .send()
        .await
        .unwrap();
    assert_eq!((stored.content_length(), stored.content_encoding()), (Some(8292), None));
    let end = body.len() - 120;
    body[end] ^= 1;
    assert_eq!(error(&request.send(&emulator, body).await), "SignatureDoesNotMatch");
    let small_first = request.chunks(&[&second, &first]);
    assert_eq!(
        error(&request.send(&emulator, small_first).await),
        "InvalidChunkSizeError"
    );
    let short = request.chunks(&[&first]);
    assert_eq!(error(&request.send(&emulator, short).await), "IncompleteBody");
}

#[tokio::test]
async fn a_trailing_checksum_is_verified() {
    let emulator = with_bucket().await;
    let headers = [
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "9"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
    ];
    let request = sign(UNSIGNED_TRAILER, &headers);
    let body = |trailer: &str| format!("9\r\n123456789\r\n0\r\n{trailer}\r\n").into_bytes();
    let right = request.send(&emulator, body("x-amz-checksum-crc32:y/Q5Jg==\r\n")).await;
    assert_eq!(right.status, 200, "{right:?}");
    for (trailer, code) in [
        ("x-amz-checksum-crc32:y/Q5JA==\r\n", "BadDigest"),
        ("x-amz-checksum-crc32c:4waSgw==\r\n", "MalformedTrailerError"),
        ("", "MalformedTrailerError"),
    ] {
        assert_eq!(error(&request.send(&emulator, body(trailer)).await), code, "{trailer}");
    }
    let cut = request.send(&emulator, b"9\r\n12345".to_vec()).await;
    assert_eq!(error(&cut), "IncompleteBody");
}

#[tokio::test]
async fn a_request_without_a_payload_hash_is_refused() {
    let emulator = with_bucket().await;
    let mut request = sign("UNSIGNED-PAYLOAD", &[]);
    request.headers.retain(|(name, _)| name != "x-amz-content-sha256");
    assert_eq!(error(&request.send(&emulator, Vec::new()).await), "InvalidRequest");
}

#[tokio::test]
async fn a_wrong_secret_and_an_unknown_key_are_told_apart() {
    let emulator = with_bucket().await;
    let mut request = sign("UNSIGNED-PAYLOAD", &[]);
    request.headers.push(("x-amz-meta-late".to_owned(), "1".to_owned()));
    assert_eq!(error(&request.send(&emulator, Vec::new()).await), "AccessDenied");
    let mut request = sign("UNSIGNED-PAYLOAD", &[]);
    for (name, value) in &mut request.headers {
        if name == "authorization" {
            *value = value.replace("Credential=test/", "Credential=other/");
        }
    }
    assert_eq!(error(&request.send(&emulator, Vec::new()).await), "InvalidAccessKeyId");
}

#[tokio::test]
async fn a_large_refused_upload_still_gets_its_answer() {
    let emulator = Emulator::start().await;
    let request = emulator.s3().put_object().bucket("nowhere").key("a");
    let error = request
        .body(ByteStream::from(vec![0; 20_000_000]))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("NoSuchBucket"));
}

#[tokio::test]
async fn the_bucket_is_named_by_host_or_path() {
    let emulator = with_bucket().await;
    for (host, path, status) in [
        ("source.s3.eu-central-1.amazonaws.com", "/a%20b", 200),
        ("s3.eu-central-1.amazonaws.com", "/source/a%20b", 200),
        ("source.s3.amazonaws.com", "/a%20b", 200),
        ("source.localhost:4566", "/a%20b", 200),
        ("localhost:4566", "/source/a%20b", 200),
        ("s3.amazonaws.com", "/source/a%20b", 400),
        ("source.s3.us-west-2.amazonaws.com", "/a%20b", 400),
        ("other.s3.eu-central-1.amazonaws.com", "/a%20b", 404),
    ] {
        let request = sign_for((host, path), "UNSIGNED-PAYLOAD", &[]);
        let answer = request.send(&emulator, b"1".to_vec()).await;
        assert_eq!(answer.status, status, "{host}: {answer:?}");
    }
    let leftovers = emulator.admin(("GET", "leftovers"), "").await;
    assert_eq!(leftovers["buckets"]["source"]["keys"], serde_json::json!(["a b"]));
}
