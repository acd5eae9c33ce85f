//! The types of resources that examples use: what AWS adds to their inputs, and what is really done.

use serde_json::{Value, json};
use tonic::Status;

use crate::account::{ACCOUNT, REGION, arn};
use crate::{Asked, account, images, number_of};

/// A type of resource.
pub(crate) struct Kind {
    token: &'static str,
    /// The input that is the physical name.
    pub(crate) name: &'static str,
    /// Outputs beside the inputs.
    pub(crate) added: fn(&Asked) -> Value,
    /// What happens in the account.
    pub(crate) act: fn(&Asked) -> Result<(), Status>,
}

const KINDS: &[Kind] = &[
    kind(
        "aws:ecr/repository:Repository",
        "name",
        repository,
        account::create_repository,
    ),
    kind("aws:ecr/lifecyclePolicy:LifecyclePolicy", "repository", nothing, no_act),
    kind("aws:iam/role:Role", "name", role, no_act),
    kind("aws:iam/policy:Policy", "name", policy, no_act),
    kind(
        "aws:iam/rolePolicy:RolePolicy",
        "name",
        nothing,
        account::put_role_policy,
    ),
    kind(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        "role",
        nothing,
        no_act,
    ),
    kind("aws:s3/bucket:Bucket", "bucket", bucket, account::create_bucket),
    kind(
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
        "bucket",
        nothing,
        no_act,
    ),
    kind(
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
        "bucket",
        nothing,
        no_act,
    ),
    kind(
        "aws:codebuild/project:Project",
        "name",
        project,
        account::create_project,
    ),
    kind(
        "aws:lambda/function:Function",
        "name",
        function,
        images::accept_function,
    ),
    kind(
        "aws:lambda/functionUrl:FunctionUrl",
        "functionName",
        function_url,
        no_act,
    ),
    kind("aws:ecs/cluster:Cluster", "name", cluster, no_act),
    kind(
        "aws:ecs/taskDefinition:TaskDefinition",
        "family",
        task_definition,
        images::accept_containers,
    ),
    kind("aws:ecs/service:Service", "name", nothing, no_act),
    kind("aws:cloudwatch/logGroup:LogGroup", "name", nothing, no_act),
];

const fn kind(
    token: &'static str,
    name: &'static str,
    added: fn(&Asked) -> Value,
    act: fn(&Asked) -> Result<(), Status>,
) -> Kind {
    Kind {
        token,
        name,
        added,
        act,
    }
}

impl Kind {
    /// The type with this token.
    pub(crate) fn of(token: &str) -> Result<&'static Self, Status> {
        let found = KINDS.iter().find(|kind| kind.token == token);
        found.ok_or_else(|| Status::unimplemented(format!("the stand-in for AWS has no `{token}`")))
    }
}

fn no_act(_: &Asked) -> Result<(), Status> {
    Ok(())
}

fn nothing(_: &Asked) -> Value {
    json!({})
}

fn repository(asked: &Asked) -> Value {
    let name = &asked.name;
    json!({
        "arn": arn("ecr", &format!("repository/{name}")),
        "registryId": ACCOUNT,
        "repositoryUrl": format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{name}"),
    })
}

fn role(asked: &Asked) -> Value {
    json!({ "arn": format!("arn:aws:iam::{ACCOUNT}:role/{}", asked.name) })
}

fn policy(asked: &Asked) -> Value {
    json!({ "arn": format!("arn:aws:iam::{ACCOUNT}:policy/{}", asked.name) })
}

fn bucket(asked: &Asked) -> Value {
    json!({ "arn": format!("arn:aws:s3:::{}", asked.name) })
}

fn project(asked: &Asked) -> Value {
    json!({ "arn": arn("codebuild", &format!("project/{}", asked.name)) })
}

fn function(asked: &Asked) -> Value {
    json!({ "arn": arn("lambda", &format!("function:{}", asked.name)) })
}

fn function_url(asked: &Asked) -> Value {
    json!({ "functionUrl": format!("https://{:x}.lambda-url.{REGION}.on.aws/", number_of(&asked.name)) })
}

fn cluster(asked: &Asked) -> Value {
    json!({ "arn": arn("ecs", &format!("cluster/{}", asked.name)) })
}

/// The number of the revision follows from the containers: other containers, another revision.
fn task_definition(asked: &Asked) -> Value {
    let revision = number_of(asked.text("containerDefinitions")) % 100_000;
    json!({ "arn": arn("ecs", &format!("task-definition/{}:{revision}", asked.name)), "revision": revision })
}
