//! Provider configuration: CheckConfig, DiffConfig and Configure.

use std::collections::BTreeMap;

use fastcontainer_property::{
    PropertyMap, PropertyValue,
    wire::{from_struct, to_struct},
};
use fastcontainer_proto::pulumirpc::{CheckRequest, ConfigureRequest, DiffRequest, diff_response::DiffChanges};
use tonic::{Code, Status};
use wire::{Provider, bag};

const URN: &str = "urn:pulumi:dev::shop::pulumi:providers:fastcontainer::default";

async fn check(provider: &Provider, news: &PropertyMap) -> (PropertyMap, BTreeMap<String, String>) {
    let request = CheckRequest {
        urn: URN.into(),
        news: Some(to_struct(news)),
        ..Default::default()
    };
    let answer = provider.client().check_config(request).await.unwrap().into_inner();
    let failures = answer
        .failures
        .into_iter()
        .map(|failure| (failure.property, failure.reason));
    (
        from_struct(&answer.inputs.unwrap_or_default()).unwrap(),
        failures.collect(),
    )
}

async fn configure(provider: &Provider, arguments: &PropertyMap) -> Result<(), Status> {
    let request = ConfigureRequest {
        args: Some(to_struct(arguments)),
        accept_secrets: true,
        ..Default::default()
    };
    provider.client().configure(request).await.map(drop)
}

fn good() -> PropertyMap {
    let login = bag([
        ("address", "ghcr.io".into()),
        ("username", "me".into()),
        ("password", PropertyValue::secret("hunter2")),
    ]);
    bag([
        ("region", "eu-central-1".into()),
        ("registries", vec![login].into()),
        ("maxParallelBuilds", 4.0.into()),
        ("reuse", "stack".into()),
        ("version", "0.1.0".into()),
    ])
}

#[tokio::test]
async fn good_configuration_comes_back_unchanged() {
    let provider = Provider::start().await.unwrap();
    let (checked, failures) = check(&provider, &good()).await;
    assert_eq!(failures, BTreeMap::new());
    assert_eq!(checked, good());
    configure(&provider, &checked).await.unwrap();
}

#[tokio::test]
async fn json_text_is_as_good_as_values() {
    let provider = Provider::start().await.unwrap();
    let text = bag([
        (
            "registries",
            r#"[{"address":"ghcr.io","username":"me","password":"hunter2"}]"#.into(),
        ),
        ("maxParallelBuilds", "4".into()),
        (
            "builder",
            r#"{"local":{"address":"unix:///run/buildkit/buildkitd.sock"}}"#.into(),
        ),
    ]);
    assert_eq!(check(&provider, &text).await.1, BTreeMap::new());
    configure(&provider, &text).await.unwrap();
}

#[tokio::test]
async fn all_mistakes_are_named_at_once() {
    let provider = Provider::start().await.unwrap();
    let bad = bag([
        ("regoin", "eu-central-1".into()),
        ("maxParallelBuilds", "many".into()),
        ("registries", vec![bag([("address", "ghcr.io".into())])].into()),
        ("reuse", "sometimes".into()),
    ]);
    let (_, failures) = check(&provider, &bad).await;
    let paths: Vec<&str> = failures.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "maxParallelBuilds",
            "registries[0].password",
            "registries[0].username",
            "regoin",
            "reuse"
        ]
    );
    assert!(failures["regoin"].contains("`region`"), "{}", failures["regoin"]);
    let status = configure(&provider, &bad).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn unknown_configuration_is_no_mistake() {
    let provider = Provider::start().await.unwrap();
    let unknown = bag([
        ("region", PropertyValue::Unknown),
        ("registries", PropertyValue::Unknown),
    ]);
    let (checked, failures) = check(&provider, &unknown).await;
    assert_eq!((checked, failures), (unknown, BTreeMap::new()));
}

#[tokio::test]
async fn secrets_leave_as_secrets() {
    let provider = Provider::start().await.unwrap();
    // The engine unwraps secrets for CheckConfig.
    let login = bag([
        ("address", "ghcr.io".into()),
        ("username", "me".into()),
        ("password", "hunter2".into()),
    ]);
    let plain = bag([("reuseKey", "key".into()), ("registries", vec![login].into())]);
    let (checked, _) = check(&provider, &plain).await;
    assert!(checked["reuseKey"].contains_secret() && checked["registries"].contains_secret());
    assert_eq!(checked["registries"].strip_secrets(), plain["registries"]);
}

#[tokio::test]
async fn a_change_of_configuration_updates_and_never_replaces() {
    let provider = Provider::start().await.unwrap();
    let (old, new) = (
        bag([("region", "eu-central-1".into())]),
        bag([("region", "us-east-1".into())]),
    );
    let request = DiffRequest {
        urn: URN.into(),
        olds: Some(to_struct(&old)),
        old_inputs: Some(to_struct(&old)),
        news: Some(to_struct(&new)),
        ..Default::default()
    };
    let answer = provider.client().diff_config(request).await.unwrap().into_inner();
    assert!(answer.replaces.is_empty());
    assert_eq!(
        (answer.changes(), answer.diffs),
        (DiffChanges::DiffSome, vec!["region".to_owned()])
    );
}
