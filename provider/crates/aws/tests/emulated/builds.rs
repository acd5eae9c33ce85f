//! Many builds at the same time, from their start to the last line of their logs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::emulator::{Emulator, REGION, config};
use aws_sdk_codebuild::types::{
    ArtifactsType, ComputeType, EnvironmentType, ProjectArtifacts, ProjectEnvironment, ProjectSource, SourceType,
};
use fastcontainer_aws::{Aws, AwsError, BuildOutcome, BuildUpdate, BuildView, EnvironmentValue, Patience, StartBuild};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - true\n";

/// An emulator with a project named `app`, whose builds take a fixed time.
async fn with_project(knobs: Value) -> Emulator {
    let emulator = Emulator::start().await;
    emulator.admin("PUT", "codebuild/knobs", &knobs.to_string()).await;
    let environment = ProjectEnvironment::builder()
        .r#type(EnvironmentType::LinuxContainer)
        .image("aws/codebuild/amazonlinux-x86_64-standard:5.0")
        .compute_type(ComputeType::BuildGeneral1Small)
        .privileged_mode(true)
        .build();
    let artifacts = ProjectArtifacts::builder().r#type(ArtifactsType::NoArtifacts).build();
    let source = ProjectSource::builder()
        .r#type(SourceType::NoSource)
        .buildspec(BUILDSPEC)
        .build();
    aws_sdk_codebuild::Client::new(&config(emulator.address))
        .create_project()
        .name("app")
        .environment(environment.unwrap())
        .artifacts(artifacts.unwrap())
        .source(source.unwrap())
        .service_role("arn:aws:iam::123456789012:role/build")
        .send()
        .await
        .unwrap();
    emulator
}

fn fixed(seconds: f64) -> Value {
    json!({"fixed": {"seconds": seconds, "exported": {"DIGEST": "${NUMBER}"}, "lines": ["one", "build ${NUMBER}", "three"]}})
}

/// Runs a build as the provider does; gives its last state, its log and when its end was seen.
async fn run(aws: &Aws, number: usize) -> (Arc<BuildView>, Vec<String>, std::time::SystemTime) {
    let codebuild = aws.code_build(REGION);
    let mut build = StartBuild::new("app", BUILDSPEC);
    let value = EnvironmentValue::Plain(number.to_string());
    build.environment.insert("NUMBER".to_owned(), value);
    let cancel = CancellationToken::new();
    let patience = Patience {
        within: Duration::from_secs(120),
        cancel: &cancel,
        on_refusal: &|_| {},
    };
    let started = codebuild.start(&build, patience).await.unwrap();
    let mut updates = codebuild.watch(&started.id).await.unwrap();
    let mut log = aws.build_logs(REGION).follow(None).await.unwrap();
    while updates.changed().await.is_ok() {
        if let BuildUpdate::Seen(view) = &*updates.borrow_and_update() {
            view.log.iter().for_each(|place| log.point_to(place));
        }
    }
    let seen_at = std::time::SystemTime::now();
    log.finish();
    let mut lines = Vec::new();
    while let Some(line) = log.next().await {
        lines.push(line);
    }
    let last = updates.borrow().clone();
    assert!(matches!(last, BuildUpdate::Seen(_)), "{last:?}");
    let BuildUpdate::Seen(view) = last else { unreachable!() };
    (view, lines, seen_at)
}

