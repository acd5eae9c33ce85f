//! Buckets and single objects of S3 through the AWS SDK: what comes back is what was sent, and what is refused.

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, BucketVersioningStatus, ChecksumMode, CreateBucketConfiguration, ServerSideEncryption,
    VersioningConfiguration,
};
use serde_json::json;

use crate::client::Emulator;

async fn put(s3: &Client, key: &str, content: &'static [u8]) {
    let request = s3.put_object().bucket("source").key(key);
    request.body(ByteStream::from_static(content)).send().await.unwrap();
}

async fn get(s3: &Client, key: &str) -> Vec<u8> {
    let answer = s3.get_object().bucket("source").key(key).send().await.unwrap();
    answer.body.collect().await.unwrap().to_vec()
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    error.code().unwrap_or_default().to_owned()
}

fn status<E>(error: &SdkError<E>) -> u16 {
    error.raw_response().unwrap().status().as_u16()
}

#[tokio::test]
async fn an_object_comes_back_with_its_headers_and_metadata() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let key = "dir with space/ü+%&=/a.tar.gz";
    let request = s3
        .put_object()
        .bucket("source")
        .key(key)
        .content_type("application/gzip");
    let request = request.metadata("sha256", "abc").cache_control("no-store");
    let stored = request.body(ByteStream::from_static(b"content")).send().await.unwrap();
    assert_eq!(stored.e_tag(), Some("\"9a0364b9e99bb480dd25e1f0284c8555\""));
    let head = s3
        .head_object()
        .bucket("source")
        .key(key)
        .checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await.unwrap();
    assert_eq!(
        (head.content_length(), head.content_type()),
        (Some(7), Some("application/gzip"))
    );
    assert_eq!((head.cache_control(), head.version_id()), (Some("no-store"), None));
    assert_eq!(head.metadata().unwrap()["sha256"], "abc");
    assert!(head.checksum_crc32().is_some());
    assert_eq!(get(&s3, key).await, b"content");
    let counters = emulator.admin(("GET", "counters"), "").await["operations"].clone();
    assert_eq!(
        (&counters["s3:PutObject"], &counters["s3:HeadObject"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn ranges_are_answered_in_part() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    put(&s3, "a", b"0123456789").await;
    for (range, expected, shown) in [
        ("bytes=2-4", "234", "bytes 2-4/10"),
        ("bytes=-3", "789", "bytes 7-9/10"),
        ("bytes=8-", "89", "bytes 8-9/10"),
    ] {
        let part = s3
            .get_object()
            .bucket("source")
            .key("a")
            .range(range)
            .send()
            .await
            .unwrap();
        assert_eq!(part.content_range(), Some(shown));
        assert_eq!(part.body.collect().await.unwrap().to_vec(), expected.as_bytes());
    }
    let error = s3
        .get_object()
        .bucket("source")
        .key("a")
        .range("bytes=10-")
        .send()
        .await;
    assert_eq!(code(&error.unwrap_err()), "InvalidRange");
}

#[tokio::test]
async fn missing_buckets_and_keys_have_their_own_errors() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3();
    let error = s3.get_object().bucket("nowhere").key("a").send().await.unwrap_err();
    assert_eq!(code(&error), "NoSuchBucket");
    emulator.s3_with_bucket("source").await;
    let error = s3.get_object().bucket("source").key("a").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_no_such_key());
    let error = s3.head_object().bucket("source").key("a").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_not_found());
    emulator.admin(("POST", "deny?action=s3:ListBucket"), "").await;
    let error = s3.get_object().bucket("source").key("a").send().await.unwrap_err();
    assert_eq!((code(&error), status(&error)), ("AccessDenied".to_owned(), 403));
}

#[tokio::test]
async fn denied_actions_are_named() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    put(&s3, "a", b"1").await;
    emulator.admin(("POST", "deny?action=s3:PutObject"), "").await;
    let request = s3.put_object().bucket("source").key("b");
    let error = request.body(ByteStream::from_static(b"2")).send().await.unwrap_err();
    assert_eq!(code(&error), "AccessDenied");
    let message = error.message().unwrap();
    assert!(
        message.contains("s3:PutObject") && message.contains("arn:aws:s3:::source/b"),
        "{message}"
    );
    assert_eq!(get(&s3, "a").await, b"1");
}

