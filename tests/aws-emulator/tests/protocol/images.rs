//! ECR's operations on images, asked by the AWS SDK.

use aws_sdk_ecr::error::ProvideErrorMetadata;
use aws_sdk_ecr::types::{DescribeImagesFilter, ImageFailureCode, ImageIdentifier, TagStatus};

use crate::client::{Emulator, OCI_INDEX, OCI_MANIFEST, Repository, descriptor, digest, ecr_repository};

fn tagged(tag: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_tag(tag).build()
}

fn by_digest(digest: &str) -> ImageIdentifier {
    ImageIdentifier::builder().image_digest(digest).build()
}

async fn push_index(emulator: &Emulator, to: &Repository<'_>, tag: &str) -> (String, String) {
    let image = emulator.prepare_image(to, b"layer of the index").await;
    let child = to
        .put_manifest(emulator, (&digest(image.as_bytes()), OCI_MANIFEST), &image)
        .await;
    assert_eq!(child.status, 201, "{child:?}");
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [descriptor(OCI_MANIFEST, image.as_bytes())]
    });
    let answer = to.put_manifest(emulator, (tag, OCI_INDEX), &index.to_string()).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    (
        answer.header("docker-content-digest").to_owned(),
        child.header("docker-content-digest").to_owned(),
    )
}

#[tokio::test]
async fn each_tag_that_is_asked_for_is_answered_with_itself() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let digest = emulator.push_image(&app, "v1", b"layer").await;
    assert_eq!(emulator.push_image(&app, "v2", b"layer").await, digest);
    let ids = ["v1", "v2", "v3"].map(tagged);
    let answer = emulator
        .ecr()
        .batch_get_image()
        .repository_name("app")
        .set_image_ids(Some(ids.into()))
        .send()
        .await
        .unwrap();
    let tags: Vec<_> = answer
        .images()
        .iter()
        .map(|image| image.image_id().unwrap().image_tag().unwrap())
        .collect();
    assert_eq!(tags, ["v1", "v2"]);
    assert_eq!(
        answer.images()[0].image_id().unwrap().image_digest(),
        Some(digest.as_str())
    );
    assert_eq!(
        crate::client::digest(answer.images()[0].image_manifest().unwrap().as_bytes()),
        digest
    );
    assert_eq!(
        answer.failures()[0].failure_code(),
        Some(&ImageFailureCode::ImageNotFound)
    );
    assert_eq!(answer.failures()[0].image_id().unwrap().image_tag(), Some("v3"));
}

#[tokio::test]
async fn an_index_is_found_only_when_its_media_type_is_accepted() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    push_index(&emulator, &app, "multi").await;
    let ask = || {
        emulator
            .ecr()
            .batch_get_image()
            .repository_name("app")
            .image_ids(tagged("multi"))
    };
    let hidden = ask().send().await.unwrap();
    assert_eq!(
        hidden.failures()[0].failure_code(),
        Some(&ImageFailureCode::ImageNotFound)
    );
    let shown = ask().accepted_media_types(OCI_INDEX).send().await.unwrap();
    assert_eq!(shown.images()[0].image_manifest_media_type(), Some(OCI_INDEX));
}

#[tokio::test]
async fn describing_a_missing_image_is_an_error() {
    let emulator = Emulator::start().await;
    ecr_repository(&emulator, "app").await;
    let error = emulator
        .ecr()
        .describe_images()
        .repository_name("app")
        .image_ids(tagged("v1"))
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ImageNotFoundException"));
    assert_eq!(
        error.message(),
        Some(
            "The image with imageId {imageDigest:'null', imageTag:'v1'} does not exist within the repository with name 'app' in the registry with id '123456789012'"
        )
    );
}

#[tokio::test]
async fn described_size_is_that_of_the_layers_and_of_the_largest_image_of_an_index() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    emulator.push_image(&app, "v1", &[7; 5000]).await;
    push_index(&emulator, &app, "multi").await;
    for (tag, size) in [("v1", 5000), ("multi", b"layer of the index".len() as i64)] {
        let request = emulator
            .ecr()
            .describe_images()
            .repository_name("app")
            .image_ids(tagged(tag));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.image_details()[0].image_size_in_bytes(), Some(size), "{tag}");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    for tag in ["a", "b", "c", "d", "e"] {
        emulator.push_image(&app, tag, tag.as_bytes()).await;
    }
    let ecr = emulator.ecr();
    let mut pages = ecr
        .describe_images()
        .repository_name("app")
        .into_paginator()
        .page_size(2)
        .send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.unwrap().image_details().len());
    }
    assert_eq!(sizes, [2, 2, 1]);
    let foreign = ecr
        .list_images()
        .repository_name("app")
        .max_results(2)
        .send()
        .await
        .unwrap();
    let token = foreign.next_token().unwrap();
    let error = ecr
        .describe_images()
        .repository_name("app")
        .next_token(token)
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("InvalidParameterException"));
}

#[tokio::test]
async fn deleting_a_tag_keeps_the_image_until_its_last_tag() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let digest = emulator.push_image(&app, "v1", b"layer").await;
    emulator.push_image(&app, "v2", b"layer").await;
    let ecr = emulator.ecr();
    let exists = async || {
        let answer = ecr
            .batch_get_image()
            .repository_name("app")
            .image_ids(by_digest(&digest))
            .send()
            .await
            .unwrap();
        !answer.images().is_empty()
    };
    let delete = |tag| {
        ecr.batch_delete_image()
            .repository_name("app")
            .image_ids(tagged(tag))
            .send()
    };
    delete("v1").await.unwrap();
    assert!(exists().await);
    let listed = ecr.list_images().repository_name("app").send().await.unwrap();
    assert_eq!(
        listed
            .image_ids()
            .iter()
            .map(|id| id.image_tag().unwrap())
            .collect::<Vec<_>>(),
        ["v2"]
    );
    delete("v2").await.unwrap();
    assert!(!exists().await);
    let again = delete("v2").await.unwrap();
    assert_eq!(
        again.failures()[0].failure_code(),
        Some(&ImageFailureCode::ImageNotFound)
    );
}

#[tokio::test]
async fn an_image_that_an_index_lists_cannot_be_deleted() {
    let emulator = Emulator::start().await;
    let app = ecr_repository(&emulator, "app").await;
    let (index, child) = push_index(&emulator, &app, "multi").await;
    let ecr = emulator.ecr();
    let delete = |digest: &str| {
        ecr.batch_delete_image()
            .repository_name("app")
            .image_ids(by_digest(digest))
            .send()
    };
    let refused = delete(&child).await.unwrap();
    assert_eq!(
        refused.failures()[0].failure_code(),
        Some(&ImageFailureCode::ImageReferencedByManifestList)
    );
    let untagged = DescribeImagesFilter::builder().tag_status(TagStatus::Untagged).build();
    let described = ecr
        .describe_images()
        .repository_name("app")
        .filter(untagged)
        .send()
        .await
        .unwrap();
    assert_eq!(described.image_details()[0].image_digest(), Some(child.as_str()));
    assert!(delete(&index).await.unwrap().failures().is_empty());
    assert!(delete(&child).await.unwrap().failures().is_empty());
}