#[tokio::test]
async fn fifty_builds_of_twenty_seconds_take_few_calls_and_lose_no_line() {
    const HASTE: u32 = 4;
    let mut knobs = fixed(20.0 / f64::from(HASTE));
    knobs["concurrent_builds"] = json!(60);
    knobs["visible_after_milliseconds"] = json!(500);
    let emulator = with_project(knobs).await;
    emulator.admin("PUT", "logs?delay=300", "").await;
    let aws = emulator.aws().hastened(HASTE);
    let began = Instant::now();
    let ended = join_all((0..50).map(|number| run(&aws, number))).await;
    let mut late = Vec::new();
    for (number, (view, lines, seen_at)) in ended.iter().enumerate() {
        assert_eq!(view.outcome(), Some(BuildOutcome::Succeeded));
        assert_eq!(view.exported["DIGEST"], number.to_string());
        let told = ["one".to_owned(), format!("build {number}"), "three".to_owned()];
        assert!(lines.windows(3).any(|window| window == told), "{lines:?}");
        late.push(seen_at.duration_since(view.ended_at.unwrap()).unwrap_or_default() * HASTE);
    }
    let took = (began.elapsed() * HASTE).as_secs_f64();
    let polls = emulator.count("codebuild:BatchGetBuilds").await as f64;
    let reads = emulator.count("logs:GetLogEvents").await as f64;
    assert_eq!(emulator.count("codebuild:StartBuild").await, 50);
    assert!(
        polls > took / 4.0 && polls <= took / 2.0 + 1.0 && reads <= took * 8.0 + 1.0,
        "{polls} polls, {reads} reads in {took} s"
    );
    // When the machine stands still for a moment, some are seen later.
    late.sort();
    assert!(late[25] < Duration::from_secs(3), "ends were seen late: {late:?}");
}

#[tokio::test]
async fn builds_beyond_the_limit_of_the_account_all_run() {
    let mut knobs = fixed(0.05);
    knobs["concurrent_builds"] = json!(1);
    let emulator = with_project(knobs).await;
    let aws = emulator.aws().hastened(20);
    let ended = join_all((0..30).map(|number| run(&aws, number))).await;
    let succeeded = |view: &BuildView| view.outcome() == Some(BuildOutcome::Succeeded);
    assert!(ended.iter().all(|(view, ..)| succeeded(view)));
    let builds = emulator.admin("GET", "codebuild/builds", "").await;
    assert_eq!(builds["builds"].as_array().map(Vec::len), Some(30));
}

#[tokio::test]
async fn lost_answer_begins_no_second_build() {
    let emulator = with_project(fixed(0.1)).await;
    emulator
        .fault("codebuild:StartBuild", json!({"kind": "drop_after"}))
        .await;
    let (view, ..) = run(&emulator.aws().hastened(20), 7).await;
    assert_eq!(view.outcome(), Some(BuildOutcome::Succeeded));
    let builds = emulator.admin("GET", "codebuild/builds", "").await;
    assert_eq!(builds["builds"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn stopped_build_is_seen_to_be_stopped() {
    let emulator = with_project(fixed(3600.0)).await;
    let codebuild = emulator.aws().hastened(20).code_build(REGION);
    let cancel = CancellationToken::new();
    let patience = Patience {
        within: Duration::from_secs(60),
        cancel: &cancel,
        on_refusal: &|_| {},
    };
    let build = StartBuild::new("app", BUILDSPEC);
    let started = codebuild.start(&build, patience).await.unwrap();
    assert_eq!(codebuild.start(&build, patience).await.unwrap(), started);
    let mut updates = codebuild.watch(&started.id).await.unwrap();
    updates.changed().await.unwrap();
    codebuild.stop(&started.id).await.unwrap();
    codebuild.stop(&started.id).await.unwrap();
    while updates.changed().await.is_ok() {}
    let last = updates.borrow().clone();
    assert!(
        matches!(&last, BuildUpdate::Seen(view) if view.outcome() == Some(BuildOutcome::Stopped)),
        "{last:?}"
    );
    let nowhere = codebuild
        .start(&StartBuild::new("nowhere", BUILDSPEC), patience)
        .await
        .unwrap_err();
    assert!(matches!(nowhere, AwsError::ProjectMissing { .. }), "{nowhere:?}");
    assert!(codebuild.project("app").await.unwrap().unwrap().privileged);
    assert_eq!(codebuild.project("nowhere").await.unwrap(), None);
}
