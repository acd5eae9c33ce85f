//! A build is begun exactly once, whatever happens on the way, and only as long as its caller wants it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastcontainer_aws::{AwsError, AwsErrorKind, CodeBuild, EnvironmentValue, Patience, StartBuild, StartedBuild};
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::farm::{Farm, codebuild, count, end, view};
use crate::scripted::{Scripted, refuse};

async fn start(codebuild: &CodeBuild, build: &StartBuild) -> Result<StartedBuild, AwsError> {
    start_within(codebuild, build, Duration::from_secs(30)).await
}

async fn start_within(codebuild: &CodeBuild, build: &StartBuild, patience: Duration) -> Result<StartedBuild, AwsError> {
    let cancel = CancellationToken::new();
    let patience = Patience {
        within: patience,
        cancel: &cancel,
        on_refusal: &|_| {},
    };
    codebuild.start(build, patience).await
}

fn tokens(server: &Scripted) -> BTreeSet<String> {
    let seen = server.seen();
    let starts = seen.iter().filter(|seen| seen.call == "StartBuild");
    starts
        .map(|seen| seen.input["idempotencyToken"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn request_says_everything_and_nothing_else() {
    let farm = Farm::new(Duration::ZERO);
    let server = Scripted::serve(move |seen, _| farm.answer(seen)).await;
    let codebuild = codebuild(&server, 1);
    let mut build = StartBuild::new("app", "version: 0.2");
    build.environment = [
        ("A", EnvironmentValue::Plain("$(touch x)".to_owned())),
        ("B", EnvironmentValue::Parameter("/p".to_owned())),
        ("C", EnvironmentValue::Secret("arn:s:key::".to_owned())),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    build.compute_type = Some("BUILD_GENERAL1_LARGE".to_owned());
    build.environment_type = Some("ARM_CONTAINER".to_owned());
    build.image = Some("123456789012.dkr.ecr.eu-west-1.amazonaws.com/builder:1".to_owned());
    build.fleet = Some("arn:fleet".to_owned());
    (build.timeout_minutes, build.queue_timeout_minutes) = (Some(60), Some(30));
    start(&codebuild, &build).await.unwrap();
    start(&codebuild, &StartBuild::new("app", "version: 0.2"))
        .await
        .unwrap();
    let seen = server.seen();
    let mut input = seen[0].input.clone();
    assert_eq!(input["idempotencyToken"].take().as_str().unwrap().len(), 32);
    let variable = |name, value, kind| json!({"name": name, "value": value, "type": kind});
    let expected = json!({
        "projectName": "app", "buildspecOverride": "version: 0.2", "sourceTypeOverride": "NO_SOURCE",
        "artifactsOverride": {"type": "NO_ARTIFACTS"}, "privilegedModeOverride": true, "idempotencyToken": null,
        "environmentVariablesOverride": [
            variable("A", "$(touch x)", "PLAINTEXT"),
            variable("B", "/p", "PARAMETER_STORE"),
            variable("C", "arn:s:key::", "SECRETS_MANAGER"),
        ],
        "computeTypeOverride": "BUILD_GENERAL1_LARGE", "environmentTypeOverride": "ARM_CONTAINER",
        "imageOverride": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/builder:1",
        "imagePullCredentialsTypeOverride": "SERVICE_ROLE", "fleetOverride": {"fleetArn": "arn:fleet"},
        "timeoutInMinutesOverride": 60, "queuedTimeoutInMinutesOverride": 30,
    });
    assert_eq!(input, expected);
    let names: BTreeSet<&String> = seen[1].input.as_object().unwrap().keys().collect();
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("image") || name.starts_with("compute")),
        "{names:?}"
    );
}

#[tokio::test]
async fn retries_of_a_build_carry_its_token_and_other_builds_carry_others() {
    let farm = Farm::new(Duration::ZERO);
    let builds = farm.clone();
    let server = Scripted::serve(move |seen, number| match number % 4 {
        0 => refuse(500, "InternalFailure", "no"),
        1 => refuse(400, "ThrottlingException", "Rate exceeded"),
        2 => {
            // The answer is lost, the build has begun.
            builds.answer(seen);
            refuse(503, "ServiceUnavailable", "no")
        }
        _ => builds.answer(seen),
    })
    .await;
    let codebuild = codebuild(&server, 50);
    let (first, second) = (StartBuild::new("app", "x"), StartBuild::new("app", "x"));
    let ids = [
        start(&codebuild, &first).await.unwrap().id,
        start(&codebuild, &second).await.unwrap().id,
    ];
    assert_ne!(ids[0], ids[1]);
    assert_eq!((tokens(&server).len(), count(&server, "StartBuild")), (2, 8));
    assert_eq!(farm.builds.lock().unwrap().len(), 2);
    assert_eq!(start(&codebuild, &first.clone()).await.unwrap().id, ids[0]);
}

#[tokio::test]
async fn unclear_request_is_not_repeated_when_its_token_may_be_forgotten() {
    let server = Scripted::serve(|_, _| refuse(500, "InternalFailure", "no")).await;
    let began = Instant::now();
    let error = start(&codebuild(&server, 100), &StartBuild::new("app", "x"))
        .await
        .unwrap_err();
    assert!(matches!(error, AwsError::ServerFailed { .. }), "{error:?}");
    // Less than five minutes, which are three seconds here; the machine may stand still for a while.
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(1800) && took < Duration::from_secs(5),
        "{took:?}"
    );
    assert_eq!(tokens(&server).len(), 1);
}

#[tokio::test]
async fn fifty_builds_all_run_where_the_account_takes_one_at_a_time() {
    const HASTE: u32 = 20;
    let farm = Farm::limited(Duration::from_millis(60), 1);
    let builds = farm.clone();
    let server = Scripted::serve(move |seen, _| builds.answer(seen)).await;
    let codebuild = codebuild(&server, HASTE);
    let runs = (0..50).map(|_| async {
        let started = start_within(&codebuild, &StartBuild::new("app", "x"), Duration::from_secs(120)).await;
        let started = started.unwrap();
        view(end(codebuild.watch(&started.id).await.unwrap()).await)
    });
    assert!(join_all(runs).await.iter().all(|view| view.complete));
    assert_eq!(farm.builds.lock().unwrap().len(), 50);
    let calls = count(&server, "StartBuild");
    assert!(calls < 50 * 6, "{calls} calls to start 50 builds");
}

#[tokio::test]
async fn caller_hears_why_it_waits_and_patience_ends() {
    let farm = Farm::limited(Duration::from_secs(3600), 1);
    farm.add("app:other", Duration::from_secs(3600));
    let server = Scripted::serve(move |seen, _| farm.answer(seen)).await;
    let codebuild = codebuild(&server, 20);
    let heard = std::sync::Mutex::new(Vec::new());
    let cancel = CancellationToken::new();
    let patience = Patience {
        within: Duration::from_secs(1),
        cancel: &cancel,
        on_refusal: &|error| heard.lock().unwrap().push(error.kind()),
    };
    let (first, second) = (StartBuild::new("app", "x"), StartBuild::new("app", "x"));
    for error in join_all([codebuild.start(&first, patience), codebuild.start(&second, patience)]).await {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), AwsErrorKind::QuotaReached, "{error:?}");
        assert!(error.remedy().unwrap().contains("Concurrently running builds"));
    }
    let heard = heard.into_inner().unwrap();
    assert!(
        heard.len() > 2 && heard.iter().all(|kind| *kind == AwsErrorKind::QuotaReached),
        "{heard:?}"
    );
}

