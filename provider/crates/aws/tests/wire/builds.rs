//! All builds are watched by one poller: how often it asks, what it makes of trouble, and when it ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fastcontainer_aws::{AwsError, AwsErrorKind, BuildOutcome, BuildUpdate};
use futures_util::future::join_all;
use serde_json::json;

use crate::farm::{Farm, build, codebuild, count, end, view};
use crate::scripted::{Scripted, refuse, respond};

async fn serve(farm: &Arc<Farm>) -> Scripted {
    let farm = farm.clone();
    Scripted::serve(move |seen, _| farm.answer(seen)).await
}

#[tokio::test]
async fn fifty_builds_cost_one_call_every_two_seconds_and_their_ends_are_seen_within_three() {
    const HASTE: u32 = 5;
    let farm = Farm::new(Duration::ZERO);
    let server = serve(&farm).await;
    let codebuild = codebuild(&server, HASTE);
    let began = Instant::now();
    // Twenty seconds each, begun over four seconds.
    let watched = (0..50_u64).map(|number| {
        let (farm, codebuild) = (farm.clone(), codebuild.clone());
        async move {
            tokio::time::sleep(Duration::from_millis(80 * number) / HASTE).await;
            let (id, takes) = (format!("app:{number}"), Duration::from_secs(20) / HASTE);
            farm.add(&id, takes);
            let begun = Instant::now();
            let last = view(end(codebuild.watch(&id).await.unwrap()).await);
            assert_eq!(last.outcome(), Some(BuildOutcome::Succeeded));
            assert_eq!(last.exported["DIGEST"], "sha256:1");
            (begun.elapsed() - takes) * HASTE
        }
    });
    let mut late = join_all(watched).await;
    let calls = count(&server, "BatchGetBuilds") as f64;
    let most = (began.elapsed() * HASTE).as_secs_f64() / 2.0 + 1.0;
    assert!(calls > most / 2.0 && calls <= most, "{calls} calls, at most {most}");
    // When the machine stands still for a moment, some are seen later.
    late.sort();
    assert!(late[25] < Duration::from_secs(3), "ends were seen late: {late:?}");
}

#[tokio::test]
async fn more_builds_than_a_call_takes_share_the_same_calls() {
    const HASTE: u32 = 10;
    let farm = Farm::new(Duration::ZERO);
    let server = serve(&farm).await;
    let codebuild = codebuild(&server, HASTE);
    let began = Instant::now();
    let watched = (0..250).map(|number| {
        let id = format!("app:{number}");
        farm.add(&id, Duration::from_secs(15) / HASTE);
        let codebuild = codebuild.clone();
        async move { view(end(codebuild.watch(&id).await.unwrap()).await) }
    });
    assert!(join_all(watched).await.iter().all(|view| view.complete));
    let calls = count(&server, "BatchGetBuilds");
    let most = (began.elapsed() * HASTE).as_secs_f64() / 2.0 + 1.0;
    assert!(calls as f64 <= most && calls >= 3, "{calls} calls, at most {most}");
}

