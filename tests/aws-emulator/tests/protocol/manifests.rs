//! Manifests: validation, immutable tags, negotiation, lists of tags.

use serde_json::json;

use crate::client::{
    ECR, Emulator, OCI_INDEX, OCI_MANIFEST, Repository, descriptor, digest, ecr_repository, image_manifest,
};

#[tokio::test]
async fn pushing_to_an_unknown_repository_is_refused() {
    let emulator = Emulator::start().await;
    let app = Repository {
        host: ECR,
        name: "app",
        authorization: emulator.login().await,
    };
    assert_eq!(
        app.send(&emulator, ("POST", "blobs/uploads/"), &[], "").await.code(),
        "NAME_UNKNOWN"
    );
    let refused = app
        .put_manifest(&emulator, ("v1", OCI_MANIFEST), &image_manifest(b"{}", b"layer"))
        .await;
    assert_eq!(
        (refused.status.as_u16(), refused.code().as_str()),
        (404, "NAME_UNKNOWN")
    );
}

#[tokio::test]
async fn references_must_exist_with_the_size_that_is_stated() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.push_blob(&app, b"{}").await;
    let manifest = image_manifest(b"{}", b"layer");
    let absent = app.put_manifest(&emulator, ("v1", OCI_MANIFEST), &manifest).await;
    assert_eq!(
        (absent.status.as_u16(), absent.code().as_str()),
        (400, "MANIFEST_BLOB_UNKNOWN")
    );
    emulator.push_blob(&app, b"layer").await;
    let wrong = app
        .put_manifest(
            &emulator,
            ("v1", OCI_MANIFEST),
            &manifest.replace("\"size\":5", "\"size\":6"),
        )
        .await;
    assert_eq!(wrong.code(), "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(
        app.put_manifest(&emulator, ("v1", OCI_MANIFEST), &manifest)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn ecr_refuses_an_index_that_lists_blobs() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.push_blob(&app, b"layer").await;
    let layer = descriptor("application/vnd.oci.image.layer.v1.tar+gzip", b"layer");
    let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [layer]}).to_string();
    assert_eq!(
        app.put_manifest(&emulator, ("cache", OCI_INDEX), &index).await.code(),
        "MANIFEST_BLOB_UNKNOWN"
    );
    let plain = Repository {
        host: "localhost",
        name: "app",
        authorization: String::new(),
    };
    emulator.push_blob(&plain, b"layer").await;
    assert_eq!(
        plain.put_manifest(&emulator, ("cache", OCI_INDEX), &index).await.status,
        201
    );
}

#[tokio::test]
async fn what_is_not_a_manifest_is_refused() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let manifest = emulator.prepare_image(&app, b"layer").await;
    for (media_type, body) in [
        (OCI_MANIFEST, "not json"),
        (OCI_MANIFEST, "{}"),
        ("application/json", manifest.as_str()),
        (OCI_INDEX, manifest.as_str()),
    ] {
        let refused = app.put_manifest(&emulator, ("v1", media_type), body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.code().as_str()),
            (400, "MANIFEST_INVALID"),
            "{media_type} {body}"
        );
    }
    let other = digest(b"something else");
    assert_eq!(
        app.put_manifest(&emulator, (&other, OCI_MANIFEST), &manifest)
            .await
            .code(),
        "DIGEST_INVALID"
    );
    assert_eq!(
        app.put_manifest(&emulator, ("-v1", OCI_MANIFEST), &manifest)
            .await
            .code(),
        "TAG_INVALID"
    );
    let own = digest(manifest.as_bytes());
    assert_eq!(
        app.put_manifest(&emulator, (&own, OCI_MANIFEST), &manifest)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn an_immutable_tag_takes_the_same_digest_and_no_other() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator
        .admin(
            ("PUT", &format!("repository?repository={ECR}/app&mutability=IMMUTABLE")),
            "",
        )
        .await;
    let first = emulator.push_image(&app, "v1", b"one").await;
    assert_eq!(emulator.push_image(&app, "v1", b"one").await, first);
    let other = emulator.prepare_image(&app, b"two").await;
    let refused = app.put_manifest(&emulator, ("v1", OCI_MANIFEST), &other).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (400, "TAG_INVALID"));
    assert_eq!(
        refused.json()["errors"][0]["message"],
        "The image tag 'v1' already exists in the 'app' repository and cannot be overwritten because the tag is immutable."
    );
    let head = app
        .send(&emulator, ("HEAD", "manifests/v1"), &[("accept", OCI_MANIFEST)], "")
        .await;
    assert_eq!(head.header("docker-content-digest"), first);
    emulator
        .admin(("DELETE", &format!("tag?reference={ECR}/app:v1")), "")
        .await;
    assert_eq!(
        app.put_manifest(&emulator, ("v1", OCI_MANIFEST), &other).await.status,
        201
    );
}