#[tokio::test]
async fn a_bucket_elsewhere_says_where() {
    let emulator = Emulator::start().await;
    emulator.admin(("PUT", "bucket?name=source&region=us-west-2"), "").await;
    let error = emulator.s3().head_bucket().bucket("source").send().await.unwrap_err();
    let response = error.raw_response().unwrap();
    assert_eq!(response.status().as_u16(), 301);
    assert_eq!(response.headers().get("x-amz-bucket-region"), Some("us-west-2"));
    let error = emulator
        .s3()
        .get_object()
        .bucket("source")
        .key("a")
        .send()
        .await
        .unwrap_err();
    assert_eq!(code(&error), "PermanentRedirect");
    let error = emulator
        .s3_in("us-east-1")
        .get_object()
        .bucket("source")
        .key("a")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (code(&error).as_str(), status(&error)),
        ("AuthorizationHeaderMalformed", 400)
    );
    assert!(error.message().unwrap().contains("expecting 'us-west-2'"));
    emulator
        .s3_in("us-west-2")
        .head_bucket()
        .bucket("source")
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn buckets_are_made_where_the_request_goes() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3();
    let error = s3.create_bucket().bucket("source").send().await.unwrap_err();
    assert_eq!(code(&error), "IllegalLocationConstraintException");
    let configuration = || {
        let here = BucketLocationConstraint::EuCentral1;
        CreateBucketConfiguration::builder().location_constraint(here).build()
    };
    let create = |name: &str| {
        s3.create_bucket()
            .bucket(name)
            .create_bucket_configuration(configuration())
    };
    create("source").send().await.unwrap();
    assert_eq!(
        code(&create("source").send().await.unwrap_err()),
        "BucketAlreadyOwnedByYou"
    );
    assert_eq!(code(&create("Source").send().await.unwrap_err()), "InvalidBucketName");
    let location = s3.get_bucket_location().bucket("source").send().await.unwrap();
    assert_eq!(
        location.location_constraint(),
        Some(&BucketLocationConstraint::EuCentral1)
    );
    put(&s3, "a", b"1").await;
    let error = s3.delete_bucket().bucket("source").send().await.unwrap_err();
    assert_eq!(code(&error), "BucketNotEmpty");
    s3.delete_object().bucket("source").key("a").send().await.unwrap();
    s3.delete_bucket().bucket("source").send().await.unwrap();
    assert_eq!(emulator.admin(("GET", "leftovers"), "").await["buckets"], json!({}));
    assert_eq!(std::fs::read_dir(emulator.data.path().join("s3")).unwrap().count(), 0);
}

#[tokio::test]
async fn an_existing_key_is_not_overwritten_where_that_is_forbidden() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let request = || s3.put_object().bucket("source").key("a").if_none_match("*");
    request().body(ByteStream::from_static(b"1")).send().await.unwrap();
    let error = request().body(ByteStream::from_static(b"2")).send().await.unwrap_err();
    assert_eq!((code(&error).as_str(), status(&error)), ("PreconditionFailed", 412));
    assert_eq!(get(&s3, "a").await, b"1");
}

#[tokio::test]
async fn keys_are_listed_in_pages_and_by_directory() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    for key in ["b/1", "b/2", "a", "c/x/y", "c/z", "d"] {
        put(&s3, key, b"1").await;
    }
    let mut pages = s3
        .list_objects_v2()
        .bucket("source")
        .max_keys(4)
        .into_paginator()
        .send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(
            page.unwrap()
                .contents()
                .iter()
                .map(|object| object.key().unwrap().to_owned()),
        );
    }
    assert_eq!(keys, ["a", "b/1", "b/2", "c/x/y", "c/z", "d"]);
    let mut pages = s3
        .list_objects_v2()
        .bucket("source")
        .delimiter("/")
        .max_keys(2)
        .into_paginator()
        .send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        lines.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        lines.extend(
            page.common_prefixes()
                .iter()
                .map(|prefix| prefix.prefix().unwrap().to_owned()),
        );
    }
    // Within a page, keys come before prefixes.
    assert_eq!(lines, ["a", "b/", "d", "c/"]);
}

