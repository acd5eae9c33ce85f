//! Images for several platforms: one index, verified image by image with a registry client that is not ours.
//!
//! Nothing here needs emulation: steps either run no program or run it on the builder's own platform.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::collections::BTreeMap;
use std::process::Command;

use e2e::{Project, Stack, admin, lab};
use fastcontainer_lab::Endpoint;
use serde_json::{Value, json};

const BOTH: &str = "      platforms: [linux/arm64, linux/amd64]\n";
const OWN_FILE: &str = "FROM scratch\nARG TARGETARCH\nCOPY shared /shared\nCOPY bin-$TARGETARCH /app\n";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// Whether images for several platforms can be built here; Docker's classic store cannot hold them.
fn is_possible() -> bool {
    lab().endpoint() != Some(Endpoint::DockerClassic)
}

/// A project whose image takes another file on each platform.
fn project(fact: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, BOTH);
    project.write("app/Dockerfile", OWN_FILE);
    project.write("app/shared", "shared");
    project.write("app/bin-amd64", "for amd64");
    project.write("app/bin-arm64", "for arm64");
    let stack = project.stack("dev");
    (project, stack)
}

/// Digest of each platform in the outputs.
fn digests(stack: &Stack) -> BTreeMap<String, String> {
    let outputs = stack.resource("api").expect("the image")["outputs"].take();
    serde_json::from_value(outputs["platformDigests"].clone()).expect("platformDigests")
}

/// The platform that an image's configuration names, and what its last layer holds in `/app`.
fn content(reference: &str) -> (String, String) {
    let image = lab().pull(reference).expect("the image");
    let text = |name: &str| image.config[name].as_str().expect("a platform").to_owned();
    let layer = image.layers.last().expect("a layer");
    let file = Command::new("tar")
        .arg("-xzOf")
        .arg(layer)
        .arg("app")
        .output()
        .expect("tar");
    assert!(file.status.success(), "{}", String::from_utf8_lossy(&file.stderr));
    let platform = format!("{}/{}", text("os"), text("architecture"));
    (platform, String::from_utf8_lossy(&file.stdout).into_owned())
}

fn repository(project: &Project) -> Value {
    admin("GET", &format!("repository?repository={}", project.repository("api")))
}

#[test]
fn an_index_holds_one_plain_image_for_each_platform() {
    let (project, dev) = project("index");
    if !is_possible() {
        let run = dev.up(&[]).fails();
        run.says("does not support images for several platforms")
            .says("containerd-snapshotter");
        assert_eq!(repository(&project)["images"], json!({}));
        return;
    }
    dev.up(&[]).ok().says("api: built in");
    let (uri, digests) = (dev.output("uri"), digests(&dev));
    let name = project.repository("api");
    let index = lab().manifest(&uri).expect("the index");
    assert_eq!(index["mediaType"], INDEX);
    let entry = |architecture: &str| {
        let digest = &digests[&format!("linux/{architecture}")];
        let image = lab().manifest(&format!("{name}@{digest}")).expect("an image");
        assert_eq!(image["mediaType"], IMAGE);
        let size = repository(&project)["images"][digest]["manifest_bytes"].clone();
        json!({
            "mediaType": IMAGE, "digest": digest, "size": size,
            "platform": {"architecture": architecture, "os": "linux"},
        })
    };
    assert_eq!(index["manifests"], json!([entry("amd64"), entry("arm64")]));
    for (platform, digest) in &digests {
        let architecture = platform.trim_start_matches("linux/");
        let expected = (platform.clone(), format!("for {architecture}"));
        assert_eq!(content(&format!("{name}@{digest}")), expected);
    }
    let sent = dev.outputs()["build"]["contextBytesSent"].take();
    assert_eq!(
        sent,
        2 * ("shared".len() + "for amd64".len()),
        "each build is sent what it reads"
    );
    every_image_has_a_tag(&project, &dev);
    dev.up(&["--expect-no-changes"]).ok();
    dev.refresh(&["--expect-no-changes"]).ok();
}

