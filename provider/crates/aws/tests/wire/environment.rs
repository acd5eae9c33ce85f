//! Settings and AWS's own environment: which credentials, certificates and role a call uses. Each test runs itself again
//! in a process that has nothing of AWS in its environment but what the test gives it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::scripted::{Scripted, Seen, host, refuse, respond};
use crate::tls_server::TlsServer;
use axum::body::Body;
use axum::response::Response;
use fastcontainer_aws::{ApiCall, AwsError, AwsSettings, Ecr, ImageId, Login};
use serde_json::json;
use tempfile::TempDir;

const INSIDE: &str = "FASTCONTAINER_TEST_ENDPOINT";

/// What the inner process is told; nothing in the outer one.
fn inside() -> Option<String> {
    std::env::var(INSIDE).ok()
}

/// Runs `test` again with `home` as its home directory and `environment`; it must pass there.
fn again(test: &str, home: &Path, endpoint: &str, environment: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([&format!("environment::{test}"), "--exact", "--nocapture"])
        .env_clear()
        .env("HOME", home)
        .env(INSIDE, endpoint);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment.iter().copied());
    let output = command.output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

fn home(config: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join(".aws/sso/cache")).unwrap();
    fs::write(home.path().join(".aws/config"), config).unwrap();
    home
}

fn at(endpoint: &str) -> AwsSettings {
    AwsSettings {
        endpoint_url: Some(endpoint.to_owned()),
        ..AwsSettings::default()
    }
}

async fn login(settings: AwsSettings) -> Result<Login, AwsError> {
    Ecr::new(settings).login(&host(), false).await
}

fn token() -> serde_json::Value {
    json!({"authorizationData": [{"authorizationToken": "QVdTOnB3", "expiresAt": 4_000_000_000_u64}]})
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "x")];
const PROFILE: &str = "[profile build]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = x\n";

#[tokio::test]
async fn nothing_in_the_environment_is_missing_credentials() {
    if let Some(endpoint) = inside() {
        let error = login(at(&endpoint)).await.unwrap_err();
        assert!(
            matches!(
                error,
                AwsError::CredentialsMissing {
                    call: ApiCall::GetAuthorizationToken,
                    ..
                }
            ),
            "{error:?}"
        );
        return;
    }
    again(
        "nothing_in_the_environment_is_missing_credentials",
        home("").path(),
        "http://127.0.0.1:9",
        &[],
    );
}