#[tokio::test]
async fn watchers_of_one_build_share_it_and_the_poller_ends_with_the_last() {
    let farm = Farm::new(Duration::ZERO);
    let server = serve(&farm).await;
    let codebuild = codebuild(&server, 50);
    farm.add("app:1", Duration::from_secs(3600));
    let (first, second) = (
        codebuild.watch("app:1").await.unwrap(),
        codebuild.watch("app:1").await.unwrap(),
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    let twice = |seen: &crate::scripted::Seen| seen.input["ids"] == json!(["app:1"]);
    assert!(count(&server, "BatchGetBuilds") > 1 && server.seen().iter().all(twice));
    drop(first);
    let before = count(&server, "BatchGetBuilds");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(
        count(&server, "BatchGetBuilds") > before,
        "the second watcher is forgotten"
    );
    drop(second);
    tokio::time::sleep(Duration::from_millis(300)).await;
    let ended = count(&server, "BatchGetBuilds");
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(count(&server, "BatchGetBuilds"), ended, "calls for nobody");
    farm.add("app:2", Duration::ZERO);
    assert!(view(end(codebuild.watch("app:2").await.unwrap()).await).complete);
}

#[tokio::test]
async fn build_that_is_not_visible_yet_is_waited_for_and_one_that_never_is_is_lost() {
    let farm = Farm::new(Duration::ZERO);
    let server = serve(&farm).await;
    let codebuild = codebuild(&server, 20);
    let late = codebuild.watch("app:late").await.unwrap();
    let began = Instant::now();
    let never = codebuild.watch("app:never").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(matches!(*late.borrow(), BuildUpdate::NotVisible));
    farm.add("app:late", Duration::ZERO);
    assert!(view(end(late).await).complete);
    let lost = end(never).await;
    assert!(
        matches!(&lost, BuildUpdate::Lost(AwsError::BuildMissing { id }) if id == "app:never"),
        "{lost:?}"
    );
    assert!(began.elapsed() >= Duration::from_secs(3));
}

#[tokio::test]
async fn builds_that_wait_in_the_queue_are_asked_for_less_often() {
    let server = Scripted::serve(|_, _| {
        let queued = build("app:1", json!({"buildStatus": "IN_PROGRESS", "currentPhase": "QUEUED"}));
        respond(200, &json!({"builds": [queued]}))
    })
    .await;
    let watched = codebuild(&server, 20).watch("app:1").await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    // A minute in all: at 1, 3, 6, 10.5, 17 … and then every ten seconds.
    let calls = count(&server, "BatchGetBuilds");
    assert!((6..=11).contains(&calls), "{calls} calls");
    drop(watched);
}

#[tokio::test]
async fn failed_calls_slow_the_poller_down_and_lose_no_build() {
    let farm = Farm::new(Duration::ZERO);
    farm.add("app:1", Duration::from_millis(1500));
    let states = farm.clone();
    let server = Scripted::serve(move |seen, number| match number {
        1..=3 => refuse(400, "ThrottlingException", "Rate exceeded"),
        4 => refuse(500, "InternalFailure", "no"),
        _ => states.answer(seen),
    })
    .await;
    let began = Instant::now();
    let last = end(codebuild(&server, 20).watch("app:1").await.unwrap()).await;
    assert!(view(last).complete);
    let calls = count(&server, "BatchGetBuilds");
    assert!(calls as f64 <= began.elapsed().as_secs_f64() * 10.0, "{calls} calls");
}

#[tokio::test]
async fn refusal_that_lasts_reaches_all_watchers() {
    let server = Scripted::serve(|_, _| refuse(400, "AccessDeniedException", "no")).await;
    let codebuild = codebuild(&server, 20);
    let began = Instant::now();
    let watched = [
        codebuild.watch("app:1").await.unwrap(),
        codebuild.watch("app:2").await.unwrap(),
    ];
    for last in join_all(watched.map(end)).await {
        let BuildUpdate::Lost(error) = last else {
            panic!("{last:?}")
        };
        let action = "codebuild:BatchGetBuilds";
        assert_eq!(error.kind(), AwsErrorKind::Denied { action });
    }
    let took = began.elapsed() * 20;
    assert!(
        took > Duration::from_secs(15) && took < Duration::from_secs(80),
        "{took:?}"
    );
}

#[tokio::test]
async fn automatic_retry_is_followed_under_its_new_id() {
    let round = Arc::new(AtomicUsize::new(0));
    let server = Scripted::serve(move |seen, _| {
        let id = seen.input["ids"][0].as_str().unwrap();
        let failed = |retry| {
            let members = json!({"buildStatus": "FAILED", "currentPhase": "COMPLETED", "buildComplete": true, "autoRetryConfig": retry});
            respond(200, &json!({"builds": [build("app:1", members)]}))
        };
        match (id, round.fetch_add(1, Ordering::Relaxed)) {
            // The successor shows a moment later than the failure.
            ("app:1", 0) => failed(json!({"autoRetryLimit": 2, "autoRetryNumber": 0})),
            ("app:1", _) => failed(json!({
                "autoRetryLimit": 2, "autoRetryNumber": 0,
                "nextAutoRetry": "arn:aws:codebuild:eu-west-1:123456789012:build/app:2"
            })),
            _ => {
                let members = json!({"buildStatus": "SUCCEEDED", "currentPhase": "COMPLETED", "buildComplete": true});
                respond(200, &json!({"builds": [build("app:2", members)]}))
            }
        }
    })
    .await;
    let last = view(end(codebuild(&server, 20).watch("app:1").await.unwrap()).await);
    assert_eq!(
        (last.id.as_str(), last.outcome()),
        ("app:2", Some(BuildOutcome::Succeeded))
    );
}

#[tokio::test]
async fn last_of_the_automatic_retries_is_final() {
    let server = Scripted::serve(|_, _| {
        let members = json!({"buildStatus": "FAILED", "buildComplete": true, "autoRetryConfig": {"autoRetryLimit": 2, "autoRetryNumber": 2}});
        respond(200, &json!({"builds": [build("app:1", members)]}))
    })
    .await;
    let last = view(end(codebuild(&server, 20).watch("app:1").await.unwrap()).await);
    assert_eq!((last.outcome(), server.seen().len()), (Some(BuildOutcome::Failed), 1));
}
