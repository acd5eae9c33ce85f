//! Which certificates are trusted and which proxy is used. The environment names them, so each test runs itself again in
//! a process that has that environment.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::scripted::{Scripted, image, respond};
use crate::tls_server::TlsServer;
use fastcontainer_registry::{Chain, Manifest, Reference, RegistryClient, RegistryError, RegistryErrorKind, Tag};
use tempfile::TempDir;

const PORT: &str = "FASTCONTAINER_TEST_PORT";

/// Runs `test` again with `environment`; it must pass there.
fn again(test: &str, environment: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("environment::{test}"), "--exact", "--nocapture"])
        .env_remove("AWS_CA_BUNDLE")
        .env_remove("SSL_CERT_DIR");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

fn inner_port() -> Option<String> {
    std::env::var(PORT).ok()
}

/// A registry here whose token service is behind TLS at `port`.
async fn registry(port: String) -> Scripted {
    let challenge = format!(r#"Bearer realm="https://127.0.0.1:{port}/token""#);
    Scripted::serve(move |seen, _| match seen.authorization() {
        "Bearer abc" => image(),
        _ => respond(401, &[("www-authenticate", &challenge)], ""),
    })
    .await
}

async fn look_up(server: &Scripted) -> Result<Option<Manifest>, RegistryError> {
    let client = RegistryClient::new(Arc::new(Chain::new(Vec::new())));
    client
        .look_up(&server.repository(), &Reference::Tag(Tag::parse("v1").unwrap()))
        .await
}

async fn token_service(directory: &Path) -> (String, String) {
    let server = TlsServer::serve(r#"{"token":"abc"}"#).await;
    let pem = directory.join("authority.pem");
    std::fs::write(&pem, &server.authority_pem).unwrap();
    (server.port.to_string(), pem.to_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_the_environment_names_are_trusted() {
    const TEST: &str = "certificates_that_the_environment_names_are_trusted";
    if let Some(port) = inner_port() {
        assert!(look_up(&registry(port).await).await.unwrap().is_some());
        return;
    }
    let directory = TempDir::new().unwrap();
    let (port, pem) = token_service(directory.path()).await;
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        again(TEST, &[(PORT, &port), (variable, &pem)]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_certificates_are_not_trusted() {
    if let Some(port) = inner_port() {
        let error = look_up(&registry(port).await).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Unavailable, "{error}");
        return;
    }
    let directory = TempDir::new().unwrap();
    let (port, _) = token_service(directory.path()).await;
    again("unknown_certificates_are_not_trusted", &[(PORT, &port)]);
}

#[tokio::test]
async fn bundle_that_cannot_be_read_is_an_error_that_names_it() {
    if inner_port().is_some() {
        let error = look_up(&Scripted::serve(|_, _| image()).await).await.unwrap_err();
        assert!(
            matches!(&error, RegistryError::CertificatesUnreadable { path, .. } if path.ends_with(".pem")),
            "{error}"
        );
        return;
    }
    let directory = TempDir::new().unwrap();
    let garbage = directory.path().join("garbage.pem");
    std::fs::write(&garbage, "no certificate").unwrap();
    for path in [garbage.to_str().unwrap(), "/does/not/exist.pem"] {
        again(
            "bundle_that_cannot_be_read_is_an_error_that_names_it",
            &[(PORT, "0"), ("AWS_CA_BUNDLE", path)],
        );
    }
}

#[tokio::test]
async fn machine_without_certificates_reaches_a_registry_on_itself() {
    if inner_port().is_some() {
        assert!(look_up(&Scripted::serve(|_, _| image()).await).await.unwrap().is_some());
        return;
    }
    again(
        "machine_without_certificates_reaches_a_registry_on_itself",
        &[(PORT, "0"), ("SSL_CERT_FILE", "/dev/null")],
    );
}

#[tokio::test]
async fn registry_on_this_machine_is_not_reached_through_a_proxy() {
    if inner_port().is_some() {
        assert!(look_up(&Scripted::serve(|_, _| image()).await).await.unwrap().is_some());
        return;
    }
    let nobody = "http://127.0.0.1:9";
    let test = "registry_on_this_machine_is_not_reached_through_a_proxy";
    again(test, &[(PORT, "0"), ("HTTP_PROXY", nobody), ("http_proxy", nobody)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirect_that_leaves_tls_is_not_followed() {
    if let Some(port) = inner_port() {
        let error = look_up(&registry(port).await).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Unavailable, "{error}");
        return;
    }
    let plain = Scripted::serve(|_, _| respond(200, &[], r#"{"token":"abc"}"#)).await;
    let head = format!("HTTP/1.1 307 Elsewhere\r\nlocation: http://{}/token\r\n", plain.address);
    let server = TlsServer::answer(format!("{head}content-length: 0\r\nconnection: close\r\n\r\n")).await;
    let directory = TempDir::new().unwrap();
    let pem = directory.path().join("authority.pem");
    std::fs::write(&pem, &server.authority_pem).unwrap();
    let environment = [
        (PORT, server.port.to_string()),
        ("AWS_CA_BUNDLE", pem.to_str().unwrap().to_owned()),
    ];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    again("redirect_that_leaves_tls_is_not_followed", &environment);
    assert!(plain.seen().is_empty());
}
