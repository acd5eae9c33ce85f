//! Blob uploads: chunks, digests, mounting.

use crate::client::{Emulator, Repository, basic, digest, ecr_repository};

#[tokio::test]
async fn chunks_must_continue_the_upload() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let started = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    let path = started.location(&app.origin());
    let chunk = async |range: &str, bytes: &'static str| {
        let headers: Vec<_> = app.headers().into_iter().chain([("content-range", range)]).collect();
        emulator.send(("PATCH", &path), &headers, bytes).await
    };
    let first = chunk("0-4", "hello").await;
    assert_eq!((first.status.as_u16(), first.header("range")), (202, "0-4"));
    for (range, bytes) in [("0-4", "hello"), ("6-10", "world"), ("nonsense", "world")] {
        let refused = chunk(range, bytes).await;
        assert_eq!(
            (refused.status.as_u16(), refused.header("range")),
            (416, "0-4"),
            "{range}"
        );
    }
    assert_eq!(chunk("5-20", "world").await.code(), "SIZE_INVALID");
    assert_eq!(chunk("5-9", "world").await.status, 202);
    let finished = emulator
        .send(
            ("PUT", &format!("{path}&digest={}", digest(b"helloworld"))),
            &app.headers(),
            "",
        )
        .await;
    assert_eq!(finished.status, 201, "{finished:?}");
    assert_eq!(finished.header("docker-content-digest"), digest(b"helloworld"));
}

#[tokio::test]
async fn a_blob_that_does_not_hash_to_its_digest_is_refused() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let started = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    let path = format!("{}&digest={}", started.location(&app.origin()), digest(b"promised"));
    let refused = emulator.send(("PUT", &path), &app.headers(), "delivered").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (400, "DIGEST_INVALID")
    );
    let head = app
        .send(&emulator, ("HEAD", &format!("blobs/{}", digest(b"delivered"))), &[], "")
        .await;
    assert_eq!(head.status, 404);
}

#[tokio::test]
async fn an_upload_is_found_only_at_the_location_that_was_given() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let started = app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await;
    let path = started.location(&app.origin());
    let without_state = path.split('?').next().unwrap();
    let refused = emulator.send(("PATCH", without_state), &app.headers(), "x").await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (404, "BLOB_UPLOAD_UNKNOWN")
    );
    assert_eq!(emulator.send(("DELETE", &path), &app.headers(), "").await.status, 204);
    assert_eq!(emulator.send(("GET", &path), &app.headers(), "").await.status, 404);
}

#[tokio::test]
async fn ecr_mounts_blobs_only_when_switched_on() {
    let emulator = Emulator::start().await;
    let (one, two) = (
        ecr_repository(&emulator, "one").await,
        ecr_repository(&emulator, "two").await,
    );
    let blob = emulator.push_blob(&one, b"shared").await;
    let mount = format!("blobs/uploads/?mount={blob}&from=one");
    assert_eq!(two.send(&emulator, ("POST", &mount), &[], "").await.status, 202);
    assert_eq!(
        two.send(&emulator, ("HEAD", &format!("blobs/{blob}")), &[], "")
            .await
            .status,
        404
    );
    emulator.admin(("PUT", "blob-mounting?enabled=true"), "").await;
    let mounted = two.send(&emulator, ("POST", &mount), &[], "").await;
    assert_eq!(
        (mounted.status.as_u16(), mounted.header("docker-content-digest")),
        (201, blob.as_str())
    );
    assert_eq!(
        two.send(&emulator, ("HEAD", &format!("blobs/{blob}")), &[], "")
            .await
            .status,
        200
    );
    let absent = format!("blobs/uploads/?mount={}&from=one", digest(b"absent"));
    assert_eq!(two.send(&emulator, ("POST", &absent), &[], "").await.status, 202);
}

#[tokio::test]
async fn the_plain_registry_wants_its_user_and_makes_repositories_by_itself() {
    let emulator = Emulator::start_with(|settings| settings.plain_login = Some(("me".into(), "pw".into()))).await;
    let host = format!("localhost:{}", emulator.address.port());
    let login = |password| Repository {
        host: &host,
        name: "my/app",
        authorization: basic("me", password),
    };
    let refused = login("wrong")
        .send(&emulator, ("POST", "blobs/uploads/"), &[], "")
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("www-authenticate")),
        (401, "Basic realm=\"registry\"")
    );
    let repository = login("pw");
    assert_eq!(
        repository.send(&emulator, ("GET", "tags/list"), &[], "").await.code(),
        "NAME_UNKNOWN"
    );
    emulator.push_image(&repository, "v1", b"layer").await;
    let blob = repository
        .send(&emulator, ("GET", &format!("blobs/{}", digest(b"layer"))), &[], "")
        .await;
    assert_eq!((blob.status.as_u16(), &blob.body[..]), (200, &b"layer"[..]));
}

#[tokio::test]
async fn a_restart_keeps_images_and_drops_uploads() {
    let mut emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let pushed = emulator.push_image(&app, "v1", b"layer").await;
    let upload = app
        .send(&emulator, ("POST", "blobs/uploads/"), &[], "")
        .await
        .location(&app.origin());
    emulator.restart().await;
    let app = Repository {
        authorization: emulator.login().await,
        ..app
    };
    let head = app
        .send(&emulator, ("HEAD", "manifests/v1"), &[("accept", "*/*")], "")
        .await;
    assert_eq!(
        (head.status.as_u16(), head.header("docker-content-digest")),
        (200, pushed.as_str())
    );
    assert_eq!(emulator.send(("GET", &upload), &app.headers(), "").await.status, 404);
}
