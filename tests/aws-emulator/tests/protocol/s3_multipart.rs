//! Uploads in parts through the AWS SDK.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::client::Emulator;

const MIB: usize = 1024 * 1024;

async fn begin(s3: &Client, algorithm: Option<ChecksumAlgorithm>) -> String {
    let request = s3
        .create_multipart_upload()
        .bucket("source")
        .key("big")
        .metadata("sha256", "x");
    let made = request.set_checksum_algorithm(algorithm).send().await.unwrap();
    made.upload_id.unwrap()
}

async fn part(s3: &Client, upload: &str, (number, content): (i32, Vec<u8>)) -> CompletedPart {
    let request = s3
        .upload_part()
        .bucket("source")
        .key("big")
        .upload_id(upload)
        .part_number(number);
    let request = request.checksum_algorithm(ChecksumAlgorithm::Sha256);
    let sent = request.body(ByteStream::from(content)).send().await.unwrap();
    CompletedPart::builder()
        .part_number(number)
        .set_e_tag(sent.e_tag)
        .set_checksum_sha256(sent.checksum_sha256)
        .build()
}

async fn complete(s3: &Client, upload: &str, parts: Vec<CompletedPart>) -> Result<Option<String>, String> {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = s3
        .complete_multipart_upload()
        .bucket("source")
        .key("big")
        .upload_id(upload);
    let answer = request.multipart_upload(parts).send().await;
    answer.map(|done| done.checksum_sha256).map_err(|error| code(&error))
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    error.code().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn parts_become_one_object_with_a_composite_checksum() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let upload = begin(&s3, Some(ChecksumAlgorithm::Sha256)).await;
    let (first, second) = (vec![1u8; 5 * MIB], vec![2u8; 3]);
    let parts = [
        part(&s3, &upload, (1, first.clone())).await,
        part(&s3, &upload, (2, second.clone())).await,
    ];
    let listed = s3
        .list_parts()
        .bucket("source")
        .key("big")
        .upload_id(&upload)
        .max_parts(1);
    let mut pages = listed.into_paginator().send();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.extend(page.unwrap().parts().iter().map(|part| part.size().unwrap()));
    }
    assert_eq!(sizes, [5 * MIB as i64, 3]);
    let checksum = complete(&s3, &upload, parts.to_vec()).await.unwrap();
    let joined = [Sha256::digest(&first), Sha256::digest(&second)].concat();
    let composite = format!("{}-2", STANDARD.encode(Sha256::digest(joined)));
    assert_eq!(checksum, Some(composite.clone()));
    let head = s3
        .head_object()
        .bucket("source")
        .key("big")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert!(head.e_tag().unwrap().ends_with("-2\""));
    assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
    assert_eq!(
        (head.checksum_sha256(), head.metadata().unwrap()["sha256"].as_str()),
        (Some(composite.as_str()), "x")
    );
    let across = s3
        .get_object()
        .bucket("source")
        .key("big")
        .range("bytes=5242878-5242881")
        .send()
        .await
        .unwrap();
    assert_eq!(across.body.collect().await.unwrap().to_vec(), [1, 1, 2, 2]);
    let whole = s3.get_object().bucket("source").key("big").send().await.unwrap();
    assert_eq!(whole.body.collect().await.unwrap().to_vec(), [first, second].concat());
}

