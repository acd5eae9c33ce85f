//! The HTTP client below the AWS SDK: which certificates and which proxy.
//!
//! Certificates are the platform's, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, and those in `AWS_CA_BUNDLE`
//! on top, which the SDK itself does not read. The proxy is the one of the environment, which the SDK's own client does
//! not use either. Connects to nothing by itself.
//!
//! Whatever ends a connection or a stream of one is worth another attempt. The SDK knows most such ends, but not a stream
//! of HTTP/2 that the other side resets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::retry::ErrorKind;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::error::{AwsError, SharedError, stated};

/// A client with one pool of connections for each pair of time-outs.
pub(crate) fn http_client() -> Result<SharedHttpClient, AwsError> {
    let mut trust = TrustStore::default();
    let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
    if let Some(path) = bundle {
        let read = std::fs::read(&path).map_err(|error| Arc::new(error) as SharedError);
        let pem = read
            .and_then(valid_bundle)
            .map_err(|source| AwsError::CertificatesUnreadable {
                path: path.to_string_lossy().into_owned(),
                source,
            })?;
        trust = trust.with_pem_certificate(pem);
    }
    let tls = TlsContext::builder().with_trust_store(trust).build();
    let tls = tls.map_err(|error| AwsError::CertificatesUnreadable {
        path: String::new(),
        source: Arc::new(error),
    })?;
    let pools = Mutex::new(HashMap::new());
    Ok(http_client_fn(move |settings, components| {
        let key = (settings.connect_timeout(), settings.read_timeout());
        let mut pools = pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools
            .entry(key)
            .or_insert_with(|| connector(&tls, settings, components))
            .clone()
    }))
}

fn connector(
    tls: &TlsContext,
    settings: &HttpConnectorSettings,
    components: &RuntimeComponents,
) -> SharedHttpConnector {
    let mut builder = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(tls.clone())
        .connector_settings(settings.clone())
        .proxy_config(ProxyConfig::from_env());
    builder.set_sleep_impl(components.sleep_impl());
    SharedHttpConnector::new(Persistent(builder.build().into_shared()))
}

/// A connector whose failures are never taken for final without a reason.
#[derive(Debug)]
struct Persistent(SharedHttpConnector);

impl HttpConnector for Persistent {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { answer.await.map_err(worth_another_attempt) })
    }
}

fn worth_another_attempt(error: ConnectorError) -> ConnectorError {
    match error.is_other() && error.as_other().is_none() {
        true => ConnectorError::other(error.into_source(), Some(ErrorKind::TransientError)),
        false => error,
    }
}

/// The bundle, if every certificate in it can be trusted: the SDK takes it for granted.
fn valid_bundle(pem: Vec<u8>) -> Result<Vec<u8>, SharedError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| stated(&error.to_string()))?;
        store.add(certificate).map_err(|error| Arc::new(error) as SharedError)?;
    }
    if store.is_empty() {
        Err(stated("no certificate in it"))
    } else {
        Ok(pem)
    }
}
