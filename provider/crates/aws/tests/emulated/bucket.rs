//! What goes into a bucket is there whole, is found again, and is never there in part.

use std::time::{Duration, Instant};

use crate::emulator::{Emulator, REGION, config, content, upload};
use fastcontainer_aws::{AwsError, StoredObject};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

const MIB: usize = 1024 * 1024;

/// Five parts, the last one shorter.
const IN_PARTS: usize = 70 * MIB;

async fn stored_bytes(emulator: &Emulator, key: &str) -> Vec<u8> {
    let config = aws_sdk_s3::config::Builder::from(&config(emulator.address)).force_path_style(true);
    let s3 = aws_sdk_s3::Client::from_conf(config.build());
    let object = s3.get_object().bucket("b").key(key).send().await.unwrap();
    object.body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn small_and_large_files_arrive_whole_and_are_found_by_size_and_digest() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    for (size, parts) in [(1, 0), (3 * MIB + 1, 0), (IN_PARTS, 5)] {
        let (upload, key) = (upload("a/b.tar.gz", size), "a/b.tar.gz");
        let (sha256, expected) = (upload.sha256, content(&upload));
        assert_eq!(bucket.find("other").await.unwrap(), None);
        let version_id = bucket.upload(upload, &CancellationToken::new()).await.unwrap();
        let found = StoredObject {
            size: size as u64,
            sha256: Some(sha256),
            version_id,
        };
        assert_eq!(bucket.find(key).await.unwrap(), Some(found));
        assert!(stored_bytes(&emulator, key).await == expected, "{size} bytes");
        assert_eq!(emulator.count("s3:UploadPart").await, parts);
        assert_eq!(emulator.left_in_bucket().await, (1, 0));
    }
}

#[tokio::test]
async fn small_object_is_put_found_and_deleted() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    bucket.put_small("plan.json", b"{}".to_vec()).await.unwrap();
    let found = bucket.find("plan.json").await.unwrap().unwrap();
    assert_eq!((found.size, found.sha256), (2, Some(Sha256::digest(b"{}").into())));
    bucket.delete("plan.json").await.unwrap();
    bucket.delete("plan.json").await.unwrap();
    assert_eq!(bucket.find("plan.json").await.unwrap(), None);
}

#[tokio::test]
async fn other_bytes_than_announced_are_refused_and_not_stored() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let mut wrong = upload("key", MIB);
    wrong.sha256[0] ^= 1;
    let error = bucket.upload(wrong, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, AwsError::Refused { .. }), "{error:?}");
    let mut short = upload("key", MIB);
    short.size += 1;
    let error = bucket.upload(short, &CancellationToken::new()).await.unwrap_err();
    assert!(matches!(error, AwsError::FileUnreadable { .. }), "{error:?}");
    assert_eq!(emulator.left_in_bucket().await, (0, 0));
}

#[tokio::test]
async fn trouble_on_the_way_is_got_over_at_every_step() {
    let faults = [
        json!({"kind": "status", "status": 500, "code": "InternalError"}),
        json!({"kind": "status", "status": 503, "code": "SlowDown"}),
        json!({"kind": "drop_before"}),
        json!({"kind": "drop_after"}),
    ];
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    for fault in faults {
        emulator.fault("s3:PutObject", fault.clone()).await;
        let expected = upload("small", 3 * MIB);
        let bytes = content(&expected);
        bucket.upload(expected, &CancellationToken::new()).await.unwrap();
        assert!(stored_bytes(&emulator, "small").await == bytes, "{fault}");
        // A beginning whose answer is lost leaves an upload that nobody knows; S3 has no way to avoid that.
        let begins = (fault["kind"] != "drop_after").then_some("s3:CreateMultipartUpload");
        for operation in ["s3:UploadPart", "s3:CompleteMultipartUpload"]
            .into_iter()
            .chain(begins)
        {
            emulator.fault(operation, fault.clone()).await;
        }
        let expected = upload("large", IN_PARTS);
        let (sha256, bytes) = (expected.sha256, content(&expected));
        bucket.upload(expected, &CancellationToken::new()).await.unwrap();
        assert_eq!(
            bucket.find("large").await.unwrap().unwrap().sha256,
            Some(sha256),
            "{fault}"
        );
        assert!(stored_bytes(&emulator, "large").await == bytes, "{fault}");
        assert_eq!(emulator.left_in_bucket().await, (2, 0), "{fault}");
        let left = emulator.admin("GET", "faults", "").await;
        let hit = |fault: &serde_json::Value| fault["hits"] == 1;
        assert!(left["faults"].as_array().unwrap().iter().all(hit), "{left}");
        bucket.delete("large").await.unwrap();
    }
}

