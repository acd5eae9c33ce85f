//! The TLS listener: its certificate covers the emulated names and is trusted through the CA alone.

use std::path::Path;
use std::sync::Arc;

use aws_emulator::{Addresses, Server, Settings};
use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::net::TcpStream;

async fn start(directory: &Path) -> Server {
    let settings = Settings {
        data: directory.join("data"),
        account: "123456789012".into(),
        access_key: "test".into(),
        secret_key: "test".into(),
        plain_login: None,
        token_lifetime_seconds: 60,
        blob_mounting: false,
        build_host: aws_emulator::BuildHost::default(),
    };
    let addresses = Addresses {
        http: None,
        https: Some(([127, 0, 0, 1], 0).into()),
        tls_directory: directory.join("tls"),
        regions: vec!["eu-central-1".into()],
        ..Addresses::default()
    };
    Server::start(settings, addresses).await.unwrap()
}

async fn ping(server: &Server, ca: &Path, host: &'static str) -> Result<(u16, http::Version), std::io::Error> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(server.https.unwrap()).await?;
    let name = ServerName::try_from(host).unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await?;
    let executor = TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get(format!("https://{host}/v2/"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    Ok((response.status().as_u16(), response.version()))
}

#[tokio::test]
async fn the_certificate_covers_the_emulated_names_and_no_others() {
    let directory = TempDir::new().unwrap();
    let server = start(directory.path()).await;
    let ca = directory.path().join("tls/ca.pem");
    for host in [
        "123456789012.dkr.ecr.eu-central-1.amazonaws.com",
        "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com",
        "api.ecr.eu-central-1.amazonaws.com",
        "sts.eu-central-1.amazonaws.com",
        "sts.amazonaws.com",
        "registry-1.docker.io",
        "ghcr.io",
    ] {
        let (_, version) = ping(&server, &ca, host).await.unwrap();
        assert_eq!(version, http::Version::HTTP_2, "{host}");
    }
    assert!(ping(&server, &ca, "example.com").await.is_err());
    assert!(
        ping(&server, &ca, "123456789012.dkr.ecr.us-east-1.amazonaws.com")
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_restart_keeps_the_ca() {
    let directory = TempDir::new().unwrap();
    drop(start(directory.path()).await);
    let ca = directory.path().join("tls/ca.pem");
    let before = std::fs::read(&ca).unwrap();
    let server = start(directory.path()).await;
    assert_eq!(std::fs::read(&ca).unwrap(), before);
    assert_eq!(ping(&server, &ca, "registry-1.docker.io").await.unwrap().0, 401);
    let bundle = std::fs::read(directory.path().join("tls/bundle.pem")).unwrap();
    assert!(bundle.starts_with(&before));
}
