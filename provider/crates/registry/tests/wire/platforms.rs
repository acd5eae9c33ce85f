//! What images for several platforms need of a registry: an index under its digest alone, and the platform that an
//! image's configuration names.

use crate::client::anonymous;
use crate::scripted::{IMAGE_TYPE, Scripted, refuse, respond};
use fastcontainer_registry::{Digest, Manifest, Put, Reference, RegistryErrorKind};

/// An image whose configuration has this digest.
fn image(config: &Digest) -> Manifest {
    let text = format!(r#"{{"config":{{"digest":"{config}","size":10}},"layers":[]}}"#);
    Manifest::parse(IMAGE_TYPE, text).unwrap()
}

#[tokio::test]
async fn the_platform_is_read_from_the_configuration_that_the_manifest_names() {
    let config = r#"{"architecture":"arm","os":"linux","variant":"v7","rootfs":{}}"#;
    let server = Scripted::serve(move |_, _| respond(200, &[], config)).await;
    let digest = Digest::of(config.as_bytes());
    let platform = anonymous().platform_of(&server.repository(), &image(&digest)).await;
    assert_eq!(platform.unwrap(), "linux/arm/v7");
    assert_eq!(server.seen()[0].path, format!("/v2/team/app/blobs/{digest}"));
}

#[tokio::test]
async fn a_configuration_that_is_another_one_or_none_is_refused() {
    let digest = Digest::of(b"{}");
    let rows = [
        (image(&digest), 200, "{}"),
        (image(&digest), 200, r#"{"architecture":"arm64","os":"linux"}"#),
        (image(&digest), 404, "{}"),
        (
            Manifest::parse(IMAGE_TYPE, r#"{"config":{"size":1},"layers":[]}"#).unwrap(),
            200,
            "{}",
        ),
    ];
    for (image, status, body) in rows {
        let server = Scripted::serve(move |_, _| respond(status, &[], body)).await;
        let error = anonymous().platform_of(&server.repository(), &image).await.unwrap_err();
        assert_eq!(error.kind(), RegistryErrorKind::Invalid, "{error}");
    }
    let server = Scripted::serve(|_, _| refuse(403, "DENIED", "no")).await;
    let error = anonymous()
        .platform_of(&server.repository(), &image(&digest))
        .await
        .unwrap_err();
    assert!(error.is_denied(), "{error}");
}

#[tokio::test]
async fn an_index_is_put_under_its_digest() {
    let server = Scripted::serve(|_, _| respond(201, &[], "")).await;
    let images = [("linux/amd64".to_owned(), image(&Digest::of(b"a")))];
    let index = Manifest::index(&images.into()).unwrap();
    let reference = Reference::Digest(index.digest.clone());
    let put = anonymous().put_manifest(&server.repository(), &index, reference).await;
    assert_eq!(put.unwrap(), Put::Stored);
    let seen = &server.seen()[0];
    assert_eq!(seen.path, format!("/v2/team/app/manifests/{}", index.digest));
    assert_eq!(seen.header("content-type"), "application/vnd.oci.image.index.v1+json");
}
