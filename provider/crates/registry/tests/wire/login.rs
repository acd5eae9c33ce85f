//! How the client logs in: what it presents to whom, what it keeps, and when it asks for fresh credentials.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use fastcontainer_registry::{
    Action, Credential, CredentialError, CredentialSource, RegistryClient, RegistryErrorKind, StaticCredentials, Tag,
};

use crate::client::{QUICK, anonymous, look_up};
use crate::scripted::{Scripted, Seen, image, refuse, respond};

fn logged_in(server: &Scripted, password: &str) -> RegistryClient {
    let login = (server.address.to_string(), "me".to_owned(), password.into());
    RegistryClient::new(Arc::new(StaticCredentials::new([login]))).with_timing(QUICK)
}

/// `me:hunter2` as Basic authentication writes it.
const BASIC: &str = "Basic bWU6aHVudGVyMg==";
const PASSWORD: &str = "hunter2";

fn basic_challenge() -> Option<axum::response::Response> {
    respond(
        401,
        &[(
            "www-authenticate",
            r#"Basic realm="https://x/",service="ecr.amazonaws.com""#,
        )],
        "Not Authorized\n",
    )
}

fn bearer_challenge(seen: &Seen, extra: &str) -> Option<axum::response::Response> {
    let challenge = format!(
        r#"Bearer realm="http://{}/token",service="reg"{extra}"#,
        seen.header("host")
    );
    let body = r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
    respond(401, &[("www-authenticate", &challenge)], body)
}

#[tokio::test]
async fn basic_challenge_is_answered_once_and_the_login_is_reused() {
    let server = Scripted::serve(|seen, _| {
        if seen.authorization() == BASIC {
            image()
        } else {
            basic_challenge()
        }
    })
    .await;
    let client = logged_in(&server, PASSWORD);
    for _ in 0..2 {
        assert!(look_up(&client, &server).await.unwrap().is_some());
    }
    let logins: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.authorization().to_owned())
        .collect();
    assert_eq!(logins, ["", BASIC, BASIC]);
}

#[tokio::test]
async fn basic_challenge_without_a_login_is_unauthenticated() {
    let server = Scripted::serve(|_, _| basic_challenge()).await;
    let error = look_up(&anonymous(), &server).await.unwrap_err();
    assert!(error.is_unauthenticated());
    assert!(error.to_string().contains("there are none"), "{error}");
    let refused = look_up(&logged_in(&server, "wrong"), &server).await.unwrap_err();
    assert!(refused.is_unauthenticated());
    assert!(refused.to_string().contains("were refused"), "{refused}");
}

async fn token_registry(token_body: &'static str) -> Scripted {
    Scripted::serve(move |seen, _| match (seen.path.as_str(), seen.authorization()) {
        ("/token", _) => respond(200, &[("content-type", "application/json")], token_body),
        (_, "Bearer abc") if seen.method == "PUT" => respond(201, &[], ""),
        (_, "Bearer abc") => image(),
        _ => bearer_challenge(seen, ""),
    })
    .await
}