/// Rules that delete untagged images must not take an image from under the index.
fn every_image_has_a_tag(project: &Project, stack: &Stack) {
    let tags = repository(project)["tags"].take();
    let tags: BTreeMap<String, String> = serde_json::from_value(tags).expect("tags");
    let content_tag = stack.output("contentTag");
    assert_eq!(tags[&content_tag], stack.output("digest"));
    for (platform, digest) in digests(stack) {
        let tag = format!("{content_tag}-{}-{}", platform.replace('/', "-"), &digest[7..19]);
        assert_eq!(tags[&tag], digest, "{tags:?}");
    }
    assert_eq!(tags.len(), 3, "{tags:?}");
}

#[test]
fn the_order_of_platforms_and_their_spelling_change_nothing() {
    let (project, dev) = project("order");
    if !is_possible() {
        return;
    }
    dev.up(&[]).ok();
    project.image_program("      platforms: [linux/x86_64, linux/arm64/v8]\n");
    dev.up(&["--expect-no-changes"]).ok();
    project.image_program("      platforms: [linux/amd64, linux/arm64, linux/aarch64]\n");
    let run = dev.preview(&[]).fails();
    run.says("platforms[2]").says("is the same platform as `linux/arm64`");
}

#[test]
fn a_change_for_one_platform_leaves_the_image_of_the_other_alone() {
    let (project, dev) = project("one-changed");
    if !is_possible() {
        return;
    }
    dev.up(&[]).ok();
    let before = digests(&dev);
    project.write_keeping_time("app/bin-arm64", "FOR ARM64");
    dev.preview(&[])
        .ok()
        .says("bin-arm64 modified")
        .says("first step to run: [linux/arm64 2/2] COPY bin-arm64 /app");
    dev.up(&[]).ok().says("steps cached, 9 B sent");
    let after = digests(&dev);
    assert_eq!(before["linux/amd64"], after["linux/amd64"]);
    let image = format!("{}@{}", project.repository("api"), after["linux/arm64"]);
    assert_eq!(content(&image).1, "FOR ARM64");
}

#[test]
fn another_stack_adopts_the_index_and_knows_it_at_preview() {
    let (project, dev) = project("index-adopted");
    if !is_possible() {
        return;
    }
    dev.up(&[]).ok();
    let prod = project.stack("prod");
    prod.preview(&[])
        .ok()
        .says("already in the registry as fc-")
        .says(&dev.output("digest"));
    prod.up(&[]).ok().says("api: adopted");
    assert_eq!(prod.output("digest"), dev.output("digest"));
    assert_eq!(digests(&prod), digests(&dev));
    let size = |stack: &Stack| stack.resource("api").expect("the image")["outputs"]["sizeBytes"].as_f64();
    assert_eq!(size(&prod), size(&dev));
    assert!(size(&prod) > Some(100.0), "{:?}", size(&prod));
}

