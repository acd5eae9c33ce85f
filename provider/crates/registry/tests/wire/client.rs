//! The client against registries that behave in one particular way each: what is asked at the wire, and what each
//! answer means.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::scripted::{IMAGE, IMAGE_TYPE, Scripted, image, refuse, respond};
use fastcontainer_registry::{
    Action, Chain, Digest, Manifest, ManifestKind, Put, Reference, RegistryClient, RegistryError, RegistryErrorKind,
    Tag, Timing,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

pub(crate) const QUICK: Timing = Timing {
    connect: Duration::from_secs(2),
    whole_call: Duration::from_secs(5),
    backoff: Duration::from_millis(1),
};

pub(crate) fn anonymous() -> RegistryClient {
    RegistryClient::new(Arc::new(Chain::new(Vec::new()))).with_timing(QUICK)
}

fn v1() -> Reference {
    Reference::Tag(Tag::parse("v1").unwrap())
}

pub(crate) async fn look_up(client: &RegistryClient, server: &Scripted) -> Result<Option<Manifest>, RegistryError> {
    client.look_up(&server.repository(), &v1()).await
}

#[tokio::test]
async fn manifest_is_found_with_its_digest_type_and_size() {
    let server = Scripted::serve(|_, _| image()).await;
    let found = look_up(&anonymous(), &server).await.unwrap().unwrap();
    assert_eq!(found.digest, Digest::of(IMAGE.as_bytes()));
    assert_eq!((found.media_type.as_str(), found.size_bytes), (IMAGE_TYPE, 30));
    assert_eq!(
        (found.kind, found.bytes.as_ref()),
        (ManifestKind::Image, IMAGE.as_bytes())
    );
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("GET", "/v2/team/app/manifests/v1")
    );
    let accepted: Vec<_> = seen
        .headers
        .get_all("accept")
        .iter()
        .map(|value| value.to_str().unwrap())
        .collect();
    assert!(
        accepted.contains(&IMAGE_TYPE)
            && accepted.contains(&"application/vnd.docker.distribution.manifest.list.v2+json")
    );
    assert!(seen.header("user-agent").starts_with("pulumi-fastcontainer/"));
    assert_eq!(seen.authorization(), "");
}

#[tokio::test]
async fn digest_of_a_tag_comes_from_the_headers_alone() {
    let digest = Digest::of(b"anything");
    let header = digest.to_string();
    let server = Scripted::serve(move |_, _| respond(200, &[("docker-content-digest", header.as_str())], "")).await;
    let found = anonymous()
        .digest_of(&server.repository(), &Tag::parse("v1").unwrap())
        .await;
    assert_eq!(found.unwrap(), Some(digest));
    let methods: Vec<_> = server.seen().into_iter().map(|seen| seen.method).collect();
    assert_eq!(methods, ["HEAD"]);
}

#[tokio::test]
async fn digest_of_a_tag_is_computed_when_the_headers_do_not_tell() {
    let tag = Tag::parse("v1").unwrap();
    let silent = Scripted::serve(|_, _| image()).await;
    let found = anonymous().digest_of(&silent.repository(), &tag).await;
    assert_eq!(found.unwrap(), Some(Digest::of(IMAGE.as_bytes())));
    let without_head = Scripted::serve(|seen, _| match seen.method.as_str() {
        "HEAD" => respond(405, &[], ""),
        _ => image(),
    });
    let found = anonymous().digest_of(&without_head.await.repository(), &tag).await;
    assert_eq!(found.unwrap(), Some(Digest::of(IMAGE.as_bytes())));
    let empty = Scripted::serve(|_, _| refuse(404, "MANIFEST_UNKNOWN", "no")).await;
    assert_eq!(anonymous().digest_of(&empty.repository(), &tag).await.unwrap(), None);
}