#[tokio::test]
async fn completing_checks_order_tags_sizes_and_checksums() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let upload = begin(&s3, Some(ChecksumAlgorithm::Sha256)).await;
    let one = part(&s3, &upload, (1, vec![1; 100])).await;
    let two = part(&s3, &upload, (2, vec![2; 100])).await;
    let changed = |tag: &str| CompletedPart::builder().part_number(1).e_tag(tag).build();
    let unsummed = CompletedPart::builder()
        .part_number(1)
        .set_e_tag(one.e_tag.clone())
        .build();
    for (parts, expected) in [
        (vec![two.clone(), one.clone()], "InvalidPartOrder"),
        (vec![one.clone(), two.clone()], "EntityTooSmall"),
        (vec![changed("\"00\"")], "InvalidPart"),
        (vec![unsummed], "InvalidRequest"),
        (vec![], "MalformedXML"),
    ] {
        assert_eq!(complete(&s3, &upload, parts).await, Err(expected.to_owned()));
    }
    complete(&s3, &upload, vec![one.clone()]).await.unwrap();
    assert_eq!(complete(&s3, &upload, vec![one]).await, Err("NoSuchUpload".to_owned()));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let upload = begin(&s3, Some(ChecksumAlgorithm::Sha256)).await;
    part(&s3, &upload, (1, vec![1; 100])).await;
    let open = emulator.admin(("GET", "leftovers"), "").await;
    assert_eq!(open["buckets"]["source"]["uploads"][0]["parts"], serde_json::json!([1]));
    let listed = s3.list_multipart_uploads().bucket("source").send().await.unwrap();
    assert_eq!(listed.uploads()[0].upload_id(), Some(upload.as_str()));
    let abort = || {
        s3.abort_multipart_upload()
            .bucket("source")
            .key("big")
            .upload_id(&upload)
    };
    abort().send().await.unwrap();
    assert!(
        abort()
            .send()
            .await
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_no_such_upload()
    );
    let open = emulator.admin(("GET", "leftovers"), "").await;
    assert_eq!(open["buckets"]["source"]["uploads"], serde_json::json!([]));
    assert_eq!(std::fs::read_dir(emulator.data.path().join("s3")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_part_with_another_checksum_than_agreed_is_refused() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let upload = begin(&s3, Some(ChecksumAlgorithm::Sha256)).await;
    let request = s3
        .upload_part()
        .bucket("source")
        .key("big")
        .upload_id(&upload)
        .part_number(1);
    let request = request.checksum_algorithm(ChecksumAlgorithm::Crc32);
    let error = request.body(ByteStream::from_static(b"1")).send().await.unwrap_err();
    assert_eq!(code(&error), "InvalidRequest");
    assert!(
        error
            .message()
            .unwrap()
            .contains("expected checksum Type: sha256, actual checksum Type: crc32")
    );
    for number in [0, 10_001] {
        let request = s3
            .upload_part()
            .bucket("source")
            .key("big")
            .upload_id(&upload)
            .part_number(number);
        let error = request.body(ByteStream::from_static(b"1")).send().await.unwrap_err();
        assert_eq!(code(&error), "InvalidArgument");
    }
}

#[tokio::test]
async fn the_checksum_over_all_bytes_follows_from_the_parts() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let request = s3.create_multipart_upload().bucket("source").key("big");
    let request = request.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
    let upload = request
        .checksum_type(ChecksumType::FullObject)
        .send()
        .await
        .unwrap()
        .upload_id
        .unwrap();
    let mut parts = Vec::new();
    for (number, content) in [(1, vec![7u8; 5 * MIB]), (2, vec![7u8; 10])] {
        let request = s3
            .upload_part()
            .bucket("source")
            .key("big")
            .upload_id(&upload)
            .part_number(number);
        let request = request.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
        let sent = request.body(ByteStream::from(content)).send().await.unwrap();
        parts.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(sent.e_tag)
                .build(),
        );
    }
    complete(&s3, &upload, parts).await.unwrap();
    let whole = s3
        .put_object()
        .bucket("source")
        .key("whole")
        .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
    let whole = whole
        .body(ByteStream::from(vec![7u8; 5 * MIB + 10]))
        .send()
        .await
        .unwrap();
    let head = s3
        .head_object()
        .bucket("source")
        .key("big")
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(head.checksum_crc64_nvme(), whole.checksum_crc64_nvme());
    assert_eq!(head.checksum_type(), Some(&ChecksumType::FullObject));
}