#[tokio::test]
async fn versions_stay_readable_until_they_are_deleted() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let enabled = VersioningConfiguration::builder()
        .status(BucketVersioningStatus::Enabled)
        .build();
    let request = s3
        .put_bucket_versioning()
        .bucket("source")
        .versioning_configuration(enabled);
    request.send().await.unwrap();
    let mut versions = Vec::new();
    for content in [b"1", b"2"] {
        let request = s3
            .put_object()
            .bucket("source")
            .key("a")
            .body(ByteStream::from_static(content));
        versions.push(request.send().await.unwrap().version_id.unwrap());
    }
    let first = s3
        .get_object()
        .bucket("source")
        .key("a")
        .version_id(&versions[0])
        .send()
        .await
        .unwrap();
    assert_eq!(first.body.collect().await.unwrap().to_vec(), b"1");
    let deleted = s3.delete_object().bucket("source").key("a").send().await.unwrap();
    assert_eq!(deleted.delete_marker(), Some(true));
    let error = s3.get_object().bucket("source").key("a").send().await.unwrap_err();
    assert!(error.as_service_error().unwrap().is_no_such_key());
    let marker = deleted.version_id().unwrap();
    s3.delete_object()
        .bucket("source")
        .key("a")
        .version_id(marker)
        .send()
        .await
        .unwrap();
    assert_eq!(get(&s3, "a").await, b"2");
}

#[tokio::test]
async fn kms_denials_are_told_apart_from_those_of_s3() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let request = s3
        .put_object()
        .bucket("source")
        .key("a")
        .body(ByteStream::from_static(b"1"));
    let stored = request
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .send()
        .await
        .unwrap();
    assert_eq!(stored.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert!(
        stored
            .ssekms_key_id()
            .unwrap()
            .starts_with("arn:aws:kms:eu-central-1:123456789012:")
    );
    emulator.admin(("POST", "deny?action=kms:Decrypt"), "").await;
    let error = s3.get_object().bucket("source").key("a").send().await.unwrap_err();
    assert!(error.message().unwrap().contains("kms:Decrypt"));
    let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
    emulator
        .admin(("PUT", &format!("bucket?name=sealed&kms={key}")), "")
        .await;
    emulator.admin(("POST", "deny?action=kms:GenerateDataKey"), "").await;
    let request = s3
        .put_object()
        .bucket("sealed")
        .key("a")
        .body(ByteStream::from_static(b"1"));
    let error = request.send().await.unwrap_err();
    let message = error.message().unwrap();
    assert!(
        message.contains("kms:GenerateDataKey") && message.contains(key),
        "{message}"
    );
}

#[tokio::test]
async fn what_is_not_emulated_is_refused() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    put(&s3, "a", b"1").await;
    let copy = s3
        .copy_object()
        .bucket("source")
        .key("b")
        .copy_source("source/a")
        .send()
        .await;
    assert_eq!(code(&copy.unwrap_err()), "NotImplemented");
    let acl = s3.get_bucket_acl().bucket("source").send().await;
    assert_eq!(code(&acl.unwrap_err()), "NotImplemented");
    let tagged = s3.put_object().bucket("source").key("b").tagging("a=b").send().await;
    assert_eq!(code(&tagged.unwrap_err()), "NotImplemented");
    let anonymous = emulator.send(("GET", "/source/a"), &[("host", "localhost")], "").await;
    assert_eq!(anonymous.status, 403);
}

#[tokio::test]
async fn a_cut_answer_is_an_error_at_the_client_and_a_slow_one_is_not() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    put(&s3, "a", &[7; 100_000]).await;
    let partial = json!({"match": {"operation": "s3:GetObject"}, "kind": "partial", "bytes": 60_000});
    emulator.admin(("POST", "faults"), partial.to_string()).await;
    let answer = s3.get_object().bucket("source").key("a").send().await.unwrap();
    assert_eq!(answer.content_length(), Some(100_000));
    assert!(answer.body.collect().await.is_err());
    let slow = json!({"match": {"operation": "s3:GetObject"}, "kind": "slow", "bytes_per_second": 200_000});
    emulator.admin(("POST", "faults"), slow.to_string()).await;
    let begun = std::time::Instant::now();
    assert_eq!(get(&s3, "a").await, [7; 100_000]);
    assert!(begun.elapsed().as_millis() > 400, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_throttled_request_carries_the_words_of_s3_and_is_retried() {
    let emulator = Emulator::start().await;
    let s3 = emulator.s3_with_bucket("source").await;
    let fault = json!({
        "match": {"operation": "s3:PutObject"}, "count": 2,
        "kind": "status", "status": 503, "code": "SlowDown", "message": "Please reduce your request rate.",
    });
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    put(&s3, "a", b"1").await;
    let fault =
        json!({"match": {"operation": "s3:PutObject"}, "kind": "status", "status": 403, "code": "ExpiredToken"});
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    let request = s3
        .put_object()
        .bucket("source")
        .key("b")
        .body(ByteStream::from_static(b"1"));
    assert_eq!(code(&request.send().await.unwrap_err()), "ExpiredToken");
}
