//! Two platforms: a build for each, at the same time, on its own kind of machine, joined to one index.

use std::process::Command;

use e2e::{CodeBuild, Project, lab};
use serde_json::{Value, json};

/// What the last layer of an image holds in `/app`.
fn content(reference: &str) -> String {
    let image = lab().pull(reference).expect("the image");
    let layer = image.layers.last().expect("a layer");
    let file = Command::new("tar")
        .arg("-xzOf")
        .arg(layer)
        .arg("app")
        .output()
        .expect("tar");
    String::from_utf8_lossy(&file.stdout).into_owned()
}

#[test]
fn each_platform_is_built_on_its_own_machine_at_the_same_time() {
    let codebuild = CodeBuild::create("platforms");
    let more = format!("{}      platforms: [linux/amd64, linux/arm64]\n", codebuild.builder());
    let project = Project::with_image("cb-platforms", &more);
    project.write(
        "app/Dockerfile",
        "FROM scratch\nARG TARGETARCH\nCOPY bin-$TARGETARCH /app\n",
    );
    project.write("app/bin-amd64", "for amd64");
    project.write("app/bin-arm64", "for arm64");
    let dev = project.stack("dev");
    dev.up(&[]).ok().says("on codebuild");

    let mut builds = codebuild.seen();
    builds.sort_by_key(|build| build["environment"]["type"].to_string());
    let machines: Vec<_> = builds.iter().map(|build| &build["environment"]).collect();
    let kinds = machines.iter().map(|machine| (&machine["type"], &machine["image"]));
    let arm = (
        json!("ARM_CONTAINER"),
        json!("aws/codebuild/amazonlinux-aarch64-standard:3.0"),
    );
    let x86 = (
        json!("LINUX_CONTAINER"),
        json!("aws/codebuild/amazonlinux-x86_64-standard:5.0"),
    );
    assert_eq!(kinds.collect::<Vec<_>>(), [(&arm.0, &arm.1), (&x86.0, &x86.1)]);
    assert_eq!(codebuild.most_at_once(), 2);

    let index = lab().manifest(&dev.output("uri")).expect("the index");
    let mut outputs = dev.resource("api").expect("the image")["outputs"].take();
    let digests = outputs["platformDigests"].take();
    let entries = index["manifests"].as_array().expect("an index");
    let listed: Vec<_> = entries
        .iter()
        .map(|entry| (&entry["platform"], &entry["digest"]))
        .collect();
    let platform = |name: &str| json!({"os": "linux", "architecture": name});
    assert_eq!(
        listed,
        [
            (&platform("amd64"), &digests["linux/amd64"]),
            (&platform("arm64"), &digests["linux/arm64"])
        ]
    );
    let repository = project.repository("api");
    for architecture in ["amd64", "arm64"] {
        let digest = digests[&format!("linux/{architecture}")].as_str().expect("a digest");
        assert_eq!(
            content(&format!("{repository}@{digest}")),
            format!("for {architecture}")
        );
    }
    dev.up(&["--expect-no-changes"]).ok();
    assert_eq!(codebuild.seen().len(), 2);
    let left: Vec<Value> = codebuild.at_work().into_iter().map(Value::from).collect();
    assert_eq!(left, Vec::<Value>::new());
}
