//! The emulator as clients see it that are not ours: the AWS CLI and boto3.
//!
//! Mostly they are pointed at the plain listener of a lab in host mode, so that neither root nor a builder is needed; once
//! they use the real names over TLS, which needs a lab of its own. Both are tools of `cargo xtask setup`; the tests run
//! with `cargo test -p fastcontainer-lab --test aws_clients -- --ignored`.

use std::error::Error;
use std::process::{Command, Output, Stdio};

use fastcontainer_lab::{Tool, Tools};

/// Runs a script with the AWS CLI on its path and the emulator as every service's endpoint.
fn with_aws_cli(script: &str) -> Result<Output, Box<dyn Error>> {
    let script = format!("export AWS_ENDPOINT_URL=$FASTCONTAINER_EMULATOR\n{script}");
    in_lab(&["--host"], &script)
}

/// Runs a script in a lab with the AWS CLI on its path.
fn in_lab(arguments: &[&str], script: &str) -> Result<Output, Box<dyn Error>> {
    let programs = Tools::locate()?.require(Tool::AwsCli)?.join("bin");
    let prologue = format!(
        "export PATH={}:$PATH AWS_DEFAULT_REGION=$AWS_REGION\n\
         admin() {{ curl -sSf -X \"$1\" \"$FASTCONTAINER_EMULATOR/_admin/$2\"; }}\n\
         cd \"$(mktemp -d)\"\ntrap 'rm -rf \"$PWD\"' EXIT\n",
        programs.display()
    );
    let output = Command::new(env!("CARGO_BIN_EXE_lab"))
        .arg("run")
        .args(arguments)
        .args(["--", "bash", "-euo", "pipefail", "-c"])
        .arg(format!("{prologue}{script}"))
        .stderr(Stdio::inherit())
        .output()?;
    Ok(output)
}

fn said(output: &Output) -> Vec<String> {
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::to_owned).collect()
}

#[test]
#[ignore = "needs the tools of `cargo xtask setup`"]
fn the_cli_copies_files_and_streams_both_ways() {
    let script = r#"
        head -c 20000000 /dev/urandom > big
        echo small > small
        aws s3 mb s3://source
        aws s3 cp --quiet big s3://source/dir/big --metadata sha256=abc
        aws s3 cp --quiet - s3://source/streamed < big
        aws s3 cp --quiet small s3://source/small
        aws s3 cp --quiet s3://source/dir/big back && cmp big back
        aws s3 cp --quiet s3://source/streamed - | cmp big -
        aws s3 cp --quiet s3://source/small -
        aws s3 ls s3://source/ | awk '{print $NF}' | xargs
        aws s3api head-object --bucket source --key dir/big --query Metadata.sha256 --output text
        aws s3api head-object --bucket source --key none 2>&1 | grep -o 'Not Found' || true
        aws s3 rb --force s3://source > /dev/null
        admin GET leftovers | python3 -c 'import json,sys; print(json.load(sys.stdin)["buckets"])'
    "#;
    assert_eq!(
        said(&with_aws_cli(script).unwrap()),
        [
            "make_bucket: source",
            "small",
            "dir/ small streamed",
            "abc",
            "Not Found",
            "{}"
        ]
    );
}

#[test]
#[ignore = "needs the tools of `cargo xtask setup`"]
fn the_cli_works_with_registry_logs_parameters_and_secrets() {
    let script = r#"
        aws ecr create-repository --repository-name app --query repository.repositoryUri --output text
        test "$(aws ecr get-login-password | wc -c)" -gt 1000
        aws ssm put-parameter --name /app/token --type SecureString --value s3cret > /dev/null
        aws ssm get-parameter --name /app/token --with-decryption --query Parameter.Value --output text
        aws ssm get-parameters-by-path --path /app --query 'Parameters[].Name' --output text
        aws ssm delete-parameter --name /app/token
        aws ssm get-parameter --name /app/token 2>&1 | grep -o ParameterNotFound || true
        aws secretsmanager create-secret --name app --secret-string '{"user":"u"}' > /dev/null
        aws secretsmanager get-secret-value --secret-id app --query SecretString --output text
        aws logs create-log-group --log-group-name g
        aws logs create-log-stream --log-group-name g --log-stream-name s
        aws logs put-log-events --log-group-name g --log-stream-name s \
            --log-events "timestamp=$(date +%s000),message=hello" > /dev/null
        aws logs get-log-events --log-group-name g --log-stream-name s --start-from-head \
            --query 'events[].message' --output text
        aws sts get-caller-identity --query Account --output text
    "#;
    assert_eq!(
        said(&with_aws_cli(script).unwrap()),
        [
            "123456789012.dkr.ecr.eu-central-1.amazonaws.com/app",
            "s3cret",
            "/app/token",
            "ParameterNotFound",
            r#"{"user":"u"}"#,
            "hello",
            "123456789012",
        ]
    );
}

#[test]
#[ignore = "needs the tools of `cargo xtask setup`"]
fn boto3_agrees_on_answers_and_errors() {
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/aws_clients/client.py");
    let output = with_aws_cli(&format!("python {client}")).unwrap();
    assert_eq!(said(&output), ["as expected"]);
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn the_real_names_work_over_tls_for_any_bucket() {
    let script = r#"
        export AWS_CA_BUNDLE=$SSL_CERT_FILE
        aws s3 mb s3://any-name-$$ | sed "s/$$/N/"
        echo content | aws s3 cp --quiet - s3://any-name-$$/a
        aws s3 cp --quiet s3://any-name-$$/a -
        aws sts get-caller-identity --query Account --output text
        admin GET counters | python3 -c '
import json, sys
hosts = json.load(sys.stdin)["hosts"]
print(sum(host.startswith("any-name-") and host.endswith(".s3.eu-central-1.amazonaws.com") for host in hosts))'
    "#;
    assert_eq!(
        said(&in_lab(&["--endpoint", "buildkitd"], script).unwrap()),
        ["make_bucket: any-name-N", "content", "123456789012", "1"]
    );
}
