//! Questions about images at the wire: how they are collected into calls, and what each answer means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::scripted::{Scripted, Seen, host, refuse, respond};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use axum::response::Response;
use fastcontainer_aws::{ApiCall, AwsError, AwsErrorKind, Ecr, EcrHost, EcrManifest, ImageId};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

fn manifest_of(tag: &str) -> String {
    format!(r#"{{"tag":"{tag}"}}"#)
}

fn digest_of(text: &str) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(text)))
}

fn tag(tag: &str) -> ImageId {
    ImageId::Tag(tag.to_owned())
}

/// A repository that holds every tag but those that begin with `no`. Strict: what ECR would refuse fails the test.
fn repository(seen: &Seen, _number: usize) -> Option<Response> {
    assert_eq!(seen.call, "BatchGetImage");
    let ids = seen.input["imageIds"].as_array().unwrap();
    assert!((1..=100).contains(&ids.len()), "{} ids", ids.len());
    let (mut images, mut failures) = (Vec::new(), Vec::new());
    for (position, id) in ids.iter().enumerate() {
        assert!(!ids[..position].contains(id), "{id} is asked for twice");
        let tag = id["imageTag"].as_str().unwrap();
        if tag.starts_with("no") {
            failures.push(
                json!({"imageId": id, "failureCode": "ImageNotFound", "failureReason": "Requested image not found"}),
            );
        } else {
            let manifest = manifest_of(tag);
            let id = json!({"imageTag": tag, "imageDigest": digest_of(&manifest)});
            images.push(json!({"imageId": id, "imageManifest": manifest, "imageManifestMediaType": TYPE}));
        }
    }
    respond(200, &json!({"images": images, "failures": failures}))
}

async fn ask(server: &Scripted) -> Result<Option<EcrManifest>, AwsError> {
    Ecr::with_config(server.config())
        .look_up(&host(), "team/app", tag("v1"))
        .await
}

#[tokio::test]
async fn image_is_found_with_digest_type_and_bytes() {
    let server = Scripted::serve(repository).await;
    let found = ask(&server).await.unwrap().unwrap();
    let manifest = manifest_of("v1");
    assert_eq!(found.digest, digest_of(&manifest));
    assert_eq!(
        (found.media_type.as_str(), found.bytes.as_ref()),
        (TYPE, manifest.as_bytes())
    );
    let seen = &server.seen()[0];
    assert_eq!(
        (seen.input["registryId"].as_str(), seen.input["repositoryName"].as_str()),
        (Some("123456789012"), Some("team/app"))
    );
    let accepted = seen.input["acceptedMediaTypes"].to_string();
    assert!(accepted.contains(TYPE) && accepted.contains("image.index.v1") && accepted.contains("manifest.list.v2"));
    assert!(
        seen.authorization.contains("/eu-west-1/ecr/aws4_request"),
        "{}",
        seen.authorization
    );
}

#[tokio::test]
async fn questions_at_the_same_time_share_calls_of_up_to_a_hundred() {
    let server = Scripted::serve(repository).await;
    let ecr = Ecr::with_config(server.config());
    let names: Vec<String> = (0..120)
        .map(|number| {
            if number % 10 == 0 {
                format!("no{number}")
            } else {
                format!("v{number}")
            }
        })
        .collect();
    let host = host();
    let twice = names.iter().chain(&names);
    let answers = join_all(twice.clone().map(|name| ecr.look_up(&host, "team/app", tag(name)))).await;
    for (name, answer) in twice.zip(answers) {
        let expected = (!name.starts_with("no")).then(|| manifest_of(name));
        let bytes = answer
            .unwrap()
            .map(|found| String::from_utf8(found.bytes.to_vec()).unwrap());
        assert_eq!(bytes, expected);
    }
    let mut sizes: Vec<_> = server
        .seen()
        .iter()
        .map(|seen| seen.input["imageIds"].as_array().unwrap().len())
        .collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [20, 100]);
}

#[tokio::test]
async fn other_repositories_and_accounts_are_asked_separately() {
    let server = Scripted::serve(repository).await;
    let ecr = Ecr::with_config(server.config());
    let other = EcrHost::parse("210987654321.dkr.ecr.eu-west-1.amazonaws.com").unwrap();
    let here = host();
    let places = [(&here, "a"), (&here, "b"), (&other, "a")];
    let answers = join_all(places.map(|(host, repository)| ecr.look_up(host, repository, tag("v1")))).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().is_some()));
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn caller_that_gives_up_does_not_disturb_the_others() {
    let server = Scripted::serve(repository).await;
    let ecr = Arc::new(Ecr::with_config(server.config()));
    let asking = |name: &'static str| {
        let ecr = ecr.clone();
        tokio::spawn(async move { ecr.look_up(&host(), "team/app", tag(name)).await })
    };
    let first = asking("gone");
    let second = asking("v2");
    tokio::task::yield_now().await;
    first.abort();
    assert!(second.await.unwrap().unwrap().is_some());
    let asked: Vec<Value> = server
        .seen()
        .iter()
        .map(|seen| seen.input["imageIds"].clone())
        .collect();
    assert_eq!(asked, [json!([{"imageTag": "v2"}])]);
}

