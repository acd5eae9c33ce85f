//! Projects, and what the calls refuse.

use aws_sdk_codebuild::error::ProvideErrorMetadata;
use aws_sdk_codebuild::types::{ComputeType, EnvironmentType, EnvironmentVariableType, SourceType};

use crate::account::{Account, PROJECT, build_phase, environment, variable};

#[tokio::test]
async fn project_is_described_changed_listed_and_deleted() {
    let account = Account::open().await;
    let client = &account.codebuild;
    let answer = client
        .batch_get_projects()
        .names(PROJECT)
        .names("nobody")
        .send()
        .await
        .unwrap();
    let project = &answer.projects()[0];
    assert_eq!(
        (project.timeout_in_minutes(), project.queued_timeout_in_minutes()),
        (Some(60), Some(480))
    );
    assert_eq!(
        project.arn(),
        Some("arn:aws:codebuild:eu-central-1:123456789012:project/images")
    );
    assert_eq!(answer.projects_not_found(), ["nobody"]);
    let update = client.update_project().name(PROJECT).timeout_in_minutes(7);
    let updated = update.send().await.unwrap().project.unwrap();
    assert_eq!(
        (updated.timeout_in_minutes(), updated.service_role()),
        (Some(7), Some(crate::account::ROLE))
    );
    assert_eq!(client.list_projects().send().await.unwrap().projects(), [PROJECT]);
    client.delete_project().name(PROJECT).send().await.unwrap();
    let error = account.start(&build_phase(&["true"])).send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn overrides_show_in_the_record() {
    let account = Account::open().await;
    let start = account
        .start(&build_phase(&["true"]))
        .compute_type_override(ComputeType::BuildGeneral1Large)
        .image_override("aws/codebuild/standard:7.0")
        .privileged_mode_override(true)
        .timeout_in_minutes_override(6)
        .queued_timeout_in_minutes_override(7);
    let build = start.send().await.unwrap().build_value.unwrap();
    let environment = build.environment().unwrap();
    assert_eq!(environment.compute_type().as_str(), "BUILD_GENERAL1_LARGE");
    assert_eq!(
        (environment.image(), environment.privileged_mode()),
        ("aws/codebuild/standard:7.0", Some(true))
    );
    assert_eq!(
        (build.timeout_in_minutes(), build.queued_timeout_in_minutes()),
        (Some(6), Some(7))
    );
    assert_eq!(build.current_phase(), Some("QUEUED"));
    assert!(!build.build_complete());
    assert_eq!(build.build_number(), Some(1));
    account.ended(build.id().unwrap()).await;
    let by_arn = account
        .codebuild
        .batch_get_builds()
        .ids(build.arn().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(by_arn.builds().len(), 1);
}

#[tokio::test]
async fn values_outside_the_model_are_validation_errors() {
    let account = Account::open().await;
    let spec = build_phase(&["true"]);
    let start = || account.start(&spec);
    for (start, member) in [
        (start().timeout_in_minutes_override(4), "timeoutInMinutesOverride"),
        (
            start().queued_timeout_in_minutes_override(481),
            "queuedTimeoutInMinutesOverride",
        ),
        (
            start().compute_type_override(ComputeType::from("HUGE")),
            "environment.computeType",
        ),
        (
            start().environment_type_override(EnvironmentType::from("BOX")),
            "environment.type",
        ),
        (start().source_type_override(SourceType::from("FTP")), "source.type"),
    ] {
        let error = start.send().await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{member}");
        assert!(error.message().unwrap().contains(&format!("'{member}'")), "{error:?}");
    }
}

#[tokio::test]
async fn combinations_that_the_service_refuses_are_invalid_input() {
    let account = Account::open().await;
    let spec = build_phase(&["true"]);
    let start = || account.start(&spec);
    let plain = EnvironmentVariableType::Plaintext;
    for start in [
        start().environment_type_override(EnvironmentType::LinuxLambdaContainer),
        start().compute_type_override(ComputeType::BuildLambda2Gb),
        start().environment_variables_override(variable("CODEBUILD_X", "1", plain.clone())),
        start().environment_variables_override(variable("1-x", "1", plain)),
        start().service_role_override("nobody"),
        start().buildspec_override("buildspec.yml"),
        start().source_location_override("bucket/key"),
    ] {
        let error = start.send().await.unwrap_err();
        assert_eq!(error.code(), Some("InvalidInputException"), "{error:?}");
    }
}

#[tokio::test]
async fn projects_need_their_members_and_are_made_once() {
    let account = Account::open().await;
    let error = account
        .codebuild
        .create_project()
        .name("other")
        .environment(environment())
        .send()
        .await
        .unwrap_err();
    assert_eq!(error.code(), Some("ValidationException"));
    let project = account
        .codebuild
        .batch_get_projects()
        .names(PROJECT)
        .send()
        .await
        .unwrap()
        .projects
        .unwrap()
        .remove(0);
    let create = account
        .codebuild
        .create_project()
        .name(PROJECT)
        .set_source(project.source)
        .set_artifacts(project.artifacts)
        .environment(environment())
        .service_role(crate::account::ROLE);
    assert_eq!(
        create.send().await.unwrap_err().code(),
        Some("ResourceAlreadyExistsException")
    );
}

#[tokio::test]
async fn a_hundred_ids_are_the_most_and_one_the_least() {
    let account = Account::open().await;
    let ids = |count: usize| Some(vec!["images:0".to_owned(); count]);
    for count in [0, 101] {
        let error = account
            .codebuild
            .batch_get_builds()
            .set_ids(ids(count))
            .send()
            .await
            .unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{count}");
    }
    let missing = account
        .codebuild
        .batch_get_builds()
        .set_ids(ids(100))
        .send()
        .await
        .unwrap();
    assert_eq!(missing.builds_not_found().len(), 100);
    let error = account.codebuild.stop_build().id("images:0").send().await.unwrap_err();
    assert_eq!(error.code(), Some("ResourceNotFoundException"));
}

#[tokio::test]
async fn builds_are_listed_newest_first_and_deleted_when_complete() {
    let account = Account::open().await;
    let one = account.run(&build_phase(&["true"])).await;
    let two = account.begin(&["sleep 30"]).await;
    let client = &account.codebuild;
    let ids = client
        .list_builds_for_project()
        .project_name(PROJECT)
        .send()
        .await
        .unwrap();
    assert_eq!(ids.ids(), [two.clone(), one.id().unwrap().to_owned()]);
    let deleted = client
        .batch_delete_builds()
        .ids(one.id().unwrap())
        .ids(&two)
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.builds_deleted(), [one.arn().unwrap()]);
    assert_eq!(deleted.builds_not_deleted()[0].id(), Some(two.as_str()));
    client.stop_build().id(&two).send().await.unwrap();
}
