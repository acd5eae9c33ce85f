//! Logins at the wire: how many calls are made for how many callers, and when a login is renewed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::scripted::{Scripted, Seen, host, refuse, respond};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fastcontainer_aws::{AwsError, AwsErrorKind, Ecr, EcrHost};
use futures_util::future::join_all;
use secrecy::ExposeSecret;
use serde_json::json;

fn token(number: usize, lasts: Duration) -> Option<Response> {
    let expires = (SystemTime::now() + lasts)
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let token = STANDARD.encode(format!("AWS:pass:word{number}"));
    let proxy = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    respond(
        200,
        &json!({"authorizationData": [{"authorizationToken": token, "expiresAt": expires, "proxyEndpoint": proxy}]}),
    )
}

fn half_a_day(seen: &Seen, number: usize) -> Option<Response> {
    assert_eq!(seen.call, "GetAuthorizationToken");
    token(number, Duration::from_secs(12 * 3600))
}

async fn password(ecr: &Ecr, host: &EcrHost, fresh: bool) -> String {
    ecr.login(host, fresh)
        .await
        .unwrap()
        .password
        .expose_secret()
        .to_owned()
}

#[tokio::test]
async fn callers_at_the_same_time_and_later_ones_share_one_login() {
    let server = Scripted::serve(half_a_day).await;
    let ecr = Ecr::with_config(server.config());
    let here = host();
    let logins = join_all((0..50).map(|_| ecr.login(&here, false))).await;
    assert!(logins.iter().all(|login| login.as_ref().unwrap().username == "AWS"));
    assert_eq!(password(&ecr, &here, false).await, "pass:word0");
    let other_account = EcrHost::parse("210987654321.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
    assert_eq!(password(&ecr, &other_account, false).await, "pass:word0");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn each_region_has_its_own_login() {
    let server = Scripted::serve(half_a_day).await;
    let ecr = Ecr::with_config(server.config());
    ecr.login(&host(), false).await.unwrap();
    ecr.login(
        &EcrHost::parse("123456789012.dkr.ecr.us-west-2.amazonaws.com").unwrap(),
        false,
    )
    .await
    .unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen[0].authorization.contains("/eu-west-1/ecr/") && seen[1].authorization.contains("/us-west-2/ecr/"));
}

#[tokio::test]
async fn login_that_ends_soon_is_renewed() {
    let server =
        Scripted::serve(|_, number| token(number, Duration::from_secs(if number == 0 { 9 * 60 } else { 11 * 60 })))
            .await;
    let ecr = Ecr::with_config(server.config());
    let here = host();
    let passwords = [
        password(&ecr, &here, false).await,
        password(&ecr, &here, false).await,
        password(&ecr, &here, false).await,
    ];
    assert_eq!(passwords, ["pass:word0", "pass:word1", "pass:word1"]);
}

#[tokio::test]
async fn fresh_login_is_a_new_one_and_shared_by_those_who_need_it_at_once() {
    let server = Scripted::serve(half_a_day).await;
    let ecr = Ecr::with_config(server.config());
    let here = host();
    assert_eq!(password(&ecr, &here, false).await, "pass:word0");
    tokio::time::sleep(Duration::from_millis(5100)).await;
    let passwords = join_all((0..10).map(|_| password(&ecr, &here, true))).await;
    assert!(
        passwords.iter().all(|password| password == "pass:word1"),
        "{passwords:?}"
    );
}

#[tokio::test]
async fn failure_is_shared_by_those_who_wait_and_not_remembered() {
    let server = Scripted::serve(|seen, number| match number {
        0 => refuse(400, "AccessDeniedException", "no"),
        _ => half_a_day(seen, number),
    })
    .await;
    let ecr = Ecr::with_config(server.config());
    let here = host();
    let denied = join_all((0..10).map(|_| ecr.login(&here, false))).await;
    let action = "ecr:GetAuthorizationToken";
    assert!(
        denied
            .iter()
            .all(|login| login.as_ref().unwrap_err().kind() == AwsErrorKind::Denied { action })
    );
    assert_eq!(server.seen().len(), 1);
    assert_eq!(password(&ecr, &here, false).await, "pass:word1");
}

#[tokio::test]
async fn caller_that_gives_up_does_not_disturb_the_others() {
    let server = Scripted::serve(half_a_day).await;
    let ecr = Ecr::with_config(server.config());
    let here = host();
    {
        let mut first = std::pin::pin!(ecr.login(&here, false));
        assert!(futures_util::poll!(&mut first).is_pending());
    }
    assert_eq!(password(&ecr, &here, false).await, "pass:word0");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn answer_without_a_readable_login_is_an_error_that_does_not_show_it() {
    let data =
        |token: &str| json!({"authorizationData": [{"authorizationToken": token, "expiresAt": 4_000_000_000_u64}]});
    for body in [
        json!({}),
        json!({"authorizationData": []}),
        data("%%"),
        data(&STANDARD.encode("hunter2")),
    ] {
        let server = Scripted::serve(move |_, _| respond(200, &body)).await;
        let error = Ecr::with_config(server.config())
            .login(&host(), false)
            .await
            .unwrap_err();
        assert!(matches!(error, AwsError::Malformed { .. }), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn debug_output_has_no_password() {
    let server = Scripted::serve(half_a_day).await;
    let login = Ecr::with_config(server.config()).login(&host(), false).await.unwrap();
    assert!(!format!("{login:?}").contains("word0"));
}
