//! The HTTP client below all requests: certificates, time-outs, redirects, and bodies of bounded length.
//!
//! Certificates are the platform's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and those in `AWS_CA_BUNDLE`
//! on top, because that is where companies with an inspecting proxy have theirs. Redirects, which lead to storage, never
//! leave TLS; the client below drops the authorization when the host changes. Knows nothing of logins.

use std::io;

use bytes::{Bytes, BytesMut};
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Certificate, Client, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::error::{Call, RegistryError};
use crate::request::Request;
use crate::retry::Timing;

const USER_AGENT: &str = concat!("pulumi-fastcontainer/", env!("CARGO_PKG_VERSION"));
const MANIFEST_MAX: usize = 4 << 20;
const ERROR_MAX: usize = 64 << 10;
const REDIRECTS_MAX: usize = 5;

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Sets a client up for this machine or for all others; reads certificates, connects to nothing.
pub(crate) fn client(timing: &Timing, local: bool) -> Result<Client, RegistryError> {
    // Whoever installed a provider before us decided; ours is the fallback.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let extra = extra_certificates()?;
    let builder = || {
        let builder = Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(timing.connect)
            .redirect(Policy::custom(follow));
        // As in Docker, no proxy stands between a machine and itself.
        if local { builder.no_proxy() } else { builder }
    };
    // A machine without any certificates still reaches registries that need none; others fail to be verified.
    let with_platform = builder().tls_certs_merge(extra.clone()).build();
    let client = with_platform.or_else(|_| builder().tls_certs_only(extra).build());
    client.map_err(|source| RegistryError::NoHttpClient { source })
}

fn extra_certificates() -> Result<Vec<Certificate>, RegistryError> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty()) else {
        return Ok(Vec::new());
    };
    let unreadable = |source: Box<dyn std::error::Error + Send + Sync>| RegistryError::CertificatesUnreadable {
        path: path.to_string_lossy().into_owned(),
        source,
    };
    let pem = std::fs::read(&path).map_err(|source| unreadable(source.into()))?;
    let certificates = Certificate::from_pem_bundle(&pem).map_err(|source| unreadable(source.into()))?;
    if certificates.is_empty() {
        return Err(unreadable(io::Error::other("no certificate in it").into()));
    }
    Ok(certificates)
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let leaves_tls =
        attempt.previous().last().is_some_and(|url| url.scheme() == "https") && attempt.url().scheme() != "https";
    if leaves_tls {
        return attempt.error("a redirect leaves TLS");
    }
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("too many redirects");
    }
    attempt.follow()
}

/// Sends one request once and reads the whole answer.
pub(crate) async fn send(
    client: &Client,
    request: &Request,
    authorization: Option<&SecretString>,
) -> Result<Answer, RegistryError> {
    let mut builder = client
        .request(request.method.clone(), &request.url)
        .headers(request.headers.clone());
    if let Some(header) = authorization.and_then(header) {
        builder = builder.header(AUTHORIZATION, header);
    }
    if let Some(body) = &request.body {
        builder = builder.body(body.clone());
    }
    complete(builder, &request.call(), MANIFEST_MAX).await
}

fn header(authorization: &SecretString) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(authorization.expose_secret()).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// Sends and reads at most `max` bytes; of an error's body the beginning is enough.
pub(crate) async fn complete(
    builder: reqwest::RequestBuilder,
    call: &Call,
    max: usize,
) -> Result<Answer, RegistryError> {
    let unreachable = |source: reqwest::Error| RegistryError::Unreachable {
        call: call.clone(),
        source: source.without_url(),
    };
    let mut response = builder.send().await.map_err(unreachable)?;
    let status = response.status();
    let max = if status.is_success() { max } else { ERROR_MAX };
    let body = body(&mut response, max).await.map_err(unreachable)?;
    if body.len() > max && status.is_success() {
        return Err(RegistryError::Malformed {
            problem: format!("it is longer than {max} bytes"),
            call: call.clone(),
        });
    }
    Ok(Answer {
        status,
        headers: response.headers().clone(),
        body,
    })
}

async fn body(response: &mut Response, max: usize) -> Result<Bytes, reqwest::Error> {
    let mut body = BytesMut::new();
    while body.len() <= max {
        let Some(chunk) = response.chunk().await? else { break };
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