#[tokio::test]
async fn media_type_comes_from_the_manifest_when_the_header_says_nothing() {
    let body = format!(r#"{{"mediaType":"{IMAGE_TYPE}","config":{{"size":1}},"layers":[]}}"#);
    let server = Scripted::serve(move |_, _| respond(200, &[("content-type", "application/json")], body.clone())).await;
    assert_eq!(
        look_up(&anonymous(), &server).await.unwrap().unwrap().media_type,
        IMAGE_TYPE
    );
}

#[tokio::test]
async fn unknown_manifest_is_none_and_unknown_repository_is_an_error() {
    let server = Scripted::serve(|_, _| refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")).await;
    assert_eq!(look_up(&anonymous(), &server).await.unwrap(), None);
    let server = Scripted::serve(|_, _| refuse(404, "NAME_UNKNOWN", "no such repository")).await;
    let error = look_up(&anonymous(), &server).await.unwrap_err();
    assert!(error.is_repository_missing());
    let url = format!("http://{}/v2/team/app/manifests/v1", server.address);
    assert!(error.to_string().contains(&format!("GET {url}")), "{error}");
    assert!(error.to_string().contains("no such repository"), "{error}");
}

#[tokio::test]
async fn not_found_page_of_a_proxy_is_not_taken_for_a_missing_manifest() {
    let server = Scripted::serve(|_, _| respond(404, &[("content-type", "text/html")], "<h1>Not Found</h1>")).await;
    let error = look_up(&anonymous(), &server).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Invalid);
    assert!(!error.is_repository_missing());
}

#[tokio::test]
async fn every_failure_has_its_kind() {
    let rows = [
        (403, "DENIED", RegistryErrorKind::Denied { action: Action::Pull }),
        (400, "NAME_INVALID", RegistryErrorKind::Invalid),
        (429, "TOOMANYREQUESTS", RegistryErrorKind::RateLimited),
        (500, "UNKNOWN", RegistryErrorKind::Unavailable),
        (503, "UNAVAILABLE", RegistryErrorKind::Unavailable),
    ];
    for (status, code, kind) in rows {
        let server = Scripted::serve(move |_, _| refuse(status, code, "because")).await;
        let error = look_up(&anonymous(), &server).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status}");
        let tries = if matches!(status, 429 | 500..) { 4 } else { 1 };
        assert_eq!(server.seen().len(), tries, "{status}");
    }
}

#[tokio::test]
async fn transient_failures_are_tried_again() {
    for status in [429, 500, 502, 503, 504] {
        let server = Scripted::serve(move |_, number| {
            if number < 3 {
                respond(status, &[], "busy")
            } else {
                image()
            }
        })
        .await;
        assert!(look_up(&anonymous(), &server).await.unwrap().is_some(), "{status}");
        assert_eq!(server.seen().len(), 4, "{status}");
    }
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let server = Scripted::serve(|_, number| {
        if number == 0 {
            respond(429, &[("retry-after", "1")], "")
        } else {
            image()
        }
    })
    .await;
    let start = Instant::now();
    assert!(look_up(&anonymous(), &server).await.unwrap().is_some());
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn digest_that_does_not_fit_the_bytes_is_refused() {
    let other = Digest::of(b"other");
    let announced = other.clone();
    let lying = Scripted::serve(move |_, _| {
        respond(
            200,
            &[
                ("content-type", IMAGE_TYPE),
                ("docker-content-digest", announced.as_str()),
            ],
            IMAGE,
        )
    })
    .await;
    let error = look_up(&anonymous(), &lying).await.unwrap_err();
    assert!(
        matches!(&error, RegistryError::DigestMismatch { expected, .. } if *expected == other),
        "{error}"
    );
    let server = Scripted::serve(|_, _| image()).await;
    let client = anonymous();
    let wrong = client.look_up(&server.repository(), &Reference::Digest(other)).await;
    assert!(matches!(wrong, Err(RegistryError::DigestMismatch { .. })));
    let right = Reference::Digest(Digest::of(IMAGE.as_bytes()));
    assert!(client.look_up(&server.repository(), &right).await.unwrap().is_some());
}

#[tokio::test]
async fn endless_manifest_is_refused() {
    let server = Scripted::serve(|_, _| respond(200, &[("content-type", IMAGE_TYPE)], vec![b' '; (4 << 20) + 1])).await;
    let error = look_up(&anonymous(), &server).await.unwrap_err();
    assert!(error.to_string().contains("longer than"), "{error}");
}

#[tokio::test]
async fn truncated_answer_is_tried_again_and_then_reported() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = connections.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: {IMAGE_TYPE}\r\ncontent-length: 500\r\n\r\n");
            stream.write_all(format!("{head}{IMAGE}").as_bytes()).await.unwrap();
        }
    });
    let repository = format!("{address}/team/app").parse().unwrap();
    let error = anonymous().look_up(&repository, &v1()).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Unavailable);
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn registry_that_is_not_there_is_unavailable() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let error = anonymous()
        .look_up(&format!("{free}/app").parse().unwrap(), &v1())
        .await
        .unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(error.to_string().contains(&free.to_string()), "{error}");
}