#[test]
fn one_platform_is_still_a_plain_image() {
    let (project, dev) = project("plain");
    project.image_program("      platforms: [linux/arm64]\n");
    dev.up(&[]).ok();
    let image = lab().manifest(&dev.output("uri")).expect("the image");
    assert!(image["manifests"].is_null(), "{image}");
    assert_eq!(
        content(&dev.output("uri")),
        ("linux/arm64".to_owned(), "for arm64".to_owned())
    );
    assert_eq!(digests(&dev), [("linux/arm64".to_owned(), dev.output("digest"))].into());
    let tags = repository(&project)["tags"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(tags, 1);
}

#[test]
fn a_stage_that_runs_on_the_builder_needs_no_emulation() {
    let (project, dev) = project("cross");
    if !is_possible() {
        return;
    }
    let cross = "FROM --platform=$BUILDPLATFORM busybox:1.36 AS build\nARG TARGETARCH\nRUN echo built for $TARGETARCH > /out\n\
                 FROM scratch\nCOPY --from=build /out /app\n";
    project.write("app/Dockerfile", cross);
    dev.up(&[]).ok().never_says("emulated");
    for (platform, digest) in digests(&dev) {
        let architecture = platform.trim_start_matches("linux/");
        let (_, file) = content(&format!("{}@{digest}", project.repository("api")));
        assert_eq!(file, format!("built for {architecture}\n"));
    }
}

#[test]
fn programs_that_the_builder_cannot_run_are_refused_before_anything_is_built() {
    let (project, dev) = project("no-emulation");
    if !is_possible() {
        return;
    }
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY shared /shared\nRUN echo hello\n",
    );
    let run = dev.up(&[]).fails();
    run.says("line 3 of `")
        .says("runs programs of `linux/arm64`, which ")
        .says("cannot: it runs linux/amd64")
        .says("tonistiigi/binfmt --install arm64")
        .says("FROM --platform=$BUILDPLATFORM");
    assert_eq!(repository(&project)["images"], json!({}));
}

#[test]
fn a_build_that_fails_on_one_platform_says_on_which() {
    let (project, dev) = project("one-fails");
    if !is_possible() {
        return;
    }
    std::fs::remove_file(project.at("app/bin-arm64")).expect("the file");
    dev.up(&[])
        .fails()
        .says("linux/arm64: ")
        .says("bin-arm64")
        .never_says("linux/amd64: ");
    assert_eq!(repository(&project)["tags"], json!({}));
    project.write("app/bin-arm64", "for arm64");
    dev.up(&[]).ok();
}

#[test]
fn an_index_that_lost_an_image_is_found_out() {
    let (project, dev) = project("lost");
    if !is_possible() {
        return;
    }
    dev.up(&[]).ok();
    let (name, lost) = (project.repository("api"), digests(&dev)["linux/arm64"].clone());
    admin("DELETE", &format!("image?repository={name}&digest={lost}"));
    dev.refresh(&[]).ok().says(&lost).says("is gone from the registry");
    let tag = dev_tag(&project);
    let run = dev.up(&[]).fails();
    run.says(&format!("`{name}:{tag}` is incomplete"))
        .says("`linux/arm64`")
        .says(&format!("remove `{name}:{tag}` from the registry"));
    admin("DELETE", &format!("tag?reference={name}:{tag}"));
    dev.up(&[]).ok();
    every_image_has_a_tag(&project, &dev);
}

/// The only content tag of the repository.
fn dev_tag(project: &Project) -> String {
    let tags = repository(project)["tags"].take();
    let tags: BTreeMap<String, String> = serde_json::from_value(tags).expect("tags");
    tags.into_keys().min_by_key(String::len).expect("a tag")
}

#[test]
fn an_immutable_repository_takes_an_index() {
    let (project, dev) = project("index-immutable");
    if !is_possible() {
        return;
    }
    admin(
        "PUT",
        &format!(
            "repository?repository={}&mutability=IMMUTABLE",
            project.repository("api")
        ),
    );
    dev.up(&[]).ok();
    every_image_has_a_tag(&project, &dev);
}

#[test]
fn an_imported_index_knows_its_platforms() {
    let (project, dev) = project("index-import");
    if !is_possible() {
        return;
    }
    dev.up(&[]).ok();
    let other = project.stack("imported");
    let (uri, stack) = (dev.output("uri"), ["--protect=false", "--stack", "imported"]);
    let import = [
        "import",
        "fastcontainer:index:FastContainerImage",
        "api",
        &uri,
        "--yes",
        "--skip-preview",
    ];
    other.run(&[&import[..], &stack].concat()).ok();
    let image = other.resource("api").expect("the image");
    assert_eq!(image["inputs"]["platforms"], json!(["linux/amd64", "linux/arm64"]));
    assert_eq!(digests(&other), digests(&dev));
    other.refresh(&["--expect-no-changes"]).ok();
    other.up(&[]).ok().says("adopted");
}
