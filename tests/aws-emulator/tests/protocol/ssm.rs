//! SSM Parameter Store through the AWS SDK.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::error::ProvideErrorMetadata;
use aws_sdk_ssm::operation::put_parameter::builders::PutParameterFluentBuilder;
use aws_sdk_ssm::types::{ParameterStringFilter, ParameterTier, ParameterType, Tag};

use crate::client::Emulator;

fn secure(ssm: &Client, name: &str, value: &str) -> PutParameterFluentBuilder {
    ssm.put_parameter()
        .name(name)
        .value(value)
        .r#type(ParameterType::SecureString)
}

async fn refused(request: PutParameterFluentBuilder) -> String {
    let error = request.send().await.unwrap_err().into_service_error();
    error.code().unwrap().to_owned()
}

#[tokio::test]
async fn a_secure_string_is_readable_only_with_decryption() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    secure(&ssm, "/build/token", "hunter2").send().await.unwrap();
    let get = || ssm.get_parameter().name("/build/token");
    let sealed = get().send().await.unwrap().parameter.unwrap();
    assert_ne!(sealed.value(), Some("hunter2"));
    let opened = get().with_decryption(true).send().await.unwrap().parameter.unwrap();
    assert_eq!((opened.value(), opened.version()), (Some("hunter2"), 1));
    let by_arn = ssm.get_parameter().name(opened.arn().unwrap()).with_decryption(true);
    assert_eq!(by_arn.send().await.unwrap().parameter.unwrap().value(), Some("hunter2"));
    emulator.admin(("POST", "deny?action=kms:Decrypt"), "").await;
    let error = get()
        .with_decryption(true)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.message().unwrap().contains("kms:Decrypt"));
}

#[tokio::test]
async fn sizes_are_those_of_the_tiers() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    secure(&ssm, "a", &"x".repeat(4096)).send().await.unwrap();
    assert_eq!(
        refused(secure(&ssm, "b", &"x".repeat(4097))).await,
        "ValidationException"
    );
    let advanced = |size: usize| secure(&ssm, "b", &"x".repeat(size)).tier(ParameterTier::Advanced);
    assert_eq!(refused(advanced(8193)).await, "ValidationException");
    advanced(8192).send().await.unwrap();
    let intelligent = secure(&ssm, "c", &"x".repeat(5000)).tier(ParameterTier::IntelligentTiering);
    assert_eq!(intelligent.send().await.unwrap().tier(), Some(&ParameterTier::Advanced));
}

#[tokio::test]
async fn overwriting_must_be_asked_for() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    secure(&ssm, "/a/b", "1").send().await.unwrap();
    assert_eq!(refused(secure(&ssm, "/a/b", "2")).await, "ParameterAlreadyExists");
    let second = secure(&ssm, "/a/b", "2").overwrite(true).send().await.unwrap();
    assert_eq!(second.version(), 2);
    let other_type = ssm.put_parameter().name("/a/b").value("3").overwrite(true);
    assert_eq!(
        refused(other_type.r#type(ParameterType::String)).await,
        "HierarchyTypeMismatchException"
    );
}

#[tokio::test]
async fn names_and_values_of_another_form_are_refused() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    for name in ["a/b", "/aws/x", "ssm-x", "/a//b", "/a/", "with space"] {
        assert_eq!(refused(secure(&ssm, name, "1")).await, "ValidationException", "{name}");
    }
    assert_eq!(
        refused(secure(&ssm, "/a", "{{ssm:other}}")).await,
        "ValidationException"
    );
    assert_eq!(
        refused(ssm.put_parameter().name("/a").value("1")).await,
        "ValidationException"
    );
}

#[tokio::test]
async fn parameters_are_found_by_path_and_filter_and_can_look_old() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    for number in 0..12 {
        secure(&ssm, &format!("/fastcontainer/x/{number}"), "v")
            .send()
            .await
            .unwrap();
    }
    let mut pages = ssm
        .get_parameters_by_path()
        .path("/fastcontainer")
        .recursive(true)
        .with_decryption(true)
        .into_paginator()
        .send();
    let mut found = 0;
    while let Some(page) = pages.next().await {
        found += page.unwrap().parameters().len();
    }
    assert_eq!(found, 12);
    emulator
        .admin(("PUT", "parameter?name=/fastcontainer/x/3&age=90000"), "")
        .await;
    let filter = ParameterStringFilter::builder()
        .key("Name")
        .option("BeginsWith")
        .values("/fastcontainer/")
        .build()
        .unwrap();
    let listed = ssm
        .describe_parameters()
        .parameter_filters(filter)
        .send()
        .await
        .unwrap();
    let day_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    let old: Vec<_> = listed
        .parameters()
        .iter()
        .filter(|one| one.last_modified_date().unwrap().as_secs_f64() < day_ago.since_epoch())
        .map(|one| one.name().unwrap())
        .collect();
    assert_eq!((listed.parameters().len(), old), (12, vec!["/fastcontainer/x/3"]));
}

trait SinceEpoch {
    fn since_epoch(&self) -> f64;
}

impl SinceEpoch for std::time::SystemTime {
    fn since_epoch(&self) -> f64 {
        self.duration_since(Self::UNIX_EPOCH).unwrap().as_secs_f64()
    }
}

#[tokio::test]
async fn deleting_tells_what_was_not_there() {
    let emulator = Emulator::start().await;
    let ssm = emulator.ssm();
    let tag = Tag::builder().key("stack").value("dev").build().unwrap();
    secure(&ssm, "/a", "1").tags(tag).send().await.unwrap();
    assert_eq!(emulator.admin(("GET", "leftovers"), "").await["parameters"][0], "/a");
    let answer = ssm.delete_parameters().names("/a").names("/b").send().await.unwrap();
    assert_eq!(
        (answer.deleted_parameters(), answer.invalid_parameters()),
        (&["/a".to_owned()][..], &["/b".to_owned()][..])
    );
    let error = ssm
        .delete_parameter()
        .name("/a")
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_parameter_not_found());
    let many = ssm.get_parameters().names("/a").send().await.unwrap();
    assert_eq!(many.invalid_parameters(), ["/a"]);
    assert_eq!(
        emulator.admin(("GET", "leftovers"), "").await["parameters"],
        serde_json::json!([])
    );
}

#[tokio::test]
async fn ordered_faults_hit_by_name_and_the_sdk_recovers() {
    let emulator = Emulator::start().await;
    let fault = serde_json::json!({
        "match": {"operation": "ssm:PutParameter"}, "count": 2,
        "kind": "status", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded",
    });
    emulator.admin(("POST", "faults"), fault.to_string()).await;
    secure(&emulator.ssm(), "/a", "1").send().await.unwrap();
    let counters = emulator.admin(("GET", "counters"), "").await;
    assert_eq!(counters["operations"]["ssm:PutParameter"], 3);
}
