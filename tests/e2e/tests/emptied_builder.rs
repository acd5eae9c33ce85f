//! A builder that has lost what it was sent: pruned, or with a fresh root. The send record on this side still stands.
//!
//! Has a lab of its own, because the builder is emptied under every test of the program.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use e2e::{Project, lab, run_in_image};
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
