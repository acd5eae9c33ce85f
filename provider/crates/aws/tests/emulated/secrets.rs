//! Parameters live as long as a build, and references lead to values that appear nowhere else.

use std::time::Duration;

use crate::emulator::{Emulator, REGION, config};
use crate::recorder::Recorder;
use fastcontainer_aws::{Aws, AwsError, AwsErrorKind, SecretReference};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

const HOUR: Duration = Duration::from_secs(3600);

async fn parameters(emulator: &Emulator) -> Value {
    emulator.admin("GET", "leftovers", "").await["parameters"].clone()
}

fn secret(text: &str) -> SecretString {
    text.to_owned().into()
}

async fn resolve(aws: &Aws, reference: &str) -> Result<String, AwsError> {
    let reference = SecretReference::parse(reference).unwrap();
    aws.resolve(&reference)
        .await
        .map(|value| value.expose_secret().to_owned())
}

#[tokio::test]
async fn parameter_is_stored_encrypted_and_removed() {
    let emulator = Emulator::start().await;
    let parameters_here = emulator.aws().parameters(REGION);
    let names: Vec<String> = (0..23).map(|number| format!("/fastcontainer/b/{number}")).collect();
    for name in &names {
        parameters_here.put_secure(name, &secret("s3cret")).await.unwrap();
        parameters_here.put_secure(name, &secret("s3cret")).await.unwrap();
    }
    let value = emulator.admin("GET", "parameter?name=/fastcontainer/b/0", "").await;
    assert_eq!(value["value"], "s3cret");
    parameters_here.delete(&names).await.unwrap();
    parameters_here.delete(&names).await.unwrap();
    assert_eq!(parameters(&emulator).await.as_array().map(Vec::len), Some(0));
}

