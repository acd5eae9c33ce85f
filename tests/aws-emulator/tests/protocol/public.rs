//! Public registries: seeding an image layout, anonymous tokens, no pushes.

use serde_json::json;

use crate::client::{Emulator, OCI_INDEX, OCI_MANIFEST, descriptor, digest, image_manifest};

const HUB: &str = "registry-1.docker.io";
const PATH: &str = "/v2/library/python/manifests/3.12";

fn layout(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

/// A layout of one image, as (path, content) pairs.
fn python() -> Vec<(String, Vec<u8>)> {
    let manifest = image_manifest(b"{}", b"layer");
    let index = json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, manifest.as_bytes())]}).to_string();
    let blobs = [b"{}".to_vec(), b"layer".to_vec(), manifest.into_bytes()];
    let files = [
        ("oci-layout".to_owned(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()),
        ("index.json".to_owned(), index.into_bytes()),
    ];
    blobs
        .into_iter()
        .map(|blob| (digest(&blob).replace("sha256:", "./blobs/sha256/"), blob))
        .chain(files)
        .collect()
}

fn pack(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    layout(
        &files
            .iter()
            .map(|(path, content)| (path.as_str(), content.as_slice()))
            .collect::<Vec<_>>(),
    )
}

async fn token(emulator: &Emulator, scope: &str) -> String {
    let path = format!("/token?service=registry.docker.io&scope={scope}");
    let answer = emulator.send(("GET", &path), &[("host", "auth.docker.io")], "").await;
    format!("Bearer {}", answer.json()["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_seeded_image_is_pulled_with_an_anonymous_token() {
    let emulator = Emulator::start().await;
    let seeded = emulator
        .admin(("POST", "seed?reference=docker.io/python:3.12"), pack(&python()))
        .await;
    let challenge = emulator.send(("GET", PATH), &[("host", HUB)], "").await;
    assert_eq!(challenge.status, 401);
    assert_eq!(
        challenge.header("www-authenticate"),
        "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:library/python:pull\""
    );
    let token = token(&emulator, "repository:library/python:pull").await;
    let headers = [
        ("host", HUB),
        ("authorization", token.as_str()),
        ("accept", OCI_MANIFEST),
    ];
    let manifest = emulator.send(("GET", PATH), &headers, "").await;
    assert_eq!(manifest.status, 200);
    assert_eq!(seeded["digest"], digest(&manifest.body));
    let blob = format!("/v2/library/python/blobs/{}", digest(b"layer"));
    let part = emulator
        .send(("GET", &blob), &[headers[0], headers[1], ("range", "bytes=1-")], "")
        .await;
    assert_eq!((part.status.as_u16(), &part.body[..]), (206, &b"ayer"[..]));
}

#[tokio::test]
async fn a_token_covers_existing_repositories_that_were_asked_for_and_no_pushes() {
    let emulator = Emulator::start().await;
    emulator
        .admin(
            ("POST", "seed?reference=docker.io/library/python:3.12"),
            pack(&python()),
        )
        .await;
    let ask = async |line: (&str, &str), token: &str| {
        let headers = [("host", HUB), ("authorization", token), ("accept", "*/*")];
        emulator.send(line, &headers, "").await
    };
    let other = token(&emulator, "repository:library/ruby:pull").await;
    for (line, token) in [
        (("GET", PATH), other.as_str()),
        (("GET", "/v2/library/ruby/manifests/3"), &other),
        (
            ("POST", "/v2/library/python/blobs/uploads/"),
            &token(&emulator, "repository:library/python:pull,push").await,
        ),
    ] {
        let refused = ask(line, token).await;
        assert_eq!(refused.status, 401, "{line:?}");
        assert!(
            refused
                .header("www-authenticate")
                .ends_with(",error=\"insufficient_scope\""),
            "{line:?}"
        );
    }
    let unknown = ask(("GET", PATH), "Bearer made-up").await;
    assert!(unknown.header("www-authenticate").ends_with(",error=\"invalid_token\""));
}

#[tokio::test]
async fn several_images_of_a_layout_become_an_index() {
    let emulator = Emulator::start().await;
    let mut files = python();
    let second = image_manifest(b"{}", b"other layer").into_bytes();
    let first = files[2].1.clone();
    let index =
        json!({"schemaVersion": 2, "manifests": [descriptor(OCI_MANIFEST, &first), descriptor(OCI_MANIFEST, &second)]});
    files.last_mut().unwrap().1 = index.to_string().into_bytes();
    files.extend(
        [second, b"other layer".to_vec()].map(|blob| (digest(&blob).replace("sha256:", "blobs/sha256/"), blob)),
    );
    emulator
        .admin(("POST", "seed?reference=ghcr.io/me/app:v1"), pack(&files))
        .await;
    let listed = emulator
        .admin(("GET", "repository?repository=ghcr.io/me/app"), "")
        .await;
    let top = listed["tags"]["v1"].as_str().unwrap();
    assert_eq!(listed["images"][top]["media_type"], OCI_INDEX);
    assert_eq!(listed["images"].as_object().unwrap().len(), 3);
    let challenge = emulator
        .send(("GET", "/v2/me/app/manifests/v1"), &[("host", "ghcr.io")], "")
        .await;
    assert!(
        challenge
            .header("www-authenticate")
            .starts_with("Bearer realm=\"http://ghcr.io/token\",service=\"ghcr.io\"")
    );
}

#[tokio::test]
async fn damaged_and_incomplete_layouts_are_refused() {
    let emulator = Emulator::start().await;
    let (mut damaged, mut incomplete, mut no_index) = (python(), python(), python());
    damaged[1].1 = b"LAYER".to_vec();
    incomplete.remove(1);
    no_index.pop();
    for (files, reason) in [
        (damaged, "hashes to"),
        (incomplete, "incomplete"),
        (no_index, "no index.json"),
    ] {
        let line = ("POST", "/_admin/seed?reference=docker.io/python:3.12");
        let refused = emulator.send(line, &[("host", "localhost")], pack(&files)).await;
        assert_eq!(refused.status, 400);
        assert!(
            refused.json()["error"].as_str().unwrap().contains(reason),
            "{refused:?}"
        );
    }
}
