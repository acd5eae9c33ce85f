//! Several regions and accounts in one program, and another place for the API.

use e2e::{CodeBuild, Identity, Place, Project, admin, image_content, lab};
use serde_json::json;

const OTHER_ACCOUNT: &str = "999988887777";
const OTHER_HOST: &str = "999988887777.dkr.ecr.us-east-1.amazonaws.com";

/// What pushing and reading back needs.
const PUSH: [&str; 8] = [
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeRepositories",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
];

#[test]
fn an_image_goes_to_another_account_and_region_than_it_is_built_in() {
    let codebuild = CodeBuild::create("far");
    let project = Project::with_image("cb-far", "");
    let name = format!("{}/api", project.name());
    let repository = format!("{OTHER_HOST}/{name}");
    admin("PUT", &format!("repository?repository={repository}"));
    project.program(&format!(
        "resources:\n  api:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
         {repository}\n      context: ./app\n      builder: {{codebuild: {{project: far, sourceBucket: far-files, region: \
         eu-central-1}}}}\noutputs:\n  uri: ${{api.imageUri}}\n"
    ));
    let dev = project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere");
    dev.up(&[])
        .fails()
        .says("access denied for action `ecr:BatchGetImage`")
        .says("hint: allow `ecr:BatchGetImage` to this account in the policy of the repository");
    assert!(codebuild.builds().is_empty());

    let let_in = |actions: &[&str]| {
        let principal = json!({"AWS": "arn:aws:iam::123456789012:root"});
        let statement = json!({"Effect": "Allow", "Principal": principal, "Action": actions});
        let policy = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
        let set = [
            "ecr",
            "set-repository-policy",
            "--repository-name",
            &name,
            "--policy-text",
            &policy,
        ];
        let owner = Identity::user_of(OTHER_ACCOUNT, "owner");
        owner.aws(&[set.as_slice(), &["--region", "us-east-1"]].concat());
    };
    let_in(&["ecr:BatchGetImage", "ecr:DescribeRepositories"]);
    dev.up(&[]).fails().says("hint: let the service role of project `far` push, in its IAM policy and, for a repository of another account")
        .says("ecr:InitiateLayerUpload, ecr:UploadLayerPart");
    let_in(&PUSH);
    dev.up(&[]).ok().says("on codebuild");
    assert!(dev.output("uri").starts_with(&repository));
    let tags = admin("GET", &format!("repository?repository={repository}"))["tags"].take();
    assert!(
        tags.as_object()
            .is_some_and(|tags| tags.keys().any(|tag| tag.starts_with("fc-"))),
        "{tags}"
    );
}

#[test]
fn two_images_are_built_in_two_regions_one_by_the_provider_s_configuration() {
    let (near, away) = (
        CodeBuild::create("near"),
        CodeBuild::create_in("away", &Place::in_region("us-east-1")),
    );
    let project = Project::new("cb-regions", "");
    let images: String = [
        ("near", ""),
        (
            "away",
            "      builder: {codebuild: {project: away, sourceBucket: away-files, region: us-east-1}}\n",
        ),
    ]
    .map(|(name, builder)| {
        project.write(&format!("{name}/Dockerfile"), "FROM busybox:1.36\nCOPY src.txt /app/src.txt\n");
        project.write(&format!("{name}/src.txt"), name);
        let repository = project.repository(name);
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      \
             context: ./{name}\n{builder}"
        )
    })
    .concat();
    let outputs = "outputs:\n  near: ${near.imageUri}\n  away: ${away.imageUri}\n";
    project.program(&format!("resources:\n{images}{outputs}"));
    let dev = project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere");
    for (key, value) in [("project", "near"), ("sourceBucket", "near-files")] {
        let path = format!("fastcontainer:builder.codebuild.{key}");
        dev.run(&["config", "set", "--stack", "dev", "--path", &path, value])
            .ok();
    }
    dev.up(&[]).ok().says("near: built in").says("away: built in");
    for (codebuild, region) in [(&near, "eu-central-1"), (&away, "us-east-1")] {
        let builds = codebuild.builds();
        assert_eq!(builds.len(), 1, "{builds:?}");
        let arn = builds[0]["arn"].as_str().expect("an ARN");
        assert!(arn.contains(&format!(":codebuild:{region}:")), "{arn}");
    }
    assert_eq!(image_content(&dev.output("near")), "near");
    assert_eq!(image_content(&dev.output("away")), "away");
}

#[test]
fn everything_but_the_registry_is_asked_at_the_endpoint_that_is_set() {
    let codebuild = CodeBuild::create("endpoint");
    let project = Project::with_image("cb-endpoint", &codebuild.builder());
    let dev = project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere");
    let url = lab().emulator().url();
    dev.run(&["config", "set", "--stack", "dev", "fastcontainer:endpointUrl", &url])
        .ok();
    dev.up(&[]).ok().says("on codebuild");
    let host = url.trim_start_matches("http://");
    let requests = admin("GET", "requests")["requests"].take();
    let asked: Vec<_> = requests
        .as_array()
        .into_iter()
        .flatten()
        .filter(|one| one["host"] == host)
        .collect();
    let operations = [
        "codebuild:StartBuild",
        "codebuild:BatchGetBuilds",
        "logs:GetLogEvents",
        "ecr:BatchGetImage",
    ];
    for operation in operations {
        assert!(asked.iter().any(|one| one["operation"] == operation), "{operation}");
    }
    // Without a host of its own, a bucket is a part of the path.
    let is_upload = |one: &&serde_json::Value| {
        let path = one["path"].as_str().unwrap_or_default();
        one["operation"] == "s3:PutObject" && path.starts_with("/endpoint-files/fastcontainer/")
    };
    assert_eq!(asked.iter().copied().filter(is_upload).count(), 2, "archive and plan");
}
