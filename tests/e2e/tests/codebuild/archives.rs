//! The archive in the bucket: made once for one content, and never believed.

use std::fs;

use e2e::{CodeBuild, Project, aws};

const KEY: &str = "archive.tar.gz";

/// The only archive in the bucket.
fn archive(codebuild: &CodeBuild) -> String {
    let listed = aws(&["s3api", "list-objects-v2", "--bucket", &codebuild.bucket]);
    let keys = listed["Contents"].as_array().into_iter().flatten();
    let keys: Vec<_> = keys.filter_map(|object| object["Key"].as_str()).collect();
    let archives: Vec<_> = keys.iter().filter(|key| key.ends_with(".tar.gz")).collect();
    assert_eq!(archives.len(), 1, "{keys:?}");
    (*archives[0]).to_owned()
}

/// An image of equal content in a repository of its own.
fn another(codebuild: &CodeBuild) -> Project {
    Project::with_image("cb-archive", &codebuild.builder())
}

#[test]
fn equal_content_travels_once_and_is_checked_each_time() {
    let codebuild = CodeBuild::create("archives");
    let (here, there) = (another(&codebuild), another(&codebuild));
    let first = here.stack("dev");
    first.up(&[]).ok();
    assert!(first.outputs()["build"]["contextBytesSent"].as_f64() > Some(100.0));
    let second = there.stack("dev");
    second.up(&[]).ok();
    assert_eq!(second.outputs()["build"]["contextBytesSent"], 0.0);

    let key = archive(&codebuild);
    let bucket = codebuild.bucket.as_str();
    let place = another(&codebuild);
    let file = place.at(KEY).display().to_string();
    let about = aws(&["s3api", "get-object", "--bucket", bucket, "--key", &key, &file]);
    let sha256 = format!("sha256={}", about["Metadata"]["sha256"].as_str().expect("a digest"));
    let put = [
        "s3api",
        "put-object",
        "--bucket",
        bucket,
        "--key",
        &key,
        "--body",
        &file,
    ];

    // Other bytes that claim to be the same are found out in the build.
    let mut bytes = fs::read(&file).expect("the archive");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).expect("the archive");
    aws(&[put.as_slice(), &["--metadata", &sha256]].concat());
    let third = place.stack("dev");
    third
        .up(&[])
        .fails()
        .says("are not those that were uploaded")
        .says(&format!("remove s3://{bucket}/{key}"));

    // Bytes that do not claim it are replaced.
    aws(&put);
    third.up(&[]).ok();
    assert!(third.outputs()["build"]["contextBytesSent"].as_f64() > Some(100.0));
}
