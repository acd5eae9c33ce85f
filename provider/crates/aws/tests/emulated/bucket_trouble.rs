//! Every way in which a bucket cannot be used has its own error, which says what to do.

use crate::emulator::{Emulator, upload};
use fastcontainer_aws::{AwsError, AwsErrorKind, S3Bucket};
use serde_json::json;
use tokio_util::sync::CancellationToken;

const IN_PARTS: usize = 64 * 1024 * 1024;

/// What each use of the bucket ends with.
async fn uses(bucket: &S3Bucket) -> Vec<AwsError> {
    let cancel = CancellationToken::new();
    vec![
        bucket.find("key").await.unwrap_err(),
        bucket.put_small("key", vec![1]).await.unwrap_err(),
        bucket.upload(upload("key", 1000), &cancel).await.unwrap_err(),
        bucket.upload(upload("key", IN_PARTS), &cancel).await.unwrap_err(),
    ]
}

#[tokio::test]
async fn missing_bucket_is_named() {
    let emulator = Emulator::start().await;
    for error in uses(&emulator.aws().bucket("nowhere", "eu-central-1")).await {
        assert!(
            matches!(&error, AwsError::BucketMissing { bucket } if bucket == "nowhere"),
            "{error:?}"
        );
        assert!(error.remedy().unwrap().contains("aws s3 mb s3://nowhere"));
    }
}

#[tokio::test]
async fn bucket_in_another_region_is_named_with_its_region() {
    let emulator = Emulator::start().await;
    emulator.admin("PUT", "bucket?name=far&region=us-west-2", "").await;
    for error in uses(&emulator.aws().bucket("far", "eu-central-1")).await {
        let AwsError::BucketElsewhere { actual, region, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(
            (actual.as_deref(), region.as_str()),
            (Some("us-west-2"), "eu-central-1")
        );
    }
}

#[tokio::test]
async fn missing_right_is_named() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let denied = |error: &AwsError| match error.kind() {
        AwsErrorKind::Denied { action } => action,
        _ => panic!("{error:?}"),
    };
    emulator.admin("POST", "deny?action=s3:PutObject", "").await;
    let cancel = CancellationToken::new();
    for size in [1000, IN_PARTS] {
        let error = bucket.upload(upload("key", size), &cancel).await.unwrap_err();
        assert_eq!(denied(&error), "s3:PutObject");
    }
    emulator.admin("DELETE", "deny", "").await;
    emulator.admin("POST", "deny?action=s3:ListBucket", "").await;
    // Without the right to list, S3 does not tell a missing object from a hidden one.
    assert_eq!(denied(&bucket.find("key").await.unwrap_err()), "s3:ListBucket");
    bucket.put_small("key", vec![1]).await.unwrap();
    assert!(bucket.find("key").await.unwrap().is_some());
    emulator.admin("DELETE", "deny", "").await;
    emulator.admin("POST", "deny?action=s3:GetObject", "").await;
    assert_eq!(denied(&bucket.find("key").await.unwrap_err()), "s3:GetObject");
}

#[tokio::test]
async fn key_that_may_not_be_used_is_told_from_the_bucket() {
    let emulator = Emulator::start().await;
    let key = "arn:aws:kms:eu-central-1:123456789012:key/k";
    emulator.admin("PUT", &format!("bucket?name=b&kms={key}"), "").await;
    emulator.admin("POST", "deny?action=kms:GenerateDataKey", "").await;
    let bucket = emulator.aws().bucket("b", "eu-central-1");
    for size in [1000, IN_PARTS] {
        let error = bucket
            .upload(upload("key", size), &CancellationToken::new())
            .await
            .unwrap_err();
        assert!(
            matches!(
                error,
                AwsError::KeyDenied {
                    action: "kms:GenerateDataKey",
                    ..
                }
            ),
            "{error:?}"
        );
        assert!(error.remedy().unwrap().contains("KMS key"));
    }
    assert_eq!(emulator.left_in_bucket().await, (0, 0));
}

#[tokio::test]
async fn expired_credentials_are_told_from_a_missing_right_also_where_s3_gives_no_reason() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let expired = json!({"kind": "status", "status": 400, "code": "ExpiredToken", "message": "The provided token has expired.", "count": 100});
    for operation in [
        "s3:HeadObject",
        "s3:GetObject",
        "s3:PutObject",
        "s3:CreateMultipartUpload",
    ] {
        emulator.fault(operation, expired.clone()).await;
    }
    for error in uses(&bucket).await {
        assert_eq!(error.kind(), AwsErrorKind::Unauthenticated, "{error:?}");
    }
}
