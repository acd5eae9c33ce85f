//! Signature Version 4 in the Authorization header: parsing and real verification.
//!
//! A request is accepted only if the key is known and current, the scope names the service and region that were
//! called, the date is within five minutes, every `x-amz-*` header is signed, and the signature is right.
//! Presigned URLs are refused. S3 signs a path encoded once and a payload hash that it sends along; every other service
//! a path encoded twice and the hash of the body. Follows "Signature Version 4 signing process" of the AWS General
//! Reference.

use hmac::{Hmac, KeyInit, Mac};
use http::request::Parts;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{Credentials, Identity};
use crate::clock;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const LARGEST_SKEW_SECONDS: i64 = 300;

/// A request as it arrived.
pub(crate) struct SignedRequest<'a> {
    /// Method, path, query and headers.
    pub(crate) parts: &'a Parts,
    /// Host with the port, as the client sent it.
    pub(crate) host: &'a str,
    /// Complete body.
    pub(crate) body: &'a [u8],
}

/// A request reduced to what its signature covers.
pub(crate) struct Signable<'a> {
    /// Method, query and headers.
    pub(crate) parts: &'a Parts,
    /// Host with the port, as the client sent it.
    pub(crate) host: &'a str,
    /// The path in the form that the service signs.
    pub(crate) canonical_path: &'a str,
    /// Hash of the body, or the word that stands for one.
    pub(crate) payload_hash: &'a str,
}

/// What a signature must be made for.
pub(crate) struct Scope<'a> {
    /// Signing name of the service.
    pub(crate) service: &'a str,
    /// Region of the host that was called, where the host names one.
    pub(crate) region: Option<&'a str>,
}

/// Who signed, and for which region.
pub(crate) struct Signer {
    /// Whose key was used.
    pub(crate) identity: Identity,
    /// Region of the signature.
    pub(crate) region: String,
    /// What signatures of chunks are made with.
    pub(crate) chain: SignatureChain,
}

/// The start of a chain of chunk signatures, each made over the one before.
#[derive(Clone)]
pub(crate) struct SignatureChain {
    /// Key of the day, region and service.
    pub(crate) key: Vec<u8>,
    /// Date of the request.
    pub(crate) date: String,
    /// Day, region, service and end.
    pub(crate) scope: String,
    /// The signature before the next chunk.
    pub(crate) previous: String,
}

/// Why a signature is not accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignatureError {
    /// No Authorization header of this algorithm.
    #[error("Missing Authentication Token")]
    Missing,
    /// The header lacks a part.
    #[error("Authorization header requires '{0}' parameter.")]
    Incomplete(&'static str),
    /// Unknown key, or a temporary key without its session token.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// A temporary key after its end.
    #[error("The security token included in the request is expired")]
    Expired,
    /// Made for another service, region or day.
    #[error("Credential should be scoped to {0}.")]
    Scope(String),
    /// Made too long ago, or in the future.
    #[error("Signature expired: {0} is not within five minutes of now.")]
    Stale(String),
    /// A header that must be signed is not.
    #[error("The request signature does not include the header '{0}'.")]
    Unsigned(String),
    /// Wrong secret, or the request was changed on its way.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
    )]
    Mismatch,
}

impl SignatureError {
    /// Returns the error type of services that speak AWS JSON.
    pub(crate) fn json_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownKey => "UnrecognizedClientException",
            Self::Expired => "ExpiredTokenException",
            Self::Scope(_) | Self::Stale(_) | Self::Unsigned(_) | Self::Mismatch => "InvalidSignatureException",
        }
    }

    /// Returns the error code of services that speak the query protocol.
    pub(crate) fn query_code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationToken",
            Self::Incomplete(_) => "IncompleteSignature",
            Self::UnknownKey => "InvalidClientTokenId",
            Self::Expired => "ExpiredToken",
            Self::Scope(_) | Self::Stale(_) | Self::Unsigned(_) | Self::Mismatch => "SignatureDoesNotMatch",
        }
    }
}

/// Computes HMAC-SHA256.
#[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Verifies the signature of a request to any service but S3.
pub(crate) fn verify(
    request: &SignedRequest<'_>,
    credentials: &Credentials,
    scope: &Scope<'_>,
) -> Result<Signer, SignatureError> {
    let signable = Signable {
        parts: request.parts,
        host: request.host,
        canonical_path: &encode(request.parts.uri.path().as_bytes(), true),
        payload_hash: &hex::encode(Sha256::digest(request.body)),
    };
    verify_signable(&signable, credentials, scope)
}