#[tokio::test]
async fn the_admin_plane_moves_tags_whatever_the_repository_says() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let first = emulator.push_image(&app, "v1", b"one").await;
    emulator.push_image(&app, "v1", b"two").await;
    emulator
        .admin(
            ("PUT", &format!("repository?repository={ECR}/app&mutability=IMMUTABLE")),
            "",
        )
        .await;
    emulator
        .admin(("PUT", &format!("tag?reference={ECR}/app:v1&digest={first}")), "")
        .await;
    let listed = emulator
        .admin(("GET", &format!("repository?repository={ECR}/app")), "")
        .await;
    assert_eq!(listed["tags"], json!({"v1": first}));
    assert_eq!(listed["images"].as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn manifests_are_read_by_tag_and_digest_and_only_in_an_accepted_type() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let pushed = emulator.push_image(&app, "v1", b"layer").await;
    for reference in ["v1", &pushed] {
        let path = format!("manifests/{reference}");
        let got = app
            .send(&emulator, ("GET", &path), &[("accept", OCI_MANIFEST)], "")
            .await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, OCI_MANIFEST));
        assert_eq!(digest(&got.body), pushed);
        let head = app
            .send(&emulator, ("HEAD", &path), &[("accept", "a/b;q=0.1, */*")], "")
            .await;
        assert_eq!(head.header("content-length"), got.body.len().to_string());
        for headers in [&[("accept", OCI_INDEX)][..], &[]] {
            assert_eq!(
                app.send(&emulator, ("GET", &path), headers, "").await.code(),
                "MANIFEST_UNKNOWN"
            );
        }
    }
    let missing = app
        .send(&emulator, ("GET", "manifests/v2"), &[("accept", "*/*")], "")
        .await;
    assert_eq!(
        (missing.status.as_u16(), missing.code().as_str()),
        (404, "MANIFEST_UNKNOWN")
    );
}

#[tokio::test]
async fn ecr_deletes_nothing_through_the_registry_api() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let pushed = emulator.push_image(&app, "v1", b"layer").await;
    for reference in ["v1", &pushed] {
        assert_eq!(
            app.send(&emulator, ("DELETE", &format!("manifests/{reference}")), &[], "")
                .await
                .status,
            405
        );
    }
}

#[tokio::test]
async fn tags_are_listed_in_pages() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    for tag in ["c", "a", "b"] {
        emulator.push_image(&app, tag, b"layer").await;
    }
    let first = app.send(&emulator, ("GET", "tags/list?n=2"), &[], "").await;
    assert_eq!(first.json(), json!({"name": "app", "tags": ["a", "b"]}));
    let next = first
        .header("link")
        .trim_start_matches('<')
        .split('>')
        .next()
        .unwrap()
        .to_owned();
    let rest = emulator
        .send(("GET", next.strip_prefix(&app.origin()).unwrap()), &app.headers(), "")
        .await;
    assert_eq!(rest.json()["tags"], json!(["c"]));
    assert_eq!(rest.header("link"), "");
}
