//! Builds on a real builder: what is sent, what is rebuilt, what failures look like, how fast a build stops.
//!
//! Ignored outside of a lab, which sets `FASTCONTAINER_LAB` to the kind of the builder that `BUILDKIT_HOST` or
//! `DOCKER_HOST` leads to, `FASTCONTAINER_PLAIN_REGISTRY` with `_PLAIN_USER` and `_PLAIN_PASSWORD` (a plain HTTP registry
//! that demands a login), and `FASTCONTAINER_BUSYBOX` (a static busybox for RUN steps).

#[cfg(test)]
mod asking;
#[cfg(test)]
mod caches;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod pins;
#[cfg(test)]
mod secrets;

use std::sync::Arc;
use std::time::{Duration, Instant};

use fastcontainer_buildkit::{BuildError, BuiltImage, EndpointKind, LineRange, ProgressEvent};
use lab::{Build, Site};

const COPY_AND_READ: &str =
    "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\nRUN [\"/bin/busybox\", \"cat\", \"/src/a\"]\n";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn the_endpoint_is_recognised() {
    let site = Site::enter("recognised").await;
    let expected = match std::env::var("FASTCONTAINER_LAB").unwrap().as_str() {
        "buildkitd" => EndpointKind::Buildkitd,
        "docker-containerd" => EndpointKind::DockerContainerd,
        "docker-classic" => EndpointKind::DockerClassic,
        other => panic!("unknown lab `{other}`"),
    };
    assert_eq!(site.endpoint.kind, expected);
    assert!(
        site.endpoint
            .platforms
            .iter()
            .any(|platform| platform.starts_with("linux/")),
        "{:?}",
        site.endpoint
    );
    assert_eq!(
        Site::enter("recognised again").await.endpoint.identity,
        site.endpoint.identity
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn only_what_changed_is_sent() {
    let site = Site::enter("sent").await;
    site.write("src/a", "one\n");
    site.write("src/b", "two\n");
    let first = site.build(Build::of(COPY_AND_READ)).await.unwrap();
    assert_eq!(first.context_files_sent, 3);
    let unchanged = site.build(Build::of(COPY_AND_READ)).await.unwrap();
    assert_eq!((unchanged.context_files_sent, unchanged.context_bytes_sent), (0, 0));
    assert_eq!((unchanged.steps, unchanged.cached_steps), (3, 3));
    assert_eq!(unchanged.image, first.image);
    site.write("src/b", "changed\n");
    let changed = site.build(Build::of(COPY_AND_READ)).await.unwrap();
    assert_eq!((changed.context_files_sent, changed.context_bytes_sent), (1, 8));
    assert_ne!(changed.image, first.image);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_fresh_checkout_sends_no_content() {
    let site = Site::enter("checkout").await;
    site.write("src/a", "one\n");
    site.write("src/deep/b", "two\n");
    let first = site.build(Build::of(COPY_AND_READ)).await.unwrap();
    let elsewhere = site.checked_out_again();
    let again = site.build(Build::of(COPY_AND_READ).from(&elsewhere)).await.unwrap();
    assert_eq!((again.context_files_sent, again.cached_steps), (0, 3));
    assert_eq!(again.image, first.image);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn an_edit_of_equal_size_and_time_arrives() {
    let site = Site::enter("same-stat").await;
    site.write("src/a", "v1\n");
    site.build(Build::of(COPY_AND_READ)).await.unwrap();
    let time = site.modified("src/a");
    site.write("src/a", "v2\n");
    site.set_modified("src/a", time);
    let mut build = Build::of(COPY_AND_READ);
    let outcome = site.build_watched(&mut build).await.unwrap();
    assert_eq!(outcome.context_files_sent, 1);
    assert!(build.logged("v2"), "{:?}", build.events);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn outputs_in_a_cache_mount_are_never_newer_than_an_edit() {
    let site = Site::enter("cache-mount").await;
    let compile = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\n\
        RUN --mount=type=cache,id=fc-compile,target=/cache [\"/bin/busybox\", \"sh\", \"-c\", \
        \"if [ ! -e /cache/out ] || [ /src/a -nt /cache/out ]; then /bin/busybox cp /src/a /cache/out; fi; /bin/busybox cat /cache/out\"]\n";
    let start = site.clock_text();
    for edit in 0..4 {
        let content = format!("edit {edit} of {start}\n");
        site.write("src/a", &content);
        site.set_modified("src/a", std::time::UNIX_EPOCH + Duration::from_secs(1_577_836_800));
        let mut build = Build::of(compile);
        site.build_watched(&mut build).await.unwrap();
        assert!(build.logged(content.trim()), "edit {edit}: {:?}", build.events);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn the_image_is_in_the_registry_under_its_digest() {
    let site = Site::enter("pushed").await;
    site.write("src/a", &site.clock_text());
    let outcome = site.build(Build::of(COPY_AND_READ)).await.unwrap();
    let digest = site.pushed(outcome.image).await;
    let manifest = site.manifest(&digest).await;
    assert_eq!(lab::sha256(&manifest), digest);
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let media_type = manifest["mediaType"].as_str().unwrap();
    match site.endpoint.kind {
        EndpointKind::DockerClassic => assert_eq!(media_type, "application/vnd.docker.distribution.manifest.v2+json"),
        _ => assert_eq!(media_type, "application/vnd.oci.image.manifest.v1+json"),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn ignore_rules_are_not_applied_twice() {
    let site = Site::enter("ignore").await;
    site.write("src/a", "kept\n");
    site.write(".dockerignore", "src\n");
    let mut build = Build::of(COPY_AND_READ);
    site.build_watched(&mut build).await.unwrap();
    assert!(build.logged("kept"));
    let copied =
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY .dockerignore /it\nRUN [\"/bin/busybox\", \"cat\", \"/it\"]\n";
    let mut build = Build::of(copied);
    site.build_watched(&mut build).await.unwrap();
    assert!(build.logged("src"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_failed_step_is_shown_with_its_lines_and_its_output() {
    let site = Site::enter("failed").await;
    site.write("src/a", &site.clock_text());
    let failing = "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\n\
        RUN [\"/bin/busybox\", \"sh\", \"-c\", \"/bin/busybox seq 1 50; exit 3\"]\n";
    let error = site.build(Build::of(failing)).await.unwrap_err();
    let BuildError::StepFailed {
        step,
        dockerfile_lines,
        log_tail,
        message,
    } = &error
    else {
        panic!("{error:?}")
    };
    assert!(step.starts_with("[3/3] RUN"), "{step}");
    assert!(message.contains("exit code: 3"), "{message}");
    assert_eq!(
        (
            log_tail.len(),
            log_tail.first().unwrap().as_str(),
            log_tail.last().unwrap().as_str()
        ),
        (40, "11", "50")
    );
    match site.endpoint.kind {
        EndpointKind::DockerClassic => assert_eq!(*dockerfile_lines, None),
        _ => assert_eq!(*dockerfile_lines, Some(LineRange { first: 4, last: 4 })),
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_wrong_dockerfile_is_rejected_with_its_line() {
    let site = Site::enter("rejected").await;
    let error = site.build(Build::of("FROM scratch\nCOPPY a b\n")).await.unwrap_err();
    let BuildError::DockerfileRejected { line, message } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*line, Some(2));
    assert!(message.contains("COPPY"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_file_that_is_not_in_the_context_fails_its_copy_step() {
    let site = Site::enter("missing").await;
    let error = site
        .build(Build::of("FROM scratch\nCOPY nowhere /a\n"))
        .await
        .unwrap_err();
    let BuildError::StepFailed { step, message, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(step, "[1/1] COPY nowhere /a");
    assert!(
        message.contains("nowhere") && message.contains("not found"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn an_unknown_target_is_rejected() {
    let site = Site::enter("target").await;
    let error = site
        .build(Build::of("FROM scratch\nLABEL a=b\n").target("nothing"))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, BuildError::DockerfileRejected { message, .. } if message.contains("nothing")),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_missing_base_image_is_named() {
    let site = Site::enter("base").await;
    let error = site
        .build(Build::of(&format!("FROM {}/no/such:image\n", site.registry)))
        .await
        .unwrap_err();
    let BuildError::BaseImageUnavailable { image, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(image.ends_with("/no/such:image"), "{image}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_push_to_where_nothing_listens_is_a_failed_push() {
    let mut site = Site::enter("no-registry").await;
    site.registry = "localhost:1".to_owned();
    let error = match site.build(Build::of("FROM scratch\nLABEL a=b\n")).await {
        Ok(outcome) => site.push(outcome.image).await.unwrap_err(),
        Err(error) => error,
    };
    let BuildError::PushFailed { reference, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(reference.starts_with("localhost:1/"), "{reference}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_push_with_a_wrong_password_is_denied() {
    let mut site = Site::enter("denied").await;
    site.login = "nobody:wrong".to_owned();
    let error = match site.build(Build::of("FROM scratch\nLABEL a=b\n")).await {
        Ok(outcome) => site.push(outcome.image).await.unwrap_err(),
        Err(error) => error,
    };
    assert!(error.is_denied(), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("wrong"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn a_file_that_changes_after_the_fingerprint_stops_the_build() {
    let site = Site::enter("changed").await;
    site.write("src/a", &site.clock_text());
    let context = site.snapshot();
    site.write("src/a", "something else");
    let error = site.build(Build::of(COPY_AND_READ).shown(context)).await.unwrap_err();
    assert!(
        matches!(&error, BuildError::ContextChanged { path } if path == "src/a"),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn cancelling_stops_the_running_step_within_two_seconds() {
    let site = Site::enter("cancel").await;
    site.write("src/a", &site.clock_text());
    let seconds = 100_000 + Instant::now().elapsed().as_nanos() as u64 + u64::from(std::process::id());
    let sleep = format!(
        "FROM scratch\nCOPY busybox /bin/busybox\nCOPY src /src\nRUN [\"/bin/busybox\", \"sleep\", \"{seconds}\"]\n"
    );
    let cancel = tokio_util::sync::CancellationToken::new();
    let context = site.snapshot();
    let mut build = Build::of(&sleep).shown(context.clone()).until(cancel.clone());
    let stop = async {
        lab::wait_until(Duration::from_secs(20), || lab::runs(&format!("sleep\0{seconds}"))).await;
        cancel.cancel();
        Instant::now()
    };
    let (result, cancelled) = tokio::join!(site.build_watched(&mut build), stop);
    assert!(result.unwrap_err().is_cancelled());
    assert!(
        cancelled.elapsed() < Duration::from_secs(1),
        "{:?}",
        cancelled.elapsed()
    );
    lab::wait_until(Duration::from_secs(2), || !lab::runs(&format!("sleep\0{seconds}"))).await;
    drop(build);
    lab::wait_until(Duration::from_secs(1), || Arc::strong_count(&context) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn nothing_of_a_build_outlives_it() {
    let site = Site::enter("outlived").await;
    site.write("src/a", &site.clock_text());
    let context = site.snapshot();
    site.build(Build::of(COPY_AND_READ).shown(context.clone()))
        .await
        .unwrap();
    lab::wait_until(Duration::from_secs(1), || Arc::strong_count(&context) == 1).await;
    let failing = format!("{COPY_AND_READ}RUN [\"/bin/busybox\", \"false\"]\n");
    site.build(Build::of(&failing).shown(context.clone()))
        .await
        .unwrap_err();
    lab::wait_until(Duration::from_secs(1), || Arc::strong_count(&context) == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a lab: `cargo xtask test` runs it in one"]
async fn progress_names_the_steps() {
    let site = Site::enter("progress").await;
    site.write("src/a", &site.clock_text());
    let mut build = Build::of(COPY_AND_READ);
    let outcome = site.build_watched(&mut build).await.unwrap();
    let started: Vec<_> = build
        .events
        .iter()
        .filter_map(|event| match event {
            ProgressEvent::StepStarted { name, index, total } => Some((name.as_str(), *index, *total)),
            _ => None,
        })
        .collect();
    assert!(started.contains(&("[2/3] COPY src /src", 2, 3)), "{started:?}");
    assert_eq!(outcome.steps, 3);
    assert!(matches!(
        outcome.image,
        BuiltImage::PushedByDigest(_) | BuiltImage::Local(_)
    ));
}
