//! What the provider says about itself.

use fastcontainer_property::wire::to_struct;
use fastcontainer_proto::pulumirpc::{
    ConfigureRequest, GetMappingRequest, GetMappingsRequest, GetSchemaRequest, ProviderHandshakeRequest,
};
use prost_types::Struct;
use serde_json::Value;
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};
use wire::{Image, Provider};

use crate::sources::{context, inputs, with};

async fn schema(provider: &Provider) -> Value {
    let schema = provider.client().get_schema(GetSchemaRequest::default()).await.unwrap();
    serde_json::from_str(&schema.into_inner().schema).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn configure_repeats_what_the_handshake_said() {
    let provider = Provider::start().await.unwrap();
    let request = ProviderHandshakeRequest {
        engine_address: provider.engine.address().to_owned(),
        root_directory: Some("/".to_owned()),
        configure_with_urn: true,
        accepts_byte_string: true,
        accepts_outputs_in_check: true,
        ..Default::default()
    };
    let shaken = provider.client().handshake(request).await.unwrap().into_inner();
    let request = ConfigureRequest {
        args: Some(Struct::default()),
        accept_secrets: true,
        accept_resources: true,
        ..Default::default()
    };
    let configured = provider.client().configure(request).await.unwrap().into_inner();
    assert!(shaken.accept_secrets && configured.supports_preview);
    assert_eq!(
        (shaken.accept_secrets, shaken.accept_resources, shaken.accept_outputs),
        (
            configured.accept_secrets,
            configured.accept_resources,
            configured.accept_outputs
        )
    );
    assert_eq!(
        shaken.supports_autonaming_configuration,
        configured.supports_autonaming_configuration
    );
    assert!(
        !shaken.accepts_byte_string && !shaken.accepts_outputs_in_check,
        "neither is understood"
    );
}

#[tokio::test]
async fn plugin_and_schema_have_one_version() {
    let provider = Provider::start().await.unwrap();
    let version = provider
        .client()
        .get_plugin_info(())
        .await
        .unwrap()
        .into_inner()
        .version;
    assert!(
        version.split('.').count() == 3 && !version.starts_with('v'),
        "{version}"
    );
    assert_eq!(schema(&provider).await["version"], version);
}

#[tokio::test]
async fn the_schema_describes_the_package() {
    let provider = Provider::start().await.unwrap();
    let schema = schema(&provider).await;
    assert_eq!(schema["name"], "fastcontainer");
    let image = &schema["resources"][Image::TYPE];
    assert_eq!(image["requiredInputs"], serde_json::json!(["repository"]));
    assert!(keys(&image["inputProperties"]).contains(&"buildArgs"));
    for output in [
        "imageUri",
        "digest",
        "contentTag",
        "contentTagUri",
        "fingerprint",
        "platformDigests",
        "build",
    ] {
        assert!(keys(&image["properties"]).contains(&output), "{output}");
    }
    assert!(
        !keys(&image["inputProperties"]).contains(&"fingerprint"),
        "nobody writes the fingerprint"
    );
    let mut functions = keys(&schema["functions"]);
    functions.sort_unstable();
    assert_eq!(
        functions,
        ["fastcontainer:index:getFingerprint", "fastcontainer:index:getImage"]
    );
    assert_eq!(
        keys(&schema["config"]["variables"]),
        keys(&schema["provider"]["inputProperties"])
    );
}

#[tokio::test]
async fn every_described_property_has_a_description_and_every_reference_a_type() {
    let provider = Provider::start().await.unwrap();
    let schema = schema(&provider).await;
    let image = &schema["resources"][Image::TYPE];
    for place in [
        &image["inputProperties"],
        &image["properties"],
        &schema["provider"]["inputProperties"],
    ] {
        for (name, property) in place.as_object().unwrap() {
            assert!(
                property["description"].as_str().is_some_and(|text| !text.is_empty()),
                "{name}"
            );
        }
    }
    let text = schema.to_string();
    for reference in text.split("\"#/types/").skip(1) {
        let token = reference.split('"').next().unwrap().replace("%2F", "/");
        assert!(!schema["types"][&token].is_null(), "{token}");
    }
}

/// Code generators start a plugin for its schema alone, and in surroundings where it could not be configured.
#[tokio::test]
async fn the_schema_is_the_same_before_the_handshake_and_after_a_configuration_that_was_refused() {
    let provider = Provider::start().await.unwrap();
    let before = schema(&provider).await;
    let wrong = [("maxParallelBuilds".to_owned(), "many".into())].into();
    let request = ConfigureRequest {
        args: Some(to_struct(&wrong)),
        ..Default::default()
    };
    let refused = provider.client().configure(request).await.unwrap_err();
    assert!(refused.message().contains("maxParallelBuilds"), "{refused}");
    assert_eq!(schema(&provider).await, before);
    assert_eq!(before["name"], "fastcontainer");
}

#[tokio::test]
async fn a_schema_format_of_the_future_is_refused() {
    let provider = Provider::start().await.unwrap();
    let request = GetSchemaRequest {
        version: 1,
        ..Default::default()
    };
    let status = provider.client().get_schema(request).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn converters_get_an_empty_answer_and_no_error() {
    let provider = Provider::start().await.unwrap();
    let mut client = provider.client();
    let (key, provider) = ("terraform".to_owned(), String::new());
    let mapping = client
        .get_mapping(GetMappingRequest {
            key: key.clone(),
            provider,
        })
        .await
        .unwrap();
    assert_eq!(mapping.into_inner().provider, "");
    let mappings = client.get_mappings(GetMappingsRequest { key }).await.unwrap();
    assert!(mappings.into_inner().providers.is_empty());
}

#[tokio::test]
async fn the_health_service_says_serving() {
    let provider = Provider::start().await.unwrap();
    let answer = HealthClient::new(provider.channel())
        .check(HealthCheckRequest::default())
        .await
        .unwrap();
    assert_eq!(answer.into_inner().status(), ServingStatus::Serving);
}

#[tokio::test]
async fn a_message_of_six_mebibytes_passes_both_ways() {
    let provider = Provider::start().await.unwrap();
    let (context, big) = (context(), "x".repeat(6 << 20));
    let triggers = vec![big.clone()];
    let checked = Image::named("api")
        .check(&provider, &with(&inputs(context.path()), "triggers", triggers))
        .await
        .unwrap();
    assert_eq!(checked.failures, Default::default());
    assert_eq!(checked.inputs["triggers"], vec![big].into());
}