/// Verifies a signature whose canonical path and payload hash the service has determined.
pub(crate) fn verify_signable(
    request: &Signable<'_>,
    credentials: &Credentials,
    scope: &Scope<'_>,
) -> Result<Signer, SignatureError> {
    let authorization = Authorization::parse(header(request.parts, "authorization"))?;
    let key = credentials
        .find(authorization.access_key)
        .ok_or(SignatureError::UnknownKey)?;
    if key.session_token.as_deref() != header(request.parts, "x-amz-security-token") {
        return Err(SignatureError::UnknownKey);
    }
    if key.expires_at.is_some_and(|end| end <= clock::now()) {
        return Err(SignatureError::Expired);
    }
    let date = header(request.parts, "x-amz-date").ok_or(SignatureError::Incomplete("X-Amz-Date"))?;
    check_date(date)?;
    authorization.check_scope(scope, date)?;
    authorization.check_signed_headers(request.parts)?;
    let canonical = canonical_request(request, &authorization.signed_headers);
    let day_scope = authorization.scope.join("/");
    let to_sign = format!(
        "{ALGORITHM}\n{date}\n{day_scope}\n{}",
        hex::encode(Sha256::digest(canonical))
    );
    let signing_key = authorization
        .scope
        .iter()
        .fold(format!("AWS4{}", key.secret).into_bytes(), |key, part| {
            hmac_sha256(&key, part.as_bytes()).to_vec()
        });
    if hex::encode(hmac_sha256(&signing_key, to_sign.as_bytes())) != authorization.signature {
        return Err(SignatureError::Mismatch);
    }
    Ok(Signer {
        identity: key.identity,
        region: authorization.scope[1].to_owned(),
        chain: SignatureChain {
            key: signing_key,
            date: date.to_owned(),
            scope: day_scope,
            previous: authorization.signature.to_owned(),
        },
    })
}

struct Authorization<'a> {
    access_key: &'a str,
    /// Day, region, service, `aws4_request`.
    scope: [&'a str; 4],
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: Option<&'a str>) -> Result<Self, SignatureError> {
        let rest = header
            .and_then(|text| text.strip_prefix(ALGORITHM))
            .ok_or(SignatureError::Missing)?;
        let find = |name: &'static str| {
            let mut fields = rest.split(',').filter_map(|field| field.trim().split_once('='));
            fields
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value)
                .ok_or(SignatureError::Incomplete(name))
        };
        let mut credential = find("Credential")?.rsplitn(5, '/').collect::<Vec<_>>();
        credential.reverse();
        let [access_key, day, region, service, end] = credential[..] else {
            return Err(SignatureError::Incomplete("Credential"));
        };
        Ok(Self {
            access_key,
            scope: [day, region, service, end],
            signed_headers: find("SignedHeaders")?.split(';').collect(),
            signature: find("Signature")?,
        })
    }

    fn check_scope(&self, expected: &Scope<'_>, date: &str) -> Result<(), SignatureError> {
        let [day, region, service, end] = self.scope;
        if service != expected.service {
            return Err(SignatureError::Scope(format!(
                "correct service: '{}'",
                expected.service
            )));
        }
        if region.is_empty() || expected.region.is_some_and(|expected| expected != region) {
            return Err(SignatureError::Scope(format!("a valid region, not '{region}'")));
        }
        if !date.starts_with(day) || day.len() != 8 || end != "aws4_request" {
            return Err(SignatureError::Scope("the date of the request".to_owned()));
        }
        Ok(())
    }

    fn check_signed_headers(&self, parts: &Parts) -> Result<(), SignatureError> {
        let amazon = parts
            .headers
            .keys()
            .map(http::HeaderName::as_str)
            .filter(|name| name.starts_with("x-amz-"));
        match ["host"]
            .into_iter()
            .chain(amazon)
            .find(|name| !self.signed_headers.contains(name))
        {
            Some(name) => Err(SignatureError::Unsigned(name.to_owned())),
            None => Ok(()),
        }
    }
}

fn check_date(date: &str) -> Result<(), SignatureError> {
    let signed_at = clock::parse_amz_date(date).ok_or(SignatureError::Incomplete("X-Amz-Date"))?;
    if (clock::now() - signed_at).abs() > LARGEST_SKEW_SECONDS {
        return Err(SignatureError::Stale(date.to_owned()));
    }
    Ok(())
}

fn canonical_request(request: &Signable<'_>, signed_headers: &[&str]) -> String {
    let headers: String = signed_headers
        .iter()
        .map(|name| {
            let values: Vec<String> = match *name {
                "host" => vec![request.host.to_owned()],
                name => request
                    .parts
                    .headers
                    .get_all(name)
                    .iter()
                    .filter_map(|v| v.to_str().ok())
                    .map(squeeze)
                    .collect(),
            };
            format!("{name}:{}\n", values.join(","))
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{headers}\n{}\n{}",
        request.parts.method,
        request.canonical_path,
        canonical_query(request.parts.uri.query().unwrap_or_default()),
        signed_headers.join(";"),
        request.payload_hash
    )
}

fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| (encode(name.as_bytes(), false), encode(value.as_bytes(), false)))
        .collect();
    pairs.sort();
    pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join("&")
}

/// Encodes as signatures want it: everything but unreserved characters, in upper-case hexadecimal.
pub(crate) fn encode(bytes: &[u8], keep_slashes: bool) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len()), |mut encoded, &byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.push(char::from(byte)),
                b'/' if keep_slashes => encoded.push('/'),
                _ => encoded.push_str(&format!("%{byte:02X}")),
            }
            encoded
        })
}

fn squeeze(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name).and_then(|value| value.to_str().ok())
}
