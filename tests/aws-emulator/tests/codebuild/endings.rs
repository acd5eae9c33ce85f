//! How builds end other than by their commands: stopped, timed out, refused by what is around them.

use serde_json::json;

use crate::account::{Account, build_phase, phases, processes, trouble};

#[tokio::test]
async fn stopping_a_running_build_ends_every_process_of_it() {
    let account = Account::open().await;
    let id = account.begin(&["(setsid sleep 4711 &) ; sleep 4711"]).await;
    while processes("sleep\u{0}4711").len() < 2 {
        account.in_phase(&id, "BUILD").await;
    }
    let stopped = account
        .codebuild
        .stop_build()
        .id(&id)
        .send()
        .await
        .unwrap()
        .build_value
        .unwrap();
    assert_eq!(stopped.build_status().unwrap().as_str(), "STOPPED");
    assert!(stopped.build_complete());
    let last = &stopped.phases()[stopped.phases().len() - 2..];
    assert_eq!(last[0].phase_status().unwrap().as_str(), "STOPPED");
    assert!(last[0].contexts.is_none());
    assert_eq!(last[1].phase_type().unwrap().as_str(), "COMPLETED");
    account.nothing_is_left("sleep\u{0}4711").await;
    let again = account
        .codebuild
        .stop_build()
        .id(&id)
        .send()
        .await
        .unwrap()
        .build_value
        .unwrap();
    assert_eq!(again.end_time(), stopped.end_time());
}

#[tokio::test]
async fn build_time_out_shows_in_the_phase_and_not_in_the_status() {
    let account = Account::open().await;
    account.turn(json!({"time_scale": 0.005})).await;
    let start = account
        .start(&build_phase(&["sleep 4712 & sleep 4712"]))
        .timeout_in_minutes_override(5);
    let build = account.finish(start).await;
    assert_eq!(build.build_status().unwrap().as_str(), "FAILED");
    let phase = build
        .phases()
        .iter()
        .find(|phase| phase.phase_type().unwrap().as_str() == "BUILD")
        .unwrap();
    assert_eq!(phase.phase_status().unwrap().as_str(), "TIMED_OUT");
    assert_eq!(
        trouble(&build),
        (
            "BUILD".to_owned(),
            "BUILD_TIMED_OUT".to_owned(),
            "Build has timed out.".to_owned()
        )
    );
    assert!(!phases(&build).contains(&"POST_BUILD"));
    account.nothing_is_left("sleep\u{0}4712").await;
}

#[tokio::test]
async fn unreadable_buildspecs_fail_while_the_source_is_fetched() {
    let account = Account::open().await;
    for spec in [
        "phases:\n  build:\n    commands:\n      - echo a: b\n",
        "phases:\n  bild:\n    commands: [a]\n",
    ] {
        let build = account.run(spec).await;
        let (phase, code, _) = trouble(&build);
        assert_eq!((phase.as_str(), code.as_str()), ("DOWNLOAD_SOURCE", "YAML_FILE_ERROR"));
        assert_eq!(build.build_status().unwrap().as_str(), "FAILED");
    }
}

#[tokio::test]
async fn ordered_trouble_of_provisioning_leaves_no_log_stream() {
    let account = Account::open().await;
    for (kind, status, code) in [
        ("provisioning", "FAULT", "INTERNAL_SERVICE_ERROR"),
        ("image_pull", "FAILED", "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE"),
        ("log_stream_denied", "FAILED", "ACCESS_DENIED"),
    ] {
        account.admin(("POST", "codebuild/faults"), json!({"kind": kind})).await;
        let build = account.run(&build_phase(&["true"])).await;
        assert_eq!(build.build_status().unwrap().as_str(), status);
        let (phase, found, _) = trouble(&build);
        assert_eq!((phase.as_str(), found.as_str()), ("PROVISIONING", code));
        let logs = build.logs().unwrap();
        assert_eq!((logs.group_name(), logs.stream_name()), (None, None));
        assert!(
            logs.cloud_watch_logs_arn()
                .unwrap()
                .ends_with("log-group:null:log-stream:null")
        );
    }
    let build = account.run(&build_phase(&["true"])).await;
    assert_eq!(build.build_status().unwrap().as_str(), "SUCCEEDED");
}

#[tokio::test]
async fn role_without_the_right_to_log_is_told_which_right() {
    let account = Account::open().await;
    account
        .admin(("POST", "deny?action=logs:PutLogEvents"), json!({}))
        .await;
    let (_, code, message) = trouble(&account.run(&build_phase(&["true"])).await);
    assert_eq!(code, "ACCESS_DENIED");
    assert!(
        message.contains("logs:PutLogEvents") && message.contains("assumed-role/codebuild/AWSCodeBuild-"),
        "{message}"
    );
}

#[tokio::test]
async fn arm_environment_cannot_run_a_curated_image_for_x86() {
    let account = Account::open().await;
    let start = account.start(&build_phase(&["true"]));
    let build = account
        .finish(start.environment_type_override(aws_sdk_codebuild::types::EnvironmentType::ArmContainer))
        .await;
    assert_eq!(trouble(&build).1, "BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE");
}

#[tokio::test]
async fn vanished_and_new_builds_are_reported_as_not_found() {
    let account = Account::open().await;
    account.turn(json!({"visible_after_milliseconds": 700})).await;
    let id = account.begin(&["true"]).await;
    let missing = account.codebuild.batch_get_builds().ids(&id).send().await.unwrap();
    assert_eq!(missing.builds_not_found(), std::slice::from_ref(&id));
    account.ended(&id).await;
    account.turn(json!({})).await;
    account
        .admin(("POST", "codebuild/faults"), json!({"kind": "vanish"}))
        .await;
    let id = account.begin(&["true"]).await;
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let missing = account.codebuild.batch_get_builds().ids(&id).send().await.unwrap();
    assert_eq!(missing.builds_not_found(), [id]);
}

#[tokio::test]
async fn ending_the_emulator_ends_its_builds() {
    let mut account = Account::open().await;
    let id = account.begin(&["sleep 4714"]).await;
    while processes("sleep\u{0}4714").is_empty() {
        account.in_phase(&id, "BUILD").await;
    }
    account.close();
    account.nothing_is_left("sleep\u{0}4714").await;
}

#[tokio::test]
async fn docker_is_not_there_without_privileged_mode() {
    let account = Account::open().await;
    let build = account
        .run(&build_phase(&["test ! -S /var/run/docker.sock && echo no socket"]))
        .await;
    assert_eq!(account.output(&build).await, ["no socket"]);
}
