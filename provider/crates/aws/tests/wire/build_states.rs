//! What a build record means: its end, its outcome, its log; and what a project is set to.

use std::sync::Arc;

use fastcontainer_aws::{AwsError, BuildOutcome, BuildStatus, BuildView, LogStream, Project};
use serde_json::{Value, json};

use crate::farm::{build, codebuild, end, view};
use crate::scripted::{Scripted, refuse, respond};

/// The last that is seen of a build with these members.
async fn seen(members: Value) -> Arc<BuildView> {
    let server = Scripted::serve(move |_, _| respond(200, &json!({"builds": [build("app:1", members.clone())]}))).await;
    view(end(codebuild(&server, 50).watch("app:1").await.unwrap()).await)
}

fn phase(name: &str, status: &str, code: &str, message: &str) -> Value {
    json!({"phaseType": name, "phaseStatus": status, "durationInSeconds": 3, "contexts": [{"statusCode": code, "message": message}]})
}

#[tokio::test]
async fn outcomes_are_told_apart_also_where_the_status_is_not_enough() {
    let queued = phase("QUEUED", "SUCCEEDED", "", "");
    let rows = [
        ("SUCCEEDED", json!([queued]), BuildOutcome::Succeeded),
        (
            "FAILED",
            json!([
                queued,
                phase("BUILD", "FAILED", "COMMAND_EXECUTION_ERROR", "exit status 1")
            ]),
            BuildOutcome::Failed,
        ),
        (
            "FAILED",
            json!([
                queued,
                phase("BUILD", "TIMED_OUT", "BUILD_TIMED_OUT", "Build has timed out.")
            ]),
            BuildOutcome::TimedOut,
        ),
        (
            "FAILED",
            json!([
                queued,
                phase("BUILD", "FAILED", "BUILD_TIMED_OUT", "Build has timed out.")
            ]),
            BuildOutcome::TimedOut,
        ),
        (
            "TIMED_OUT",
            json!([queued, phase("BUILD", "FAILED", "", "")]),
            BuildOutcome::TimedOut,
        ),
        (
            "TIMED_OUT",
            json!([phase("QUEUED", "TIMED_OUT", "", "")]),
            BuildOutcome::QueueTimedOut,
        ),
        (
            "TIMED_OUT",
            json!([phase("SUBMITTED", "SUCCEEDED", "", "")]),
            BuildOutcome::QueueTimedOut,
        ),
        (
            "FAULT",
            json!([queued, phase("PROVISIONING", "FAULT", "INTERNAL_ERROR", "")]),
            BuildOutcome::Fault,
        ),
        (
            "STOPPED",
            json!([queued, phase("BUILD", "STOPPED", "", "")]),
            BuildOutcome::Stopped,
        ),
    ];
    for (status, phases, expected) in rows {
        let last = seen(json!({"buildStatus": status, "buildComplete": true, "phases": phases})).await;
        assert_eq!(last.outcome(), Some(expected), "{status} {phases}");
    }
}

#[tokio::test]
async fn final_status_is_an_end_without_the_flag_and_an_unknown_one_is_not() {
    let last = seen(json!({"buildStatus": "FAILED"})).await;
    assert!(last.complete);
    let server = Scripted::serve(|_, number| {
        let status = if number == 0 { "MYSTERIOUS" } else { "SUCCEEDED" };
        respond(
            200,
            &json!({"builds": [build("app:1", json!({"buildStatus": status}))]}),
        )
    })
    .await;
    let last = view(end(codebuild(&server, 50).watch("app:1").await.unwrap()).await);
    assert_eq!((last.status, server.seen().len()), (BuildStatus::Succeeded, 2));
}