#[tokio::test]
async fn upload_that_fails_leaves_no_parts() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    for operation in ["s3:UploadPart", "s3:CompleteMultipartUpload"] {
        let fault = json!({"kind": "status", "status": 503, "code": "SlowDown", "skip": 0, "count": 100});
        emulator.fault(operation, fault).await;
        let error = bucket.upload(upload("key", IN_PARTS), &CancellationToken::new()).await;
        assert!(
            matches!(error, Err(AwsError::RateLimited { .. })),
            "{operation}: {error:?}"
        );
        assert_eq!(emulator.left_in_bucket().await, (0, 0), "{operation}");
        emulator.admin("DELETE", "faults", "").await;
    }
}

#[tokio::test]
async fn cancelled_upload_ends_within_two_seconds_and_leaves_nothing() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    let operations = [
        "s3:PutObject",
        "s3:CreateMultipartUpload",
        "s3:UploadPart",
        "s3:CompleteMultipartUpload",
    ];
    for operation in operations {
        // The beginning answers while the caller may still wait for it; the others never do.
        let late = if operation == "s3:CreateMultipartUpload" {
            600
        } else {
            60_000
        };
        emulator
            .fault(
                operation,
                json!({"kind": "latency", "milliseconds": late, "count": 100}),
            )
            .await;
        let cancel = CancellationToken::new();
        let size = if operation == "s3:PutObject" { MIB } else { IN_PARTS };
        let before = emulator.count(operation).await;
        let going = {
            let (bucket, cancel) = (bucket.clone(), cancel.clone());
            tokio::spawn(async move { bucket.upload(upload("key", size), &cancel).await })
        };
        while emulator.count(operation).await == before {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        cancel.cancel();
        let error = going.await.unwrap().unwrap_err();
        assert!(error.is_cancelled(), "{operation}: {error:?}");
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{operation}: {:?}",
            began.elapsed()
        );
        assert_eq!(emulator.left_in_bucket().await, (0, 0), "{operation}");
        emulator.admin("DELETE", "faults", "").await;
    }
}

#[tokio::test]
async fn parts_of_a_caller_that_is_gone_are_thrown_away() {
    let emulator = Emulator::start().await;
    let bucket = emulator.bucket().await;
    emulator
        .fault(
            "s3:UploadPart",
            json!({"kind": "latency", "milliseconds": 60_000, "count": 100}),
        )
        .await;
    let going = tokio::spawn(async move { bucket.upload(upload("key", IN_PARTS), &CancellationToken::new()).await });
    while emulator.left_in_bucket().await.1 == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    going.abort();
    let began = Instant::now();
    while emulator.left_in_bucket().await.1 > 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "the parts are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn slow_line_is_not_a_line_that_stands_still() {
    // A server that reads a little now and then and never answers, and one that reads nothing.
    for (pause, least) in [(Some(Duration::from_millis(100)), 4.0), (None, 2.0)] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut block = vec![0; 512 * 1024];
                    let mut reads = 0;
                    while let Some(pause) = pause
                        && reads < 20
                    {
                        tokio::io::AsyncReadExt::read(&mut stream, &mut block).await.unwrap();
                        reads += 1;
                        tokio::time::sleep(pause).await;
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        // A minute is a second here; two tries are made.
        let aws = fastcontainer_aws::Aws::with_config(config(address)).hastened(60);
        let began = Instant::now();
        let (bucket, cancel) = (aws.bucket("b", REGION), CancellationToken::new());
        let uploaded = bucket.upload(upload("key", 40 * MIB), &cancel);
        let error = uploaded.await.unwrap_err();
        assert!(matches!(error, AwsError::TimedOut { .. }), "{error:?}");
        let took = began.elapsed().as_secs_f64();
        assert!(took >= least && took < least + 6.0, "{took} s");
    }
}
