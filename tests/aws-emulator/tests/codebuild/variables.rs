//! Environment variables: who wins, references to parameters and secrets, what is exported, what the log hides.

use aws_sdk_codebuild::types::EnvironmentVariableType::{ParameterStore, Plaintext, SecretsManager};
use aws_sdk_ssm::types::ParameterType;
use serde_json::json;
use sha2::Digest;

use crate::account::{Account, build_phase, trouble, variable};

#[tokio::test]
async fn call_beats_buildspec_and_codebuild_says_where_and_what_builds() {
    let account = Account::open().await;
    let spec = format!(
        "env:\n  variables:\n    ONE: spec\n    TWO: spec\n{}",
        build_phase(&[
            "echo \"$ONE $TWO\"",
            "env | cut -d= -f1 | sort | tr '\\n' ' '",
            "pwd; test \"$(pwd)\" = \"$CODEBUILD_SRC_DIR\""
        ])
    );
    let build = account
        .finish(
            account
                .start(&spec)
                .environment_variables_override(variable("ONE", "call", Plaintext)),
        )
        .await;
    assert_eq!(build.build_status().unwrap().as_str(), "SUCCEEDED");
    let output = account.output(&build).await;
    assert_eq!(output[0], "call spec");
    for name in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_REGION",
        "CODEBUILD_BUILD_ID",
        "CODEBUILD_SRC_DIR",
        "HOME",
    ] {
        assert!(output[1].split(' ').any(|own| own == name), "{name}: {output:?}");
    }
    assert!(!output[1].contains("CARGO"), "{output:?}");
}

#[tokio::test]
async fn hostile_values_reach_commands_unchanged() {
    let account = Account::open().await;
    let value = "a'b\"c $(touch /tmp/x) `id` \\ ; * \u{e4}\nsecond line";
    let spec = build_phase(&["printf '%s' \"$VALUE\" | sha256sum", "test ! -e /tmp/x"]);
    let build = account
        .finish(
            account
                .start(&spec)
                .environment_variables_override(variable("VALUE", value, Plaintext)),
        )
        .await;
    assert_eq!(build.build_status().unwrap().as_str(), "SUCCEEDED");
    let expected = format!("{}  -", hex::encode(sha2::Sha256::digest(value)));
    assert_eq!(account.output(&build).await, [expected]);
}

#[tokio::test]
async fn parameters_and_secrets_are_resolved_and_masked() {
    let account = Account::open().await;
    let put = account
        .ssm
        .put_parameter()
        .name("/app/key")
        .value("p4rameter")
        .r#type(ParameterType::SecureString);
    put.send().await.unwrap();
    account
        .secrets
        .create_secret()
        .name("app")
        .secret_string("{\"token\":\"s3cret\"}")
        .send()
        .await
        .unwrap();
    let spec = build_phase(&["echo \"key $KEY token $TOKEN\"", "printf %s \"$KEY$TOKEN\" | wc -c"]);
    let start = account
        .start(&spec)
        .environment_variables_override(variable("KEY", "/app/key", ParameterStore))
        .environment_variables_override(variable("TOKEN", "app:token", SecretsManager));
    let build = account.finish(start).await;
    assert_eq!(account.output(&build).await, ["key *** token ***", "15"]);
    assert!(
        account
            .log(&build)
            .await
            .iter()
            .all(|line| !line.contains("p4rameter") && !line.contains("s3cret"))
    );
    let shown = &build.environment().unwrap().environment_variables()[0];
    assert_eq!((shown.name(), shown.value()), ("KEY", "/app/key"));
}

#[tokio::test]
async fn missing_and_forbidden_references_fail_before_any_command() {
    let account = Account::open().await;
    let start = || {
        account
            .start(&build_phase(&["echo ran"]))
            .environment_variables_override(variable("KEY", "/app/key", ParameterStore))
    };
    let build = account.finish(start()).await;
    let (phase, code, message) = trouble(&build);
    assert_eq!(
        (phase.as_str(), code.as_str()),
        ("DOWNLOAD_SOURCE", "Decrypted Variables Error")
    );
    assert_eq!(message, "parameter does not exist: /app/key");
    account
        .ssm
        .put_parameter()
        .name("/app/key")
        .value("v")
        .r#type(ParameterType::SecureString)
        .send()
        .await
        .unwrap();
    account
        .admin(("POST", "deny?action=ssm:GetParameters"), json!({}))
        .await;
    let (_, _, message) = trouble(&account.finish(start()).await);
    assert!(
        message.contains("not authorized to perform: ssm:GetParameters"),
        "{message}"
    );
}

#[tokio::test]
async fn exported_variables_are_those_of_the_last_command() {
    let account = Account::open().await;
    let spec = format!(
        "env:\n  exported-variables: [DIGEST, LINES, NEVER]\n{}",
        build_phase(&["DIGEST=first", "DIGEST=sha256:1; LINES=$(printf 'a\\nb')"])
    );
    let build = account.run(&spec).await;
    let exported: Vec<_> = build
        .exported_environment_variables()
        .iter()
        .map(|variable| (variable.name().unwrap(), variable.value().unwrap()))
        .collect();
    assert_eq!(exported, [("DIGEST", "sha256:1"), ("LINES", "a\nb"), ("NEVER", "")]);
}

#[tokio::test]
async fn environment_of_more_than_5500_characters_fails_in_provisioning() {
    let account = Account::open().await;
    let start = account.start(&build_phase(&["true"]));
    let build = account
        .finish(start.environment_variables_override(variable("BIG", &"x".repeat(6000), Plaintext)))
        .await;
    assert_eq!(trouble(&build).0, "PROVISIONING");
}

#[tokio::test]
async fn a_build_reads_and_logs_with_the_policies_of_its_role() {
    let account = Account::open().await;
    account
        .secrets
        .create_secret()
        .name("app")
        .secret_string("s3cret")
        .send()
        .await
        .unwrap();
    let start = || {
        account
            .start(&build_phase(&["true"]))
            .environment_variables_override(variable("TOKEN", "app", SecretsManager))
    };
    let allow = |action: &str, resource: &str| json!({"Effect": "Allow", "Action": action, "Resource": resource});
    let logs = "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/images";
    let mut statements = Vec::new();
    for (missing, statement) in [
        ("logs:CreateLogGroup", allow("logs:CreateLogGroup", logs)),
        (
            "logs:CreateLogStream",
            allow("logs:CreateLogStream", &format!("{logs}:*")),
        ),
        ("logs:PutLogEvents", allow("logs:PutLogEvents", &format!("{logs}:*"))),
        (
            "secretsmanager:GetSecretValue",
            allow(
                "secretsmanager:GetSecretValue",
                "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-??????",
            ),
        ),
    ] {
        let first = if statements.is_empty() {
            vec![allow("sts:AssumeRole", "*")]
        } else {
            statements.clone()
        };
        let policy = json!({"Version": "2012-10-17", "Statement": first});
        account
            .admin(("PUT", "policy?identity=role/service-role/codebuild"), policy)
            .await;
        let (_, _, message) = trouble(&account.finish(start()).await);
        assert!(message.contains(&format!("to perform: {missing} on")), "{message}");
        statements.push(statement);
    }
    let policy = json!({"Version": "2012-10-17", "Statement": statements});
    account.admin(("PUT", "policy?identity=role/codebuild"), policy).await;
    let build = account.finish(start()).await;
    assert_eq!(build.build_status().unwrap().as_str(), "SUCCEEDED");
}