#[tokio::test]
async fn hanging_registry_is_given_up_and_can_be_cancelled() {
    let server = Scripted::serve(|_, _| None).await;
    let timing = Timing {
        whole_call: Duration::from_millis(300),
        ..QUICK
    };
    let error = look_up(&anonymous().with_timing(timing), &server).await.unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::TimedOut);
    let start = Instant::now();
    let client = anonymous();
    tokio::select! {
        answer = look_up(&client, &server) => panic!("{answer:?}"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn put_sends_the_same_bytes_and_media_type() {
    let server = Scripted::serve(|_, _| {
        respond(
            201,
            &[("docker-content-digest", Digest::of(IMAGE.as_bytes()).as_str())],
            "",
        )
    })
    .await;
    let manifest = Manifest::parse(IMAGE_TYPE, IMAGE).unwrap();
    let put = anonymous()
        .put_manifest(&server.repository(), &manifest, &Tag::parse("fc-1").unwrap())
        .await;
    assert_eq!(put.unwrap(), Put::Stored);
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("PUT", "/v2/team/app/manifests/fc-1")
    );
    assert_eq!(
        (seen.header("content-type"), seen.body.as_slice()),
        (IMAGE_TYPE, IMAGE.as_bytes())
    );
}

#[tokio::test]
async fn immutable_tag_is_told_from_other_refusals() {
    let manifest = Manifest::parse(IMAGE_TYPE, IMAGE).unwrap();
    let tag = Tag::parse("fc-1").unwrap();
    let said = "The image tag 'fc-1' already exists in the 'team/app' repository and cannot be overwritten because the tag is immutable.";
    let server = Scripted::serve(move |_, _| refuse(400, "TAG_INVALID", said)).await;
    let put = anonymous().put_manifest(&server.repository(), &manifest, &tag).await;
    assert_eq!(put.unwrap(), Put::TagImmutable);
    let server = Scripted::serve(|_, _| refuse(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown")).await;
    let error = anonymous()
        .put_manifest(&server.repository(), &manifest, &tag)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Invalid);
    let server = Scripted::serve(|_, _| refuse(403, "DENIED", "no")).await;
    let error = anonymous()
        .put_manifest(&server.repository(), &manifest, &tag)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), RegistryErrorKind::Denied { action: Action::Push });
}

#[tokio::test]
async fn registry_that_stores_something_else_is_found_out() {
    let server =
        Scripted::serve(|_, _| respond(201, &[("docker-content-digest", Digest::of(b"other").as_str())], "")).await;
    let manifest = Manifest::parse(IMAGE_TYPE, IMAGE).unwrap();
    let put = anonymous()
        .put_manifest(&server.repository(), &manifest, &Tag::parse("v1").unwrap())
        .await;
    assert!(matches!(put, Err(RegistryError::DigestMismatch { .. })));
}
