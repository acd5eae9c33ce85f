//! Logins at ECR's registry API, and reading blobs.

use crate::client::{ECR, Emulator, Repository, basic, ecr_repository};

#[tokio::test]
async fn callers_without_a_login_are_told_how_to_get_one() {
    let emulator = Emulator::start().await;
    for authorization in [None, Some(basic("AWS", "made up")), Some("Bearer abc".to_owned())] {
        let mut headers = vec![("host", ECR)];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        let answer = emulator.send(("GET", "/v2/"), &headers, "").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body[..]),
            (401, &b"Not Authorized\n"[..])
        );
        assert_eq!(
            answer.header("www-authenticate"),
            format!("Basic realm=\"https://{ECR}/\",service=\"ecr.amazonaws.com\"")
        );
        assert!(answer.header("content-type").starts_with("text/plain"));
    }
}

#[tokio::test]
async fn a_login_is_good_for_its_own_region_and_account_only() {
    let emulator = Emulator::start().await;
    let authorization = emulator.login().await;
    let ask = async |host: &str| {
        let headers = [
            ("host", host),
            ("authorization", authorization.as_str()),
            ("accept", "*/*"),
        ];
        emulator.send(("GET", "/v2/app/manifests/v1"), &headers, "").await
    };
    assert_eq!(ask(ECR).await.code(), "NAME_UNKNOWN");
    assert_eq!(ask("123456789012.dkr.ecr.us-east-1.amazonaws.com").await.status, 401);
    let foreign = ask("999988887777.dkr.ecr.eu-central-1.amazonaws.com").await;
    assert_eq!((foreign.status.as_u16(), foreign.code().as_str()), (403, "DENIED"));
}

#[tokio::test]
async fn an_expired_login_is_denied_with_the_reason() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.admin(("POST", "expire-tokens"), "").await;
    let refused = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "DENIED"));
    let message = "Your authorization token has expired. Reauthenticate and try again.";
    assert_eq!(refused.json()["errors"][0]["message"], message);
    let fresh = Repository {
        authorization: emulator.login().await,
        ..app
    };
    assert_eq!(
        fresh.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await.status,
        202
    );
}

#[tokio::test]
async fn denied_actions_hold_for_pushes_too() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator
        .admin(("POST", "deny?action=ecr:InitiateLayerUpload"), "")
        .await;
    let refused = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "DENIED"));
    assert!(
        refused.json()["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("ecr:InitiateLayerUpload")
    );
}

#[tokio::test]
async fn blobs_come_from_a_signed_url_that_takes_no_authorization() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let blob = emulator.push_blob(&app, b"0123456789").await;
    let redirect = app.send(&emulator, ("GET", &format!("blobs/{blob}")), &[], "").await;
    assert_eq!(redirect.status, 307);
    let bucket = "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com";
    let path = redirect.location(&format!("http://{bucket}"));
    let whole = emulator.send(("GET", &path), &[("host", bucket)], "").await;
    assert_eq!((whole.status.as_u16(), &whole.body[..]), (200, &b"0123456789"[..]));
    let part = emulator
        .send(("GET", &path), &[("host", bucket), ("range", "bytes=2-4")], "")
        .await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"234"[..]));
    assert_eq!(part.header("content-range"), "bytes 2-4/10");
    let outside = emulator
        .send(("GET", &path), &[("host", bucket), ("range", "bytes=10-")], "")
        .await;
    assert_eq!(
        (outside.status.as_u16(), outside.header("content-range")),
        (416, "bytes */10")
    );
    let both = emulator
        .send(
            ("GET", &path),
            &[("host", bucket), ("authorization", &app.authorization)],
            "",
        )
        .await;
    assert_eq!(both.status, 400);
    let forged = path.replace("Signature=", "Signature=0");
    assert_eq!(
        emulator.send(("GET", &forged), &[("host", bucket)], "").await.status,
        403
    );
}

#[tokio::test]
async fn blobs_are_seen_only_in_the_repository_that_has_them() {
    let emulator = Emulator::start().await;
    let (one, two) = (
        ecr_repository(&emulator, "one").await,
        ecr_repository(&emulator, "two").await,
    );
    let blob = emulator.push_blob(&one, b"mine").await;
    let path = format!("blobs/{blob}");
    assert_eq!(
        one.send(&emulator, ("HEAD", &path), &[], "")
            .await
            .header("content-length"),
        "4"
    );
    assert_eq!(
        two.send(&emulator, ("GET", &path), &[], "").await.code(),
        "BLOB_UNKNOWN"
    );
}