#[tokio::test]
async fn hanging_call_is_given_up_and_can_be_cancelled() {
    let server = Scripted::serve(|_, _| None).await;
    let ecr = Ecr::with_config(server.config());
    let host = host();
    let start = Instant::now();
    tokio::select! {
        _ = ecr.look_up(&host, "team/app", tag("v1")) => unreachable!(),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(ask(&server).await.unwrap_err().kind(), AwsErrorKind::TimedOut);
}

#[tokio::test]
async fn missing_image_is_none_and_missing_repository_names_where_it_was_looked_for() {
    let server = Scripted::serve(repository).await;
    let ecr = Ecr::with_config(server.config());
    assert_eq!(ecr.look_up(&host(), "team/app", tag("no")).await.unwrap(), None);
    let server = Scripted::serve(|_, _| {
        refuse(
            400,
            "RepositoryNotFoundException",
            "The repository with name 'team/app' does not exist",
        )
    })
    .await;
    let error = ask(&server).await.unwrap_err();
    assert!(error.is_repository_missing());
    for part in ["team/app", "123456789012", "eu-west-1"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn every_refusal_has_its_kind() {
    let denied = AwsErrorKind::Denied {
        action: "ecr:BatchGetImage",
    };
    let rows = [
        (400, "AccessDeniedException", denied, 1),
        (403, "AccessDenied", denied, 1),
        (400, "ExpiredTokenException", AwsErrorKind::Unauthenticated, 1),
        (400, "UnrecognizedClientException", AwsErrorKind::Unauthenticated, 1),
        (400, "InvalidSignatureException", AwsErrorKind::Unauthenticated, 1),
        (400, "InvalidParameterException", AwsErrorKind::Invalid, 1),
        (400, "ThrottlingException", AwsErrorKind::RateLimited, 4),
        (500, "ServerException", AwsErrorKind::Unavailable, 4),
        (503, "", AwsErrorKind::Unavailable, 4),
    ];
    for (status, code, kind, tries) in rows {
        let server =
            Scripted::serve(move |_, _| refuse(status, code, "User: arn:aws:iam::1:user/me is not\u{1b} allowed"))
                .await;
        let error = ask(&server).await.unwrap_err();
        assert_eq!((error.kind(), server.seen().len()), (kind, tries), "{code}: {error}");
        assert!(
            error.to_string().contains("user/me") && !error.to_string().contains('\u{1b}'),
            "{error}"
        );
    }
}

#[tokio::test]
async fn transient_failure_is_tried_again() {
    let server = Scripted::serve(|seen, number| match number {
        0 => refuse(400, "ThrottlingException", "Rate exceeded"),
        1 => refuse(500, "ServerException", ""),
        _ => repository(seen, number),
    })
    .await;
    assert!(ask(&server).await.unwrap().is_some());
}

#[tokio::test]
async fn image_that_cannot_be_read_is_not_missing() {
    let id = json!({"imageTag": "v1"});
    let failure = json!({"imageId": id, "failureCode": "ImageInaccessible", "failureReason": "archived"});
    let server = Scripted::serve(move |_, _| respond(200, &json!({"images": [], "failures": [failure]}))).await;
    let error = ask(&server).await.unwrap_err();
    assert_eq!(error.kind(), AwsErrorKind::Invalid);
    assert!(error.to_string().contains("ImageInaccessible"), "{error}");
}

#[tokio::test]
async fn answer_that_says_nothing_or_something_wrong_is_an_error() {
    let digest = digest_of("other");
    let image = |id: Value| json!([{"imageId": id, "imageManifest": "{}", "imageManifestMediaType": TYPE}]);
    let answers = [
        json!([]),
        image(json!({"imageTag": "v2", "imageDigest": digest_of("{}")})),
        image(json!({"imageTag": "v1", "imageDigest": digest})),
        image(json!({"imageTag": "v1"})),
    ];
    for images in answers {
        let body = json!({"images": images, "failures": []});
        let server = Scripted::serve(move |_, _| respond(200, &body)).await;
        assert!(
            matches!(ask(&server).await, Err(AwsError::Malformed { .. })),
            "{images}"
        );
    }
}

#[tokio::test]
async fn endpoint_that_is_not_there_is_unavailable() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let server = Scripted::serve(repository).await;
    let config = server
        .config()
        .into_builder()
        .endpoint_url(format!("http://{free}"))
        .build();
    let error = Ecr::with_config(config)
        .look_up(&host(), "team/app", tag("v1"))
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            AwsError::Unreachable {
                call: ApiCall::BatchGetImage,
                ..
            }
        ),
        "{error}"
    );
}

/// A chain of credentials in which nobody knows any.
#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded(
            "no providers in chain provided credentials",
        )))
    }
}

#[tokio::test]
async fn missing_credentials_are_their_own_error_and_nothing_is_sent() {
    let server = Scripted::serve(repository).await;
    let config = server.config_with(SharedCredentialsProvider::new(Nobody));
    let error = Ecr::with_config(config)
        .look_up(&host(), "team/app", tag("v1"))
        .await
        .unwrap_err();
    assert!(matches!(error, AwsError::CredentialsMissing { .. }), "{error:?}");
    assert!(error.is_unauthenticated() && server.seen().is_empty());
}
