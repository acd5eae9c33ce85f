//! A builder that has lost what it was sent: pruned, or with a fresh root. The send record on this side still stands.
//!
//! Has a lab of its own, because the builder is emptied under every test of the program.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use e2e::{Project, admin, lab, run_in_image};
use fastcontainer_lab::Endpoint;

static BUILDER: Mutex<()> = Mutex::new(());

#[test]
fn a_pruned_builder_is_sent_everything_again() {
    right_after("pruned", prune);
}

#[test]
fn a_builder_with_a_fresh_root_is_sent_everything_again() {
    right_after("fresh-root", || {
        lab()
            .builder()
            .and_then(|builder| builder.reset())
            .expect("a fresh builder")
    });
}

#[test]
fn a_pruned_builder_finds_its_steps_in_the_registry() {
    let _alone = BUILDER.lock().unwrap_or_else(PoisonError::into_inner);
    let project = Project::with_image("cache", "");
    project.write("app/slow.txt", project.name());
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36 AS build\nCOPY slow.txt /\nRUN sha256sum /slow.txt > /sum\n\
         FROM busybox:1.36\nCOPY --from=build /sum /sum\nWORKDIR /app\nCOPY src.txt .\n",
    );
    project.image_program("      cache: {mode: max}\n");
    let dev = project.stack("dev");
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        dev.up(&[])
            .fails()
            .says("exporting a build cache to a registry")
            .says("cache");
        return;
    }
    dev.up(&[]).ok().says("api: built in");
    prune();
    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    let build = &dev.outputs()["build"];
    // The base image is looked up again, and the second source file is new.
    let steps = (build["steps"].as_f64(), build["cachedSteps"].as_f64());
    let (Some(all), Some(cached)) = steps else {
        panic!("{build}")
    };
    assert!(all - cached <= 2.0 && cached >= 4.0, "{build}");
    assert_eq!(run_in_image(&dev.output("uri"), &["cat", "/app/src.txt"]), "two");
}

#[test]
fn a_frozen_repository_gets_no_cache_and_one_warning() {
    let _alone = BUILDER.lock().unwrap_or_else(PoisonError::into_inner);
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        return;
    }
    let project = Project::with_image("frozen", "");
    let repository = project.repository("api");
    admin(
        "PUT",
        &format!("repository?repository={repository}&mutability=IMMUTABLE"),
    );
    let image = |name: &str| {
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      \
             context: ./app\n      labels: {{name: {name}}}\n      cache: {{mode: min}}\n"
        )
    };
    project.program(&format!("resources:\n{}{}", image("one"), image("two")));
    let run = project.stack("dev").up(&[]).ok();
    let (_, summary) = run.text.split_once("Diagnostics:").expect("diagnostics");
    let warnings = summary.matches("the build cache is not exported").count();
    assert_eq!(warnings, 1, "{summary}");
    run.says("IMMUTABLE_WITH_EXCLUSION");
}

#[test]
fn an_export_that_fails_is_a_warning() {
    let _alone = BUILDER.lock().unwrap_or_else(PoisonError::into_inner);
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        return;
    }
    let project = Project::with_image("failing-export", "");
    project.write("app/own.txt", project.name());
    project.image_program("      cache: {exports: [{registry: {ref: \"localhost:1/no/cache:x\"}}]}\n");
    let dev = project.stack("dev");
    let run = dev
        .up(&[])
        .ok()
        .says("api: built in")
        .says("the build cache was not exported, the image is complete");
    run.says("localhost:1");
    dev.up(&["--expect-no-changes"]).ok();
}

fn right_after(fact: &str, empty: fn()) {
    let _alone = BUILDER.lock().unwrap_or_else(PoisonError::into_inner);
    let project = Project::with_image(fact, "");
    project.write("app/kept.txt", &"kept ".repeat(1000));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    empty();
    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    let sent = outputs["build"]["contextBytesSent"].as_f64().expect("contextBytesSent");
    assert!(sent > 5000.0, "the builder was not empty: {outputs}");
    let seen = run_in_image(
        &dev.output("uri"),
        &["sh", "-c", "cat /app/src.txt; wc -c < /app/kept.txt"],
    );
    assert_eq!(seen, "two5000\n");
}

/// Removes the build cache, with the trees that were received, and keeps the identity of the builder.
fn prune() {
    let lab = lab();
    if lab.endpoint() == Some(Endpoint::Buildkitd) {
        let pruned = Command::new("buildctl")
            .args(["prune", "--all"])
            .output()
            .expect("buildctl");
        assert!(pruned.status.success(), "{pruned:?}");
        return;
    }
    let socket = lab.builder().expect("a builder").socket();
    let mut stream = UnixStream::connect(socket).expect("dockerd");
    let request = "POST /build/prune?all=1 HTTP/1.1\r\nHost: docker\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