#[tokio::test]
async fn role_that_was_just_made_is_waited_for_a_minute() {
    let lag = "CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::123456789012:role/new";
    let farm = Farm::new(Duration::ZERO);
    let server = Scripted::serve(move |seen, number| match number {
        0..=2 => refuse(400, "InvalidInputException", lag),
        _ => farm.answer(seen),
    })
    .await;
    start(&codebuild(&server, 50), &StartBuild::new("app", "x"))
        .await
        .unwrap();
    let server = Scripted::serve(move |_, _| refuse(400, "InvalidInputException", lag)).await;
    let began = Instant::now();
    let error = start(&codebuild(&server, 60), &StartBuild::new("app", "x"))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("sts:AssumeRole"), "{error}");
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(500) && took < Duration::from_secs(3),
        "{took:?}"
    );
}

#[tokio::test]
async fn refusals_that_do_not_pass_are_final_at_once() {
    let denied = AwsErrorKind::Denied {
        action: "codebuild:StartBuild",
    };
    let rows = [
        ("AccessDeniedException", denied),
        ("ExpiredTokenException", AwsErrorKind::Unauthenticated),
        ("ResourceNotFoundException", AwsErrorKind::Missing),
        ("InvalidInputException", AwsErrorKind::Invalid),
    ];
    for (code, kind) in rows {
        let server = Scripted::serve(move |_, _| refuse(400, code, "no")).await;
        let error = start(&codebuild(&server, 1), &StartBuild::new("app", "x"))
            .await
            .unwrap_err();
        assert_eq!((error.kind(), server.seen().len()), (kind, 1), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn build_that_begins_while_it_is_cancelled_is_stopped() {
    let farm: Arc<Farm> = Farm::new(Duration::from_secs(3600));
    let server = Scripted::serve(move |seen, _| {
        if seen.call == "StartBuild" {
            std::thread::sleep(Duration::from_millis(400));
        }
        farm.answer(seen)
    })
    .await;
    let codebuild = codebuild(&server, 1);
    let (cancel, canceller) = (CancellationToken::new(), Instant::now());
    let stopper = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stopper.cancel();
    });
    let patience = Patience {
        within: Duration::from_secs(60),
        cancel: &cancel,
        on_refusal: &|_| {},
    };
    let error = codebuild
        .start(&StartBuild::new("app", "x"), patience)
        .await
        .unwrap_err();
    assert!(
        error.is_cancelled() && canceller.elapsed() < Duration::from_secs(5),
        "{error:?}"
    );
    let seen = server.seen();
    let stopped: Vec<&Value> = seen
        .iter()
        .filter(|seen| seen.call == "StopBuild")
        .map(|seen| &seen.input["id"])
        .collect();
    assert_eq!(stopped, [&json!(format!("app:{}", tokens(&server).first().unwrap()))]);
}

#[tokio::test]
async fn waiting_ends_at_once_when_cancelled() {
    let server = Scripted::serve(|_, _| refuse(400, "AccountLimitExceededException", "no")).await;
    let codebuild = codebuild(&server, 1);
    let cancel = CancellationToken::new();
    let patience = Patience {
        within: Duration::from_secs(600),
        cancel: &cancel,
        on_refusal: &|_| {},
    };
    let builds: Vec<StartBuild> = (0..5).map(|_| StartBuild::new("app", "x")).collect();
    let waiting = join_all(builds.iter().map(|build| codebuild.start(build, patience)));
    let canceller = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cancel.cancel();
        Instant::now()
    };
    let (ended, cancelled) = tokio::join!(waiting, canceller);
    assert!(ended.iter().all(|end| end.as_ref().is_err_and(AwsError::is_cancelled)));
    assert!(cancelled.elapsed() < Duration::from_secs(3));
}

