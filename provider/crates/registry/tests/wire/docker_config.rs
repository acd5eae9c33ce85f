//! Logins from Docker's configuration file, with helpers that are real programs. Helpers are found on the PATH, so each
//! test of them runs itself again in a process whose PATH has them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use fastcontainer_registry::{Credential, CredentialError, CredentialSource, DockerConfigCredentials};
use tempfile::TempDir;

const INSIDE: &str = "FASTCONTAINER_TEST_HELPERS";

fn config(json: &str) -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("config.json"), json).unwrap();
    directory
}

async fn ask(directory: &Path, host: &str) -> Result<Option<Credential>, CredentialError> {
    DockerConfigCredentials::in_directory(directory)
        .with_timeout(Duration::from_secs(5))
        .credential(host, false)
        .await
}

async fn user(directory: &Path, host: &str) -> Option<String> {
    ask(directory, host)
        .await
        .unwrap()
        .map(|credential| credential.username)
}

/// Whether this is the inner process; the outer one runs `test` again with the helper `name` on the PATH.
fn has_helper(test: &str, name: &str, script: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let directory = TempDir::new().unwrap();
    let program = directory.path().join(format!("docker-credential-{name}"));
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&format!("docker_config::{test}"), "--exact", "--nocapture"])
        .env("PATH", path)
        .env(INSIDE, "1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    false
}

#[tokio::test]
async fn logins_of_the_file_are_found_by_host() {
    // `bWU6cHc=` is `me:pw`.
    let directory = config(
        r#"{"auths":{"ghcr.io":{"auth":"bWU6cHc="},"https://index.docker.io/v1/":{"auth":"aHViOnB3"},
            "https://quay.io":{"auth":"bWU6cHc="},"azure.io":{"identitytoken":"t","auth":"bWU6cHc="}}}"#,
    );
    assert_eq!(user(directory.path(), "ghcr.io").await.as_deref(), Some("me"));
    assert_eq!(user(directory.path(), "docker.io").await.as_deref(), Some("hub"));
    assert_eq!(user(directory.path(), "quay.io").await.as_deref(), Some("me"));
    assert_eq!(user(directory.path(), "azure.io").await.as_deref(), Some("<token>"));
    assert_eq!(user(directory.path(), "other.io").await, None);
}

#[tokio::test]
async fn missing_file_is_no_login_and_a_broken_one_is_an_error() {
    let empty = TempDir::new().unwrap();
    assert_eq!(user(empty.path(), "ghcr.io").await, None);
    let broken = config("{");
    let error = ask(broken.path(), "ghcr.io").await.unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("config.json"), "{source}");
}

#[tokio::test]
async fn helper_is_asked_for_docker_hub_by_its_index_address() {
    let script =
        r#"read server; test "$server" = https://index.docker.io/v1/ && echo '{"Username":"hub","Secret":"pw"}'"#;
    if has_helper("helper_is_asked_for_docker_hub_by_its_index_address", "index", script) {
        let directory = config(r#"{"credsStore":"index"}"#);
        assert_eq!(user(directory.path(), "docker.io").await.as_deref(), Some("hub"));
    }
}

#[tokio::test]
async fn helper_that_knows_no_login_is_no_error() {
    let script = "read server; echo 'credentials not found in native keychain'; exit 1";
    if has_helper("helper_that_knows_no_login_is_no_error", "empty", script) {
        let directory = config(r#"{"credsStore":"empty"}"#);
        assert_eq!(user(directory.path(), "ghcr.io").await, None);
    }
}

#[tokio::test]
async fn output_of_a_failing_helper_is_not_shown() {
    let script = "read server; echo hunter2; echo hunter3 >&2; exit 1";
    if has_helper("output_of_a_failing_helper_is_not_shown", "leaky", script) {
        let directory = config(r#"{"credHelpers":{"ghcr.io":"leaky"}}"#);
        let error = ask(directory.path(), "ghcr.io").await.unwrap_err();
        let shown = format!("{error:?} {}", std::error::Error::source(&error).unwrap());
        assert!(
            shown.contains("docker-credential-leaky") && !shown.contains("hunter"),
            "{shown}"
        );
    }
}

#[tokio::test]
async fn hanging_helper_is_given_up() {
    if has_helper("hanging_helper_is_given_up", "hang", "exec sleep 60") {
        let directory = config(r#"{"credsStore":"hang"}"#);
        let start = Instant::now();
        let error = ask(directory.path(), "ghcr.io").await.unwrap_err();
        assert!(matches!(error, CredentialError::HelperTimedOut { .. }), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}

#[tokio::test]
async fn helper_that_is_not_installed_is_an_error() {
    let directory = config(r#"{"credsStore":"no-such-program"}"#);
    let error = ask(directory.path(), "ghcr.io").await.unwrap_err();
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("on the PATH")
    );
}