#[tokio::test]
async fn value_of_more_than_a_standard_parameter_takes_an_advanced_one_up_to_its_limit() {
    let emulator = Emulator::start().await;
    let here = emulator.aws().parameters(REGION);
    for size in [1, 4096, 4097, 8192] {
        here.put_secure("/f/a", &secret(&"x".repeat(size))).await.unwrap();
        here.delete(&["/f/a".to_owned()]).await.unwrap();
    }
    let error = here.put_secure("/f/a", &secret(&"x".repeat(8193))).await.unwrap_err();
    assert!(
        matches!(
            error,
            AwsError::ValueTooLarge {
                size: 8193,
                limit: 8192,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn sweep_takes_old_parameters_below_its_path_only() {
    let emulator = Emulator::start().await;
    let here = emulator.aws().parameters(REGION);
    let mut expected = Vec::new();
    for number in 0..25 {
        let name = format!("/fastcontainer/b{number}/token");
        here.put_secure(&name, &secret("x")).await.unwrap();
        if number % 2 == 0 {
            emulator
                .admin("PUT", &format!("parameter?name={name}&age=7300"), "")
                .await;
            expected.push(name);
        }
    }
    here.put_secure("/other/token", &secret("x")).await.unwrap();
    emulator.admin("PUT", "parameter?name=/other/token&age=7300", "").await;
    let mut swept = here.sweep("/fastcontainer/", 2 * HOUR).await.unwrap();
    swept.sort();
    expected.sort();
    assert_eq!(swept, expected);
    assert_eq!(parameters(&emulator).await.as_array().unwrap().len(), 13);
    assert!(here.sweep("/fastcontainer/", 2 * HOUR).await.unwrap().is_empty());
}

#[tokio::test]
async fn refusals_name_the_action_and_never_the_value() {
    let emulator = Emulator::start().await;
    let here = emulator.aws().parameters(REGION);
    for (denied, action) in [("ssm:PutParameter", "ssm:PutParameter"), ("kms:Encrypt", "kms:Encrypt")] {
        emulator.admin("POST", &format!("deny?action={denied}"), "").await;
        let error = here.put_secure("/f/a", &secret("canary-value")).await.unwrap_err();
        assert_eq!(error.kind(), AwsErrorKind::Denied { action }, "{error:?}");
        assert!(!format!("{error:?} {error}").contains("canary-value"));
        emulator.admin("DELETE", "deny", "").await;
    }
}

#[tokio::test]
async fn values_are_not_logged_at_any_level() {
    let emulator = Emulator::start().await;
    let aws = emulator.aws();
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/f/a";
    let log = Recorder::default();
    // While there is one subscriber, what other threads log first is decided by theirs, which is none, for all threads.
    let (subscriber, _other) = (Dispatch::new(log.clone()), Dispatch::new(log.clone()));
    let calls = async {
        let here = aws.parameters(REGION);
        here.put_secure("/f/a", &secret("canary-value")).await.unwrap();
        assert_eq!(resolve(&aws, arn).await.unwrap(), "canary-value");
        here.sweep("/ordinary-path/", Duration::ZERO).await.unwrap();
    };
    calls.with_subscriber(subscriber).await;
    let text = log.text();
    // Bytes may be written as lists of numbers.
    let logged = |bytes: &str| {
        let numbers = format!("{:?}", bytes.as_bytes());
        text.contains(bytes) || text.contains(numbers.trim_matches(['[', ']']))
    };
    assert!(logged("AmazonSSM.PutParameter"), "requests are not recorded at all");
    assert!(!logged("canary") && !logged("Y2FuYXJ5"));
}

#[tokio::test]
async fn references_lead_to_parameters_secrets_and_values_in_them() {
    let emulator = Emulator::start().await;
    let aws = emulator.aws();
    aws.parameters(REGION)
        .put_secure("/team/token", &secret("from-ssm"))
        .await
        .unwrap();
    let arn = "arn:aws:ssm:eu-central-1:123456789012:parameter/team/token";
    assert_eq!(resolve(&aws, arn).await.unwrap(), "from-ssm");

    let manager = aws_sdk_secretsmanager::Client::new(&config(emulator.address));
    let json = r#"{"user":"me","port":5432,"odd: key":{"a":[1]}}"#;
    let made = manager
        .create_secret()
        .name("team/db")
        .secret_string(json)
        .send()
        .await
        .unwrap();
    let arn = made.arn().unwrap().to_owned();
    let rows = [
        (arn.clone(), json),
        (format!("{arn}:user"), "me"),
        (format!("{arn}:user::"), "me"),
        (format!("{arn}:port:AWSCURRENT:"), "5432"),
        (format!("{arn}::AWSCURRENT"), json),
        (format!("{arn}:user::{}", made.version_id().unwrap()), "me"),
    ];
    for (reference, expected) in rows {
        assert_eq!(resolve(&aws, &reference).await.unwrap(), expected, "{reference}");
    }
    let error = resolve(&aws, &format!("{arn}:nobody")).await.unwrap_err();
    assert!(matches!(error, AwsError::ReferenceInvalid { .. }), "{error:?}");
    assert!(!format!("{error:?} {error}").contains("me\""));
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_is_told_apart() {
    let emulator = Emulator::start().await;
    let aws = emulator.aws();
    let parameter = "arn:aws:ssm:eu-central-1:123456789012:parameter/none";
    let in_manager = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:none-AbCdEf";
    for reference in [parameter, in_manager] {
        let error = resolve(&aws, reference).await.unwrap_err();
        assert!(
            matches!(&error, AwsError::ReferenceMissing { reference: named } if named == reference),
            "{error:?}"
        );
    }
    let rows = [
        ("ssm:GetParameter", parameter),
        ("secretsmanager:GetSecretValue", in_manager),
    ];
    for (action, reference) in rows {
        emulator.admin("POST", &format!("deny?action={action}"), "").await;
        let error = resolve(&aws, reference).await.unwrap_err();
        assert_eq!(error.kind(), AwsErrorKind::Denied { action }, "{error:?}");
    }
}

#[test]
fn only_arns_of_parameters_and_secrets_are_references() {
    let rows = [
        "",
        "env:TOKEN",
        "arn:aws:s3:::bucket",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/",
        "arn:aws:ssm:eu-central-1:123456789012:document/x",
        "arn:aws:ssm:eu-central-1:12345678901:parameter/x",
        "arn:aws:ssm::123456789012:parameter/x",
        "arn:evil:ssm:eu-central-1:123456789012:parameter/x",
        "arn:aws:ssm:eu/central:123456789012:parameter/x",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:n:k:s:v:more",
    ];
    for reference in rows {
        assert_eq!(SecretReference::parse(reference), None, "{reference}");
    }
    assert!(SecretReference::parse("arn:aws-cn:ssm:cn-north-1:123456789012:parameter/a/b").is_some());
}
