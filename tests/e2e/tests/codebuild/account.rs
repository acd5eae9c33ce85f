//! Accounts that are set up wrong: what is missing, where it is said, and what to do; and nothing is left behind.

use e2e::{CodeBuild, Identity, Place, Project, Stack, policies, policies_with_key};
use serde_json::{Value, json};

/// A stack of `project` that `identity` uses, on a machine without a builder.
fn stack(project: &Project, identity: &Identity) -> Stack {
    identity.uses(&project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere"))
}

/// A project of CodeBuild and a program that builds there, both with rights of their own.
struct Setting {
    codebuild: CodeBuild,
    project: Project,
    caller: Identity,
    role: Identity,
    dev: Stack,
}

impl Setting {
    fn new(name: &str) -> Self {
        let codebuild = CodeBuild::create_in(name, &Place::with_role(name));
        let project = Project::with_image(&format!("cb-{name}"), &codebuild.builder());
        let (caller, role) = (Identity::user(&format!("{name}-caller")), Identity::role(name));
        let [for_caller, for_role] = policies(&codebuild, &project);
        caller.may(&for_caller);
        role.may(&for_role);
        let dev = stack(&project, &caller);
        Self {
            codebuild,
            project,
            caller,
            role,
            dev,
        }
    }

    /// With other settings of the builder.
    fn with_builder(&self, settings: &str) {
        self.project
            .image_program(&format!("      builder: {{codebuild: {{{settings}}}}}\n"));
    }

    #[track_caller]
    fn has_nothing_left(&self) {
        self.codebuild.has_nothing_left(&self.caller);
    }
}

/// The policy without what `unwanted` names.
fn without(mut policy: Value, unwanted: &str) -> Value {
    let statements = policy["Statement"].as_array_mut().expect("statements");
    for statement in statements.iter_mut() {
        if let Some(actions) = statement["Action"].as_array_mut() {
            actions.retain(|action| action != unwanted);
        }
    }
    statements.retain(|statement| statement["Action"] != unwanted && statement["Action"] != json!([]));
    policy
}

#[test]
fn a_project_that_does_not_exist_is_named_with_its_input() {
    let it = Setting::new("no-project");
    it.caller.may(&json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": ["codebuild:*", "ecr:*"], "Resource": "*"}}));
    it.with_builder("project: imagse, sourceBucket: no-project-files");
    it.dev
        .up(&[])
        .fails()
        .says("builder.codebuild.project: there is no CodeBuild project `imagse` in region `eu-central-1`")
        .says("hint: list the projects with `aws codebuild list-projects --region eu-central-1`");
    it.has_nothing_left();
}

#[test]
fn a_bucket_that_does_not_exist_or_is_elsewhere_is_named_with_its_input() {
    let it = Setting::new("no-bucket");
    it.caller.may(&json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": ["codebuild:*", "ecr:*", "s3:*"], "Resource": "*"}}));
    it.with_builder("project: no-bucket, sourceBucket: nobodys-files");
    it.dev
        .up(&[])
        .fails()
        .says("builder.codebuild.sourceBucket: there is no S3 bucket `nobodys-files`")
        .says("hint: create it with `aws s3 mb s3://nobodys-files` in the project's region");
    e2e::admin("PUT", "bucket?name=no-bucket-files&region=us-east-1");
    it.with_builder("project: no-bucket, sourceBucket: no-bucket-files");
    it.dev
        .up(&[])
        .fails()
        .says("builder.codebuild.sourceBucket: the S3 bucket `no-bucket-files` is not in region `eu-central-1` but in `us-east-1`")
        .says("hint: name a bucket in `eu-central-1`, where the CodeBuild project is");
    assert!(it.codebuild.builds().is_empty());
    it.has_nothing_left();
}

#[test]
fn a_machine_of_the_wrong_kind_is_refused_before_anything_is_sent() {
    let it = Setting::new("wrong-machine");
    let known = "project: wrong-machine, sourceBucket: wrong-machine-files";
    let arm = "      platforms: [linux/arm64]\n";
    for (more, input, hint) in [
        (
            "image: \"aws/codebuild/amazonlinux-x86_64-standard:5.0\"",
            "builder.codebuild.image: project `wrong-machine`: image `aws/codebuild/amazonlinux-x86_64-standard:5.0` does \
             not run on the machines for `linux/arm64`",
            "hint: leave `image` out of `builder.codebuild`",
        ),
        (
            "environmentType: LINUX_CONTAINER",
            "builder.codebuild.environmentType: project `wrong-machine`: environment type `LINUX_CONTAINER` cannot build \
             `linux/arm64`",
            "hint: leave `environmentType` out",
        ),
        (
            "computeType: BUILD_LAMBDA_4GB",
            "builder.codebuild.computeType: project `wrong-machine`: compute type `BUILD_LAMBDA_4GB` has no Docker",
            "hint: set `computeType` to a type such as",
        ),
    ] {
        it.project
            .image_program(&format!("      builder: {{codebuild: {{{known}, {more}}}}}\n{arm}"));
        it.dev.up(&[]).fails().says(input).says(hint);
    }
    assert!(it.codebuild.builds().is_empty());
    let bucket = &e2e::leftovers()["buckets"]["wrong-machine-files"];
    assert_eq!(bucket["keys"], json!([]));
}

#[test]
fn a_project_that_is_not_privileged_serves_without_the_rights_that_are_optional() {
    let it = Setting::new("unprivileged");
    it.project
        .image_program(&format!("{}      cache: {{mode: off}}\n", it.codebuild.builder()));
    let [for_caller, for_role] = policies(&it.codebuild, &it.project);
    let optional = [
        "ecr:GetDownloadUrlForLayer",
        "ecr:DescribeRepositories",
        "s3:AbortMultipartUpload",
        "ssm:PutParameter",
        "ssm:DeleteParameters",
        "ssm:GetParametersByPath",
    ];
    it.caller
        .may(&optional.iter().fold(for_caller, |policy, one| without(policy, one)));
    it.role.may(&without(for_role, "ssm:GetParameters"));
    it.dev.up(&[]).ok().says("on codebuild");
    assert_eq!(it.codebuild.builds()[0]["environment"]["privilegedMode"], true);
    let project = e2e::aws(&["codebuild", "batch-get-projects", "--names", "unprivileged"]);
    assert_eq!(project["projects"][0]["environment"]["privilegedMode"], false);
}

#[test]
fn a_role_that_may_not_push_is_told_which_action_it_lacks() {
    let it = Setting::new("no-push");
    let [_, for_role] = policies(&it.codebuild, &it.project);
    it.role.may(&without(for_role, "ecr:InitiateLayerUpload"));
    it.dev
        .up(&[])
        .fails()
        .says("ecr:InitiateLayerUpload")
        .says("hint: allow `ecr:InitiateLayerUpload` in the IAM policy of the service role of project `no-push`");
    it.has_nothing_left();
}

#[test]
fn a_role_that_may_not_read_the_bucket_is_told_so() {
    let it = Setting::new("no-read");
    let [_, for_role] = policies(&it.codebuild, &it.project);
    it.role.may(&without(for_role, "s3:GetObject"));
    it.dev
        .up(&[])
        .fails()
        .says("while fetching the plan")
        .says("hint: allow `s3:GetObject` in the IAM policy of the service role of project `no-read`");
    it.has_nothing_left();
}

#[test]
fn a_role_that_may_not_log_is_told_which_actions_it_lacks() {
    let it = Setting::new("no-log");
    let [_, for_role] = policies(&it.codebuild, &it.project);
    it.role.may(&without(for_role, "logs:CreateLogStream"));
    it.dev
        .up(&[])
        .fails()
        .says("is not authorized to perform: logs:CreateLogStream")
        .says("hint: allow `logs:CreateLogStream` in the IAM policy of the service role of project `no-log`");
    it.has_nothing_left();
}

#[test]
fn a_key_that_may_not_be_used_is_told_with_its_action() {
    let it = Setting::new("no-key");
    let key = "arn:aws:kms:eu-central-1:123456789012:key/own";
    e2e::admin("PUT", &format!("bucket?name=no-key-files&kms={key}"));
    it.dev
        .up(&[])
        .fails()
        .says("the KMS key may not be used, `kms:GenerateDataKey` is denied")
        .says(key)
        .says("hint: allow `kms:GenerateDataKey` on the KMS key");
    assert!(it.codebuild.builds().is_empty());
    let [for_caller, for_role] = policies_with_key(&it.codebuild, &it.project);
    it.caller.may(&for_caller);
    it.dev
        .up(&[])
        .fails()
        .says("while fetching the plan")
        .says("hint: allow `kms:Decrypt` in the IAM policy of the service role of project `no-key`");
    it.role.may(&for_role);
    it.dev.up(&[]).ok().says("on codebuild");
    it.has_nothing_left();
}

#[test]
fn credentials_that_have_ended_are_told_before_anything_begins() {
    let it = Setting::new("ended");
    let caller = Identity::session("ended-session");
    let dev = caller.uses(&it.dev);
    caller.end_sessions();
    dev.up(&[])
        .fails()
        .says("AWS refuses the credentials with `ExpiredToken")
        .says("hint: ")
        .says("aws sso login");
    assert!(it.codebuild.builds().is_empty());
    it.has_nothing_left();
}

#[test]
fn credentials_that_end_during_a_build_leave_it_to_the_next_update() {
    let it = Setting::new("ends");
    it.project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nRUN sleep 25\n",
    );
    let caller = Identity::session("ends-session");
    let cli = caller.uses(&it.dev).spawn(&["up", "--yes", "--skip-preview"]);
    it.codebuild.await_phase("BUILD");
    caller.end_sessions();
    let output = cli.wait_with_output().expect("the CLI");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let id = it.codebuild.builds()[0]["id"].as_str().expect("an id").to_owned();
    for part in [
        format!("CodeBuild build {id} cannot be followed any more and may still run").as_str(),
        "AWS refuses the credentials with `ExpiredTokenException`",
        "hint: renew the credentials",
        "then run `pulumi up` again, which adopts the image if that build succeeds",
    ] {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    it.codebuild.await_phase("COMPLETED");
    it.dev.up(&[]).ok().says("adopted");
    assert_eq!(it.codebuild.builds().len(), 1);
    it.has_nothing_left();
}

#[test]
fn credentials_of_an_assumed_role_are_renewed_during_a_build() {
    let it = Setting::new("renewed");
    e2e::admin("PUT", "sessions?identity=role/renewed-deploy&lifetime=14");
    let role = "arn:aws:iam::123456789012:role/renewed-deploy";
    it.caller.may(&json!({"Version": "2012-10-17", "Statement":
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}}));
    it.dev
        .run(&["config", "set", "--stack", "dev", "fastcontainer:assumeRoleArn", role])
        .ok();
    it.project
        .write("app/Dockerfile", "FROM busybox:1.36\nCOPY . .\nRUN sleep 20\n");
    it.dev.up(&[]).ok().says("on codebuild");
    it.has_nothing_left();
}

#[test]
fn a_caller_who_may_not_follow_a_build_does_not_leave_it_running() {
    let it = Setting::new("no-follow");
    it.project
        .write("app/Dockerfile", "FROM busybox:1.36\nCOPY . .\nRUN sleep 60\n");
    let [for_caller, _] = policies(&it.codebuild, &it.project);
    it.caller.may(&without(for_caller, "codebuild:BatchGetBuilds"));
    it.dev
        .up(&[])
        .fails()
        .says("cannot be followed any more; it was stopped")
        .says("access denied for action `codebuild:BatchGetBuilds`")
        .says("hint: allow `codebuild:BatchGetBuilds` in the IAM policy of the identity in use");
    it.has_nothing_left();
}

#[test]
fn a_profile_that_does_not_exist_is_named() {
    let it = Setting::new("no-profile");
    it.dev
        .run(&["config", "set", "--stack", "dev", "fastcontainer:profile", "nobody"])
        .ok();
    let said = "there is no AWS profile `nobody`, which `profile` names";
    let hint = "hint: list the profiles with `aws configure list-profiles`";
    it.dev.up(&[]).fails().says(said).says(hint);
    it.dev
        .run(&["config", "rm", "--stack", "dev", "fastcontainer:profile"])
        .ok();
    let of_environment = it.dev.without("AWS_ACCESS_KEY_ID").with("AWS_PROFILE", "nobody");
    let said = "there is no AWS profile `nobody`, which `AWS_PROFILE` names";
    of_environment.up(&[]).fails().says(said).says(hint);
    assert!(it.codebuild.builds().is_empty());
}

#[test]
fn a_role_that_may_not_be_assumed_is_named() {
    let it = Setting::new("no-assume");
    let role = "arn:aws:iam::123456789012:role/admin";
    it.dev
        .run(&["config", "set", "--stack", "dev", "fastcontainer:assumeRoleArn", role])
        .ok();
    it.dev
        .up(&[])
        .fails()
        .says("access denied for action `sts:AssumeRole`")
        .says(role)
        .says("hint: allow `sts:AssumeRole`");
    assert!(it.codebuild.builds().is_empty());
}

#[test]
fn a_project_that_may_run_one_build_gets_one_after_the_other() {
    let it = Setting::new("one-build");
    e2e::aws(&[
        "codebuild",
        "update-project",
        "--name",
        "one-build",
        "--concurrent-build-limit",
        "1",
    ]);
    let both = "      platforms: [linux/amd64, linux/arm64]\n";
    it.project.image_program(&format!("{}{both}", it.codebuild.builder()));
    it.dev.up(&[]).ok().says("on codebuild");
    assert_eq!(it.codebuild.builds().len(), 2);
    it.has_nothing_left();
}
