//! Reading blobs, with ranges; at ECR through a redirect to a signed S3 URL.
//!
//! A blob is visible only in the repositories that it was pushed or mounted to. The S3 side takes a signed GET and
//! nothing else: an Authorization header beside the signature is refused, as S3 does.

use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LOCATION, RANGE,
};
use http::request::Parts;
use http::{Method, StatusCode};

use super::error::RegistryError;
use super::{Exchange, Kind};
use crate::aws::hmac_sha256;
use crate::clock;
use crate::digest::Digest;
use crate::emulator::Emulator;
use crate::random;
use crate::reply::{self, Reply, WithHeader};

const URL_LIFETIME_SECONDS: i64 = 3600;

impl Exchange<'_> {
    pub(super) async fn get_blob(&self, name: &str, digest: &str) -> Result<Reply, RegistryError> {
        let digest: Digest = digest
            .parse()
            .map_err(|_| RegistryError::DigestMalformed(digest.to_owned()))?;
        let key = self.key(name);
        let size = self
            .emulator
            .catalog
            .look(&key, |repository| repository.blobs.get(&digest).copied())?;
        let size = size.ok_or(RegistryError::BlobUnknown)?;
        let reply = match &self.registry.kind {
            _ if self.parts.method == Method::HEAD => reply::empty(StatusCode::OK)
                .with(CONTENT_LENGTH, &size.to_string())
                .with(CONTENT_TYPE, "application/octet-stream"),
            Kind::Ecr { account, region } => {
                reply::empty(StatusCode::TEMPORARY_REDIRECT).with(LOCATION, &self.layer_url((account, region), &digest))
            }
            Kind::Public | Kind::Plain => send(self.emulator, &digest, self.header(RANGE)).await?,
        };
        Ok(reply.with(HeaderName::from_static("docker-content-digest"), &digest.to_string()))
    }

    fn layer_url(&self, (account, region): (&str, &str), digest: &Digest) -> String {
        let (scheme, host) = self.origin.split_once("://").unwrap_or(("https", self.origin));
        let port = host
            .rsplit_once(':')
            .map(|(_, port)| format!(":{port}"))
            .unwrap_or_default();
        let expires_at = clock::now() + URL_LIFETIME_SECONDS;
        let path = format!("/{account}/{}", digest.hex());
        let signature = sign(self.emulator, &path, expires_at);
        format!(
            "{scheme}://prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com{port}{path}\
             ?X-Amz-Expires={expires_at}&X-Amz-Signature={signature}"
        )
    }
}

/// Answers a request to the bucket that ECR redirects to.
pub(crate) async fn answer_layer(emulator: &Emulator, parts: &Parts) -> Reply {
    if parts.headers.contains_key(AUTHORIZATION) {
        return s3_error(
            StatusCode::BAD_REQUEST,
            "InvalidArgument",
            "Only one auth mechanism allowed",
        );
    }
    let query = parts.uri.query().unwrap_or_default();
    let find = |name: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    let expires_at = find("X-Amz-Expires").and_then(|text| text.parse::<i64>().ok());
    let (Some(expires_at), Some(signature)) = (expires_at, find("X-Amz-Signature")) else {
        return s3_error(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied");
    };
    if parts.method != Method::GET || sign(emulator, parts.uri.path(), expires_at) != signature {
        return s3_error(
            StatusCode::FORBIDDEN,
            "SignatureDoesNotMatch",
            "The request signature does not match",
        );
    }
    if expires_at < clock::now() {
        return s3_error(StatusCode::FORBIDDEN, "AccessDenied", "Request has expired");
    }
    let hex = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let range = parts.headers.get(RANGE).and_then(|value| value.to_str().ok());
    let sent = match format!("sha256:{hex}").parse() {
        Ok(digest) => send(emulator, &digest, range).await,
        Err(_) => Err(RegistryError::BlobUnknown),
    };
    match sent {
        Ok(reply) => reply,
        Err(RegistryError::RangeOutside(size)) => s3_error(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The requested range is not satisfiable",
        )
        .with(CONTENT_RANGE, &format!("bytes */{size}")),
        Err(_) => s3_error(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist."),
    }
}

async fn send(emulator: &Emulator, digest: &Digest, range: Option<&str>) -> Result<Reply, RegistryError> {
    let path = emulator.content.path(digest);
    let size = tokio::fs::metadata(&path).await?.len();
    let reply = match range.and_then(|range| parse_range(range, size)) {
        None => reply::file(StatusCode::OK, &path, 0, size).await?,
        Some(None) => return Err(RegistryError::RangeOutside(size)),
        Some(Some((first, last))) => reply::file(StatusCode::PARTIAL_CONTENT, &path, first, last - first + 1)
            .await?
            .with(CONTENT_RANGE, &format!("bytes {first}-{last}/{size}")),
    };
    Ok(reply
        .with(CONTENT_TYPE, "application/octet-stream")
        .with(ACCEPT_RANGES, "bytes"))
}

/// Reads a `Range` header: `None` if it is to be ignored, `Some(None)` if it is outside the content.
fn parse_range(header: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = header
        .strip_prefix("bytes=")
        .filter(|rest| !rest.contains(','))?
        .split_once('-')?;
    let bounds = match (first, last) {
        ("", suffix) => {
            let length = suffix.parse::<u64>().ok()?;
            (size.saturating_sub(length), if length == 0 { 0 } else { size })
        }
        (first, "") => (first.parse().ok()?, size),
        (first, last) => (
            first.parse().ok()?,
            last.parse::<u64>().ok()?.saturating_add(1).min(size),
        ),
    };
    Some((bounds.0 < bounds.1).then(|| (bounds.0, bounds.1 - 1)))
}

fn sign(emulator: &Emulator, path: &str, expires_at: i64) -> String {
    hex::encode(hmac_sha256(
        &emulator.layer_key,
        format!("GET\n{path}\n{expires_at}").as_bytes(),
    ))
}

fn s3_error(status: StatusCode, code: &str, message: &str) -> Reply {
    let id = random::hex(8);
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{id}</RequestId></Error>"
    );
    reply::text(status, "application/xml", document)
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_are_inclusive_and_cut_at_the_end() {
        for (header, expected) in [
            ("bytes=0-0", Some(Some((0, 0)))),
            ("bytes=2-", Some(Some((2, 9)))),
            ("bytes=-3", Some(Some((7, 9)))),
            ("bytes=5-100", Some(Some((5, 9)))),
            ("bytes=10-", Some(None)),
            ("bytes=-0", Some(None)),
            ("bytes=5-4", Some(None)),
            ("bytes=0-1,3-4", None),
            ("lines=0-1", None),
        ] {
            assert_eq!(parse_range(header, 10), expected, "{header}");
        }
    }
}
