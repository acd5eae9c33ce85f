//! Secrets Manager through the AWS SDK.

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use aws_sdk_secretsmanager::primitives::Blob;

use crate::client::Emulator;

#[tokio::test]
async fn a_secret_is_found_by_name_and_arn_and_keeps_its_previous_value() {
    let emulator = Emulator::start().await;
    let secrets = emulator.secrets();
    let made = secrets
        .create_secret()
        .name("app/db")
        .secret_string("one")
        .send()
        .await
        .unwrap();
    let arn = made.arn().unwrap();
    let put = secrets.put_secret_value().secret_id("app/db").secret_string("two");
    put.send().await.unwrap();
    let without_end = &arn[..arn.len() - 7];
    for id in ["app/db", arn, without_end] {
        let value = secrets.get_secret_value().secret_id(id).send().await.unwrap();
        assert_eq!(value.secret_string(), Some("two"), "{id}");
    }
    let previous = secrets.get_secret_value().secret_id(arn).version_stage("AWSPREVIOUS");
    assert_eq!(previous.send().await.unwrap().secret_string(), Some("one"));
    let described = secrets.describe_secret().secret_id(arn).send().await.unwrap();
    assert_eq!(described.version_ids_to_stages().unwrap().len(), 2);
}

#[tokio::test]
async fn binary_secrets_come_back_as_bytes() {
    let emulator = Emulator::start().await;
    let secrets = emulator.secrets();
    let bytes = Blob::new([0u8, 255, 10]);
    secrets
        .create_secret()
        .name("key")
        .secret_binary(bytes.clone())
        .send()
        .await
        .unwrap();
    let value = secrets.get_secret_value().secret_id("key").send().await.unwrap();
    assert_eq!((value.secret_string(), value.secret_binary()), (None, Some(&bytes)));
}

#[tokio::test]
async fn missing_deleted_and_repeated_secrets_have_their_own_errors() {
    let emulator = Emulator::start().await;
    let secrets = emulator.secrets();
    let get = || secrets.get_secret_value().secret_id("a");
    let error = get().send().await.unwrap_err().into_service_error();
    assert_eq!(
        error.message(),
        Some("Secrets Manager can't find the specified secret.")
    );
    let create = || secrets.create_secret().name("a").secret_string("1");
    create().send().await.unwrap();
    let error = create().send().await.unwrap_err().into_service_error();
    assert!(error.is_resource_exists_exception());
    secrets.delete_secret().secret_id("a").send().await.unwrap();
    let error = get().send().await.unwrap_err().into_service_error();
    assert!(error.is_invalid_request_exception());
    let forced = secrets
        .delete_secret()
        .secret_id("a")
        .force_delete_without_recovery(true);
    forced.send().await.unwrap();
    create().send().await.unwrap();
}

#[tokio::test]
async fn denials_of_the_action_and_of_kms_are_told_apart() {
    let emulator = Emulator::start().await;
    let secrets = emulator.secrets();
    secrets
        .create_secret()
        .name("a")
        .secret_string("1")
        .send()
        .await
        .unwrap();
    emulator.admin(("POST", "deny?action=kms:Decrypt"), "").await;
    let get = || secrets.get_secret_value().secret_id("a");
    let error = get().send().await.unwrap_err().into_service_error();
    assert_eq!(error.message(), Some("Access to KMS is not allowed"));
    emulator
        .admin(("POST", "deny?action=secretsmanager:GetSecretValue"), "")
        .await;
    let error = get().send().await.unwrap_err().into_service_error();
    assert!(error.message().unwrap().contains("secretsmanager:GetSecretValue"));
    assert_eq!(emulator.admin(("GET", "secret?id=a"), "").await["value"], "1");
}