#[tokio::test]
async fn failing_phase_is_the_first_bad_one_with_what_is_said_about_it() {
    let phases = json!([
        phase("QUEUED", "SUCCEEDED", "", ""),
        phase(
            "BUILD",
            "FAILED",
            "COMMAND_EXECUTION_ERROR",
            "Error while executing command: \u{1b}[31mx. Reason: exit status 1"
        ),
        phase("POST_BUILD", "FAILED", "COMMAND_EXECUTION_ERROR", "later"),
        json!({"phaseType": "COMPLETED"}),
    ]);
    let last = seen(json!({"buildStatus": "FAILED", "buildComplete": true, "phases": phases})).await;
    let failed = last.failed_phase().unwrap();
    assert_eq!((failed.name.as_str(), failed.seconds), ("BUILD", Some(3)));
    assert_eq!(failed.contexts[0].code, "COMMAND_EXECUTION_ERROR");
    assert!(!failed.contexts[0].message.contains('\u{1b}'));
    assert!(last.phases[0].contexts.is_empty(), "empty contexts say nothing");
}

#[tokio::test]
async fn log_is_absent_until_it_has_a_name() {
    let deep = "https://console.aws.amazon.com/cloudwatch/home";
    let last = seen(json!({"buildStatus": "FAILED", "logs": {"deepLink": deep, "cloudWatchLogsArn": "arn:aws:logs:::log-group:null:log-stream:null"}})).await;
    assert_eq!((last.log.as_ref(), last.deep_link.as_deref()), (None, Some(deep)));
    let last = seen(json!({"buildStatus": "FAILED", "logs": {"groupName": "g", "streamName": "s"}})).await;
    let (group, stream) = ("g".to_owned(), "s".to_owned());
    assert_eq!(last.log, Some(LogStream { group, stream }));
}

#[tokio::test]
async fn project_is_read_and_a_missing_one_is_none() {
    let server = Scripted::serve(|seen, _| {
        assert_eq!(seen.call, "BatchGetProjects");
        if seen.input["names"] == json!(["none"]) {
            return respond(200, &json!({"projects": [], "projectsNotFound": ["none"]}));
        }
        respond(
            200,
            &json!({"projects": [{
                "name": "app", "arn": "arn:p", "serviceRole": "arn:role", "concurrentBuildLimit": 3,
                "vpcConfig": {"vpcId": "vpc-1"},
                "environment": {
                    "type": "ARM_CONTAINER", "image": "aws/codebuild/x:1", "computeType": "BUILD_GENERAL1_LARGE",
                    "privilegedMode": true, "fleet": {"fleetArn": "arn:fleet"}
                }
            }]}),
        )
    })
    .await;
    let codebuild = codebuild(&server, 1);
    let expected = Project {
        name: "app".to_owned(),
        arn: "arn:p".to_owned(),
        environment_type: "ARM_CONTAINER".to_owned(),
        image: "aws/codebuild/x:1".to_owned(),
        compute_type: "BUILD_GENERAL1_LARGE".to_owned(),
        privileged: true,
        service_role: Some("arn:role".to_owned()),
        concurrent_build_limit: Some(3),
        fleet: Some("arn:fleet".to_owned()),
        in_vpc: true,
    };
    assert_eq!(codebuild.project("app").await.unwrap(), Some(expected));
    assert_eq!(codebuild.project("none").await.unwrap(), None);
    let missing = codebuild.project_missing("none");
    assert!(
        missing.to_string().contains("`none`")
            && missing.remedy().unwrap().contains("list-projects --region eu-west-1")
    );
}

#[tokio::test]
async fn stopping_asks_for_the_build_and_an_unknown_one_is_named() {
    let server = Scripted::serve(|seen, _| match seen.input["id"].as_str() {
        Some("app:1") => respond(200, &json!({"build": {"id": "app:1"}})),
        _ => refuse(400, "ResourceNotFoundException", "no"),
    })
    .await;
    let codebuild = codebuild(&server, 1);
    codebuild.stop("app:1").await.unwrap();
    let error = codebuild.stop("app:2").await.unwrap_err();
    assert!(
        matches!(&error, AwsError::BuildMissing { id } if id == "app:2"),
        "{error:?}"
    );
}