/// The answer is lost, and the operation cancelled before the request is repeated.
#[tokio::test]
async fn build_whose_answer_was_lost_is_stopped_when_it_is_cancelled_before_the_next_attempt() {
    let farm: Arc<Farm> = Farm::new(Duration::from_secs(3600));
    let builds = farm.clone();
    let cancel = CancellationToken::new();
    let server = Scripted::serve(move |seen, number| match number {
        0 => {
            builds.answer(seen);
            refuse(503, "ServiceUnavailable", "no")
        }
        _ => builds.answer(seen),
    })
    .await;
    let codebuild = codebuild(&server, 1);
    let patience = Patience {
        within: Duration::from_secs(60),
        cancel: &cancel,
        on_refusal: &|_| cancel.cancel(),
    };
    let build = StartBuild::new("app", "x");
    let error = codebuild.start(&build, patience).await.unwrap_err();
    assert!(error.is_cancelled(), "{error:?}");
    let calls: Vec<String> = server.seen().iter().map(|seen| seen.call.clone()).collect();
    assert_eq!(calls, ["StartBuild", "StartBuild", "StopBuild"]);
    assert_eq!((tokens(&server).len(), farm.builds.lock().unwrap().len()), (1, 1));
}

/// Six builds of 0.4 s, one at a time, take longer than the patience of a caller for whom nothing moves.
#[tokio::test]
async fn patience_lasts_while_other_builds_get_slots() {
    let farm = Farm::limited(Duration::from_millis(400), 1);
    let server = Scripted::serve(move |seen, _| farm.answer(seen)).await;
    let codebuild = codebuild(&server, 20);
    let runs = (0..6).map(|_| async {
        let started = start_within(&codebuild, &StartBuild::new("app", "x"), Duration::from_millis(1500)).await;
        view(end(codebuild.watch(&started.unwrap().id).await.unwrap()).await)
    });
    let began = Instant::now();
    assert!(join_all(runs).await.iter().all(|view| view.complete));
    assert!(began.elapsed() > Duration::from_millis(1900), "{:?}", began.elapsed());
}