#[tokio::test]
async fn token_is_fetched_with_the_password_for_the_scope_and_reused() {
    let server = token_registry(r#"{"token":"abc","expires_in":300}"#).await;
    let client = logged_in(&server, PASSWORD);
    let manifest = look_up(&client, &server).await.unwrap().unwrap();
    look_up(&client, &server).await.unwrap();
    client
        .put_manifest(&server.repository(), &manifest, &Tag::parse("v2").unwrap())
        .await
        .unwrap();
    let tokens: Vec<_> = server.seen().into_iter().filter(|seen| seen.path == "/token").collect();
    let queries: Vec<_> = tokens.iter().map(|seen| seen.query.as_str()).collect();
    assert_eq!(
        queries,
        [
            "scope=repository%3Ateam%2Fapp%3Apull&service=reg",
            "scope=repository%3Ateam%2Fapp%3Apull%2Cpush&service=reg"
        ]
    );
    assert!(tokens.iter().all(|seen| seen.authorization() == BASIC));
    assert!(
        server
            .seen()
            .iter()
            .filter(|seen| seen.path != "/token")
            .all(|seen| seen.authorization() != BASIC)
    );
}

#[tokio::test]
async fn token_is_fetched_anonymously_without_a_login() {
    let server = token_registry(r#"{"access_token":"abc"}"#).await;
    assert!(look_up(&anonymous(), &server).await.unwrap().is_some());
    let tokens: Vec<_> = server.seen().into_iter().filter(|seen| seen.path == "/token").collect();
    assert_eq!((tokens.len(), tokens[0].authorization()), (1, ""));
}

#[tokio::test]
async fn short_lived_token_is_fetched_again() {
    let server = token_registry(r#"{"token":"abc","expires_in":5}"#).await;
    let client = anonymous();
    for _ in 0..2 {
        look_up(&client, &server).await.unwrap();
    }
    assert_eq!(server.seen().iter().filter(|seen| seen.path == "/token").count(), 2);
}

#[tokio::test]
async fn identity_token_is_exchanged_by_post() {
    let server = token_registry(r#"{"access_token":"abc"}"#).await;
    let login = (server.address.to_string(), "<token>".to_owned(), "refresh&me".into());
    let client = RegistryClient::new(Arc::new(StaticCredentials::new([login]))).with_timing(QUICK);
    assert!(look_up(&client, &server).await.unwrap().is_some());
    let exchange = server.seen().into_iter().find(|seen| seen.path == "/token").unwrap();
    let form = String::from_utf8(exchange.body).unwrap();
    assert_eq!((exchange.method.as_str(), exchange.query.as_str()), ("POST", ""));
    assert!(
        form.contains("grant_type=refresh_token") && form.contains("refresh_token=refresh%26me"),
        "{form}"
    );
}

#[tokio::test]
async fn failing_token_service_is_a_failure_and_not_an_anonymous_request() {
    let server = Scripted::serve(|seen, _| match seen.path.as_str() {
        "/token" => respond(503, &[], "down"),
        _ => bearer_challenge(seen, ""),
    })
    .await;
    let error = look_up(&logged_in(&server, PASSWORD), &server).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unavailable);
    assert!(error.to_string().contains("/token"), "{error}");
}

#[tokio::test]
async fn token_answer_that_is_no_token_is_refused_without_being_shown() {
    for body in [
        "{}",
        r#"{"token":""}"#,
        "<html>sekret</html>",
        r#"{"token":["sekret"]}"#,
    ] {
        let server = token_registry(body).await;
        let error = look_up(&anonymous(), &server).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Invalid, "{body}");
        assert!(!format!("{error} {error:?}").contains("sekret"), "{error}");
    }
}

#[tokio::test]
async fn login_that_does_not_reach_far_enough_is_denied() {
    let server = Scripted::serve(|seen, _| match seen.path.as_str() {
        "/token" => respond(200, &[], r#"{"token":"abc"}"#),
        _ => bearer_challenge(seen, r#",error="insufficient_scope""#),
    })
    .await;
    let error = look_up(&logged_in(&server, PASSWORD), &server).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied { action: Action::Pull });
    assert!(look_up(&anonymous(), &server).await.unwrap_err().is_unauthenticated());
}

#[tokio::test]
async fn password_is_not_sent_to_an_unprotected_token_service() {
    let server = Scripted::serve(|_, _| {
        respond(
            401,
            &[(
                "www-authenticate",
                r#"Bearer realm="http://auth.example.invalid/token""#,
            )],
            "",
        )
    })
    .await;
    let error = look_up(&logged_in(&server, PASSWORD), &server).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Invalid);
    assert!(error.to_string().contains("auth.example.invalid"), "{error}");
}

/// Gives an expired password until it is asked for a fresh one.
struct Expiring {
    fresh: AtomicUsize,
    stale: AtomicUsize,
}

#[async_trait]
impl CredentialSource for Expiring {
    async fn credential(&self, _host: &str, fresh: bool) -> Result<Option<Credential>, CredentialError> {
        let counter = if fresh { &self.fresh } else { &self.stale };
        counter.fetch_add(1, Ordering::SeqCst);
        let password = if fresh || self.fresh.load(Ordering::SeqCst) > 0 {
            PASSWORD
        } else {
            "expired"
        };
        Ok(Some(Credential {
            username: "me".to_owned(),
            password: password.into(),
        }))
    }
}

#[tokio::test]
async fn expired_login_is_refreshed_once() {
    type Refusal = fn() -> Option<axum::response::Response>;
    let ecr: Refusal = || {
        refuse(
            403,
            "DENIED",
            "Your authorization token has expired. Reauthenticate and try again.",
        )
    };
    for refusal in [basic_challenge as Refusal, ecr] {
        let server = Scripted::serve(move |seen, _| match seen.authorization() {
            BASIC => image(),
            "" => basic_challenge(),
            _ => refusal(),
        })
        .await;
        let source = Arc::new(Expiring {
            fresh: AtomicUsize::new(0),
            stale: AtomicUsize::new(0),
        });
        let client = RegistryClient::new(source.clone()).with_timing(QUICK);
        for _ in 0..3 {
            assert!(look_up(&client, &server).await.unwrap().is_some());
        }
        assert_eq!(
            (source.stale.load(Ordering::SeqCst), source.fresh.load(Ordering::SeqCst)),
            (1, 1)
        );
    }
}

#[tokio::test]
async fn login_that_stays_refused_ends_after_one_refresh() {
    let server = Scripted::serve(|_, _| basic_challenge()).await;
    let source = Arc::new(Expiring {
        fresh: AtomicUsize::new(0),
        stale: AtomicUsize::new(0),
    });
    let client = RegistryClient::new(source.clone()).with_timing(QUICK);
    assert!(look_up(&client, &server).await.unwrap_err().is_unauthenticated());
    assert_eq!((source.fresh.load(Ordering::SeqCst), server.seen().len()), (1, 3));
}

#[tokio::test]
async fn redirect_to_storage_does_not_carry_the_login() {
    let storage = Scripted::serve(|_, _| image()).await;
    let target = format!("http://{}/bucket", storage.address);
    let server = Scripted::serve(move |seen, _| match seen.authorization() {
        BASIC => respond(307, &[("location", &target)], ""),
        _ => basic_challenge(),
    })
    .await;
    assert!(look_up(&logged_in(&server, PASSWORD), &server).await.unwrap().is_some());
    assert_eq!(storage.seen()[0].authorization(), "");
}

#[tokio::test]
async fn no_message_shows_a_password() {
    let server = Scripted::serve(|_, _| basic_challenge()).await;
    let error = look_up(&logged_in(&server, PASSWORD), &server).await.unwrap_err();
    for secret in [PASSWORD, BASIC.trim_start_matches("Basic ")] {
        assert!(!format!("{error} {error:?}").contains(secret));
    }
}