#[tokio::test]
async fn ended_single_sign_on_session_asks_for_a_new_one() {
    if let Some(endpoint) = inside() {
        let error = login(at(&endpoint)).await.unwrap_err();
        assert!(matches!(error, AwsError::SsoLoginNeeded { .. }), "{error:?}");
        return;
    }
    let session = "[default]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = r\n\
                   [sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://example.awsapps.com/start\n";
    let never = home(session);
    let ended = home(session);
    // The name of the file is the SHA-1 of the session's name.
    let file = ended
        .path()
        .join(".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json");
    let cached = json!({"accessToken": "t", "expiresAt": "2020-01-01T00:00:00Z", "region": "eu-west-1"});
    fs::write(file, cached.to_string()).unwrap();
    for home in [never, ended] {
        again(
            "ended_single_sign_on_session_asks_for_a_new_one",
            home.path(),
            "http://127.0.0.1:9",
            &[],
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profile_that_is_set_wins_over_keys_of_the_environment() {
    if let Some(endpoint) = inside() {
        login(at(&endpoint)).await.unwrap();
        login(AwsSettings {
            profile: Some("build".to_owned()),
            ..at(&endpoint)
        })
        .await
        .unwrap();
        return;
    }
    let server = Scripted::serve(|_, _| respond(200, &token())).await;
    let endpoint = format!("http://{}", server.address);
    let test = "profile_that_is_set_wins_over_keys_of_the_environment";
    again(test, home(PROFILE).path(), &endpoint, &KEYS);
    let seen = server.seen();
    assert!(seen[0].authorization.contains("AKIAENVIRONMENT") && seen[1].authorization.contains("AKIAPROFILE"));
    assert!(seen.iter().all(|seen| seen.authorization.contains("/eu-west-1/ecr/")));
}

fn role(seen: &Seen, allowed: bool) -> Option<Response> {
    if !seen.call.is_empty() {
        return respond(200, &token());
    }
    let (status, body) = if allowed {
        let keys = "<AccessKeyId>AKIAROLE</AccessKeyId><SecretAccessKey>x</SecretAccessKey>\
                    <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
        (
            200,
            format!(
                "<AssumeRoleResponse><AssumeRoleResult><Credentials>{keys}</Credentials></AssumeRoleResult></AssumeRoleResponse>"
            ),
        )
    } else {
        let error =
            "<Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message>";
        (403, format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>"))
    };
    Some(
        Response::builder()
            .status(status)
            .header("content-type", "text/xml")
            .body(Body::from(body))
            .unwrap(),
    )
}

fn assuming(endpoint: &str) -> AwsSettings {
    AwsSettings {
        assume_role_arn: Some("arn:aws:iam::123456789012:role/build".to_owned()),
        ..at(endpoint)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_is_assumed_and_its_keys_are_used() {
    if let Some(endpoint) = inside() {
        login(assuming(&endpoint)).await.unwrap();
        return;
    }
    let server = Scripted::serve(|seen, _| role(seen, true)).await;
    again(
        "role_is_assumed_and_its_keys_are_used",
        home("").path(),
        &format!("http://{}", server.address),
        &KEYS,
    );
    let seen = server.seen();
    assert!(seen[0].authorization.contains("AKIAENVIRONMENT") && seen[0].authorization.contains("/eu-west-1/sts/"));
    assert!(seen[1].authorization.contains("AKIAROLE"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn role_that_may_not_be_assumed_is_denied_by_its_own_action() {
    if let Some(endpoint) = inside() {
        let error = login(assuming(&endpoint)).await.unwrap_err();
        assert!(
            matches!(
                error,
                AwsError::Denied {
                    call: ApiCall::AssumeRole,
                    ..
                }
            ),
            "{error:?}"
        );
        return;
    }
    let server = Scripted::serve(|seen, _| role(seen, false)).await;
    let endpoint = format!("http://{}", server.address);
    again(
        "role_that_may_not_be_assumed_is_denied_by_its_own_action",
        home("").path(),
        &endpoint,
        &KEYS,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_that_the_environment_names_are_trusted() {
    if let Some(endpoint) = inside() {
        login(at(&endpoint)).await.unwrap();
        return;
    }
    let server = TlsServer::serve(token().to_string()).await;
    let home = home("");
    let pem = home.path().join("authority.pem");
    fs::write(&pem, &server.authority_pem).unwrap();
    for variable in ["AWS_CA_BUNDLE", "SSL_CERT_FILE"] {
        let environment = [KEYS[0], KEYS[1], (variable, pem.to_str().unwrap())];
        let endpoint = format!("https://127.0.0.1:{}", server.port);
        again(
            "certificates_that_the_environment_names_are_trusted",
            home.path(),
            &endpoint,
            &environment,
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_certificates_are_not_trusted() {
    if let Some(endpoint) = inside() {
        let error = login(at(&endpoint)).await.unwrap_err();
        assert!(matches!(error, AwsError::Unreachable { .. }), "{error:?}");
        return;
    }
    let server = TlsServer::serve(token().to_string()).await;
    let endpoint = format!("https://127.0.0.1:{}", server.port);
    again(
        "unknown_certificates_are_not_trusted",
        home("").path(),
        &endpoint,
        &KEYS,
    );
}

#[tokio::test]
async fn bundle_that_cannot_be_read_is_an_error_that_names_it() {
    if inside().is_some() {
        let error = login(AwsSettings::default()).await.unwrap_err();
        assert!(
            matches!(&error, AwsError::CertificatesUnreadable { path, .. } if path.ends_with(".pem")),
            "{error}"
        );
        return;
    }
    let home = home("");
    let garbage = home.path().join("garbage.pem");
    fs::write(
        &garbage,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    for path in [garbage.to_str().unwrap(), "/does/not/exist.pem"] {
        again(
            "bundle_that_cannot_be_read_is_an_error_that_names_it",
            home.path(),
            "",
            &[("AWS_CA_BUNDLE", path)],
        );
    }
}

#[tokio::test]
async fn region_of_the_registry_counts_and_no_other() {
    if let Some(endpoint) = inside() {
        let settings = AwsSettings {
            region: Some("us-west-2".to_owned()),
            ..at(&endpoint)
        };
        let found = Ecr::new(settings)
            .look_up(&host(), "app", ImageId::Tag("v1".to_owned()))
            .await;
        assert!(found.unwrap_err().is_denied());
        return;
    }
    let server = Scripted::serve(|_, _| refuse(400, "AccessDeniedException", "no")).await;
    let endpoint = format!("http://{}", server.address);
    let environment = [KEYS[0], KEYS[1], ("AWS_REGION", "ap-south-1")];
    let home = home("");
    let test = "region_of_the_registry_counts_and_no_other";
    tokio::task::spawn_blocking(move || again(test, home.path(), &endpoint, &environment))
        .await
        .unwrap();
    assert!(server.seen()[0].authorization.contains("/eu-west-1/ecr/"));
}
