//! A CodeBuild project and its bucket, in the emulated account, made with the AWS CLI as a user makes them.

use serde_json::{Value, json};

use crate::{Place, admin, aws};

/// A project with a bucket of its own.
pub struct CodeBuild {
    /// Name of the project.
    pub project: String,
    /// Name of the bucket.
    pub bucket: String,
    place: Place,
}

impl CodeBuild {
    /// Makes a project whose builds may not run Docker by themselves: each build asks for what it needs.
    #[must_use]
    pub fn create(name: &str) -> Self {
        Self::create_in(name, &Place::default())
    }

    /// The same in another region, or with a role of its own.
    #[must_use]
    pub fn create_in(name: &str, place: &Place) -> Self {
        let bucket = format!("{name}-files");
        let project = json!({
            "name": name,
            "serviceRole": format!("arn:aws:iam::123456789012:role/{}", place.role),
            "artifacts": { "type": "NO_ARTIFACTS" },
            "source": { "type": "NO_SOURCE", "buildspec": "version: 0.2\nphases:\n  build:\n    commands: ['true']\n" },
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": false,
            },
        });
        let project = project.to_string();
        aws(&[
            "codebuild",
            "create-project",
            "--cli-input-json",
            &project,
            "--region",
            &place.region,
        ]);
        aws(&["s3", "mb", &format!("s3://{bucket}"), "--region", &place.region]);
        Self {
            project: name.to_owned(),
            bucket,
            place: place.clone(),
        }
    }

    /// A project and a bucket that somebody else has made.
    #[must_use]
    pub fn existing(project: &str, bucket: &str) -> Self {
        Self {
            project: project.to_owned(),
            bucket: bucket.to_owned(),
            place: Place::default(),
        }
    }

    /// The `builder` input.
    #[must_use]
    pub fn settings(&self) -> Value {
        json!({ "codebuild": { "project": self.project, "sourceBucket": self.bucket } })
    }

    /// The line of a program that makes an image build here.
    #[must_use]
    pub fn builder(&self) -> String {
        self.builder_with("")
    }

    /// The same with further members, such as `, image: aws/codebuild/standard:7.0`.
    #[must_use]
    pub fn builder_with(&self, more: &str) -> String {
        format!(
            "      builder: {{codebuild: {{project: {}, sourceBucket: {}{more}}}}}\n",
            self.project, self.bucket
        )
    }

    /// The keys in the bucket.
    #[must_use]
    pub fn objects(&self) -> Value {
        leftovers()["buckets"][&self.bucket]["keys"].take()
    }

    /// All builds of the project, the newest first.
    #[must_use]
    pub fn builds(&self) -> Vec<Value> {
        let region = ["--region", self.place.region.as_str()];
        let list = ["codebuild", "list-builds-for-project", "--project-name", &self.project];
        let ids = aws(&[list.as_slice(), &region].concat());
        let ids: Vec<_> = ids["ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if ids.is_empty() {
            return Vec::new();
        }
        let builds = aws(&[&["codebuild", "batch-get-builds", "--ids"], ids.as_slice(), &region].concat());
        builds["builds"].as_array().cloned().unwrap_or_default()
    }
}

/// The log of a build as CloudWatch Logs has it.
#[must_use]
pub fn cloudwatch_log(build: &Value) -> String {
    let place = |name: &str| build["logs"][name].as_str().unwrap_or_default();
    let (group, stream) = (place("groupName"), place("streamName"));
    let arguments = ["logs", "get-log-events", "--start-from-head", "--log-group-name", group];
    let page = aws(&[&arguments[..], &["--log-stream-name", stream]].concat());
    let events = page["events"].as_array().into_iter().flatten();
    events.filter_map(|event| event["message"].as_str()).collect()
}

/// Names of the short-lived parameters that a build was given.
#[must_use]
pub fn parameters_of(build: &Value) -> Vec<String> {
    let variables = build["environment"]["environmentVariables"].as_array();
    let names = variables.into_iter().flatten().filter_map(|one| one["value"].as_str());
    let ours = names.filter(|name| name.starts_with("/fastcontainer/"));
    ours.map(str::to_owned).collect()
}

/// Those of them that are still there.
#[must_use]
pub fn left_of(parameters: &[String]) -> Vec<&String> {
    let there = leftovers()["parameters"].to_string();
    parameters.iter().filter(|name| there.contains(name.as_str())).collect()
}

/// What runs, fails and is denied in the emulated account.
#[must_use]
pub fn leftovers() -> Value {
    admin("GET", "leftovers")
}
