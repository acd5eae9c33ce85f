//! What is really made in the emulated account, and what the account says about itself.

use serde_json::{Value, json};
use tonic::Status;

use crate::Asked;

/// The account of a lab.
pub(crate) const ACCOUNT: &str = "123456789012";
/// The region of a lab.
pub(crate) const REGION: &str = "eu-central-1";

/// A name in this account and region.
pub(crate) fn arn(service: &str, rest: &str) -> String {
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}")
}

/// Answers the functions that programs ask about the account.
pub(crate) fn answer(function: &str) -> Result<Value, Status> {
    match function {
        "aws:index/getCallerIdentity:getCallerIdentity" => Ok(json!({
            "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root"), "id": ACCOUNT, "userId": ACCOUNT,
        })),
        "aws:index/getRegion:getRegion" => Ok(json!({
            "description": "Europe (Frankfurt)", "endpoint": "", "id": REGION, "name": REGION, "region": REGION,
        })),
        other => Err(Status::unimplemented(format!("the stand-in for AWS has no `{other}`"))),
    }
}

pub(crate) fn create_repository(asked: &Asked) -> Result<(), Status> {
    let mutability = match asked.text("imageTagMutability") {
        "" => "MUTABLE",
        given => given,
    };
    let options = ["--repository-name", &asked.name, "--image-tag-mutability", mutability];
    if asked.exists {
        return Ok(());
    }
    aws(&[&["ecr", "create-repository"], &options[..]].concat())
}

pub(crate) fn create_bucket(asked: &Asked) -> Result<(), Status> {
    if asked.exists {
        return Ok(());
    }
    aws(&["s3", "mb", &format!("s3://{}", asked.name)])
}

pub(crate) fn create_project(asked: &Asked) -> Result<(), Status> {
    if asked.exists {
        return Err(Status::unimplemented(
            "the stand-in for AWS changes no CodeBuild project",
        ));
    }
    let members = [
        "serviceRole",
        "artifacts",
        "source",
        "environment",
        "description",
        "logsConfig",
    ];
    let given = members.iter().filter(|member| !asked.inputs[**member].is_null());
    let mut project: Value = given
        .map(|member| ((*member).to_owned(), asked.inputs[*member].clone()))
        .collect();
    project["name"] = json!(asked.name);
    aws(&["codebuild", "create-project", "--cli-input-json", &project.to_string()])
}

/// A role with a policy may do what it allows and nothing else.
pub(crate) fn put_role_policy(asked: &Asked) -> Result<(), Status> {
    let policy: Value = serde_json::from_str(asked.text("policy"))
        .map_err(|error| Status::invalid_argument(format!("the policy of `{}`: {error}", asked.name)))?;
    let path = format!("policy?identity=role/{}", asked.text("role"));
    let set = e2e::lab().emulator().admin_with("PUT", &path, &policy);
    set.map(drop)
        .map_err(|error| Status::invalid_argument(format!("{path}: {error}")))
}

fn aws(arguments: &[&str]) -> Result<(), Status> {
    let made = e2e::try_aws(arguments);
    made.map(drop)
        .map_err(|said| Status::failed_precondition(format!("aws {}: {said}", arguments.join(" "))))
}
