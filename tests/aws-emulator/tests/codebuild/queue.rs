//! Limits, queue, tokens, and builds that are not executed.

use std::time::{Duration, Instant};

use aws_sdk_codebuild::error::ProvideErrorMetadata;
use aws_sdk_codebuild::types::EnvironmentVariableType;
use serde_json::json;

use crate::account::{Account, build_phase, variable};

#[tokio::test]
async fn account_limit_of_one_runs_builds_one_by_one_and_refuses_the_seventh() {
    let account = Account::open().await;
    account
        .turn(json!({"concurrent_builds": 1, "fixed": {"seconds": 0.3}}))
        .await;
    let mut ids = Vec::new();
    for _ in 0..6 {
        ids.push(account.begin(&["true"]).await);
    }
    let refused = account.start(&build_phase(&["true"])).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccountLimitExceededException"));
    assert_eq!(
        refused.message(),
        Some("Cannot have more than 1 builds in queue for the account")
    );
    for id in &ids {
        assert_eq!(account.ended(id).await.build_status().unwrap().as_str(), "SUCCEEDED");
    }
    let builds = account
        .codebuild
        .batch_get_builds()
        .set_ids(Some(ids))
        .send()
        .await
        .unwrap();
    let mut spans: Vec<_> = builds
        .builds()
        .iter()
        .map(|build| {
            (
                build.phases()[2].start_time().unwrap().as_secs_f64(),
                build.end_time().unwrap().as_secs_f64(),
            )
        })
        .collect();
    spans.sort_by(|one, two| one.0.total_cmp(&two.0));
    assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0 + 0.001), "{spans:?}");
}

#[tokio::test]
async fn queued_build_can_be_stopped_and_times_out() {
    let account = Account::open().await;
    account.turn(json!({"concurrent_builds": 1, "time_scale": 0.005})).await;
    let first = account
        .start(&build_phase(&["sleep 60"]))
        .timeout_in_minutes_override(60)
        .send()
        .await
        .unwrap();
    let first = first.build_value().unwrap().id().unwrap().to_owned();
    account.in_phase(&first, "BUILD").await;
    let second = account.begin(&["true"]).await;
    let stopped = account
        .codebuild
        .stop_build()
        .id(&second)
        .send()
        .await
        .unwrap()
        .build_value
        .unwrap();
    assert_eq!(stopped.phases()[1].phase_status().unwrap().as_str(), "STOPPED");
    let third = account
        .finish(
            account
                .start(&build_phase(&["true"]))
                .queued_timeout_in_minutes_override(5),
        )
        .await;
    assert_eq!(third.build_status().unwrap().as_str(), "TIMED_OUT");
    assert_eq!(third.phases()[1].phase_status().unwrap().as_str(), "TIMED_OUT");
    account.codebuild.stop_build().id(&first).send().await.unwrap();
    account.turn(json!({"concurrent_builds": 1})).await;
    let fourth = account.run(&build_phase(&["true"])).await;
    assert_eq!(fourth.build_status().unwrap().as_str(), "SUCCEEDED");
}

#[tokio::test]
async fn build_that_never_leaves_the_queue_blocks_no_other() {
    let account = Account::open().await;
    account
        .admin(("POST", "codebuild/faults"), json!({"kind": "stuck_in_queue"}))
        .await;
    let stuck = account.begin(&["true"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let other = account.run(&build_phase(&["true"])).await;
    assert_eq!(other.build_status().unwrap().as_str(), "SUCCEEDED");
    account.in_phase(&stuck, "QUEUED").await;
    account.codebuild.stop_build().id(&stuck).send().await.unwrap();
}

#[tokio::test]
async fn token_answers_the_same_build_once_more_and_refuses_another_request() {
    let account = Account::open().await;
    let start = |commands: &[&str]| account.start(&build_phase(commands)).idempotency_token("t-1");
    let first = start(&["true"]).send().await.unwrap().build_value.unwrap();
    let second = start(&["true"]).send().await.unwrap().build_value.unwrap();
    assert_eq!(first.id(), second.id());
    let error = start(&["false"]).send().await.unwrap_err();
    assert_eq!(error.code(), Some("InvalidInputException"));
    assert_eq!(
        error.message(),
        Some("Request parameter mismatch for idempotency token t-1")
    );
    account.ended(first.id().unwrap()).await;
    let ids = account
        .codebuild
        .list_builds_for_project()
        .project_name("images")
        .send()
        .await
        .unwrap();
    assert_eq!(ids.ids().len(), 1);
}

#[tokio::test]
async fn fixed_builds_take_their_time_and_report_what_is_wanted() {
    let account = Account::open().await;
    account
        .turn(
            json!({"fixed": {"seconds": 0.5, "exported": {"DIGEST": "sha256:${WHICH}"}, "lines": ["built ${WHICH}"]}}),
        )
        .await;
    let begun = Instant::now();
    let builds = (0..50).map(|number| {
        let start = account.start(&build_phase(&["exit 1"]));
        let start = start.environment_variables_override(variable(
            "WHICH",
            &number.to_string(),
            EnvironmentVariableType::Plaintext,
        ));
        let account = &account;
        async move { (number, account.finish(start).await) }
    });
    account.admin(("GET", "codebuild/knobs"), json!({})).await;
    let builds = futures_util::future::join_all(builds).await;
    for (number, build) in builds {
        let exported = &build.exported_environment_variables()[0];
        assert_eq!(
            (exported.name(), exported.value()),
            (Some("DIGEST"), Some(format!("sha256:{number}").as_str()))
        );
        assert_eq!(account.output(&build).await, [format!("built {number}")]);
    }
    // Twenty at a time.
    assert!(begun.elapsed() >= Duration::from_millis(1500));
}

#[tokio::test]
async fn knobs_of_a_project_limit_its_builds_and_no_others() {
    let account = Account::open().await;
    account.create_project("others").await;
    let own = json!({"concurrent_builds": 1, "fixed": {"seconds": 30}});
    account.admin(("PUT", "codebuild/knobs?project=images"), own).await;
    for _ in 0..6 {
        account.begin(&["true"]).await;
    }
    let refused = account.start(&build_phase(&["true"])).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccountLimitExceededException"));
    account.turn(json!({"fixed": {"seconds": 0.1}})).await;
    let other = account.start(&build_phase(&["true"])).project_name("others");
    assert_eq!(
        account.finish(other).await.build_status().unwrap().as_str(),
        "SUCCEEDED"
    );
    let builds = account
        .admin(("GET", "codebuild/builds?project=others"), json!({}))
        .await;
    assert_eq!(builds["builds"].as_array().map(Vec::len), Some(1));
}
