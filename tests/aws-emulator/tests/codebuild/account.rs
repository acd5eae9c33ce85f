//! An emulator with one project, and clients for the services that builds touch.

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_emulator::{Addresses, BuildHost, Server, Settings};
use aws_sdk_codebuild::operation::start_build::builders::StartBuildFluentBuilder;
use aws_sdk_codebuild::types::{
    ArtifactsType, Build, ComputeType, EnvironmentType, EnvironmentVariable, EnvironmentVariableType, ProjectArtifacts,
    ProjectEnvironment, ProjectSource, SourceType,
};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROJECT: &str = "images";
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/service-role/codebuild";

/// An emulator of one test.
pub(crate) struct Account {
    pub(crate) codebuild: aws_sdk_codebuild::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) ssm: aws_sdk_ssm::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    url: String,
    server: Option<Server>,
    data: TempDir,
}

macro_rules! client {
    ($service:ident, $url:expr) => {
        $service::Client::from_conf(
            $service::Config::builder()
                .behavior_version($service::config::BehaviorVersion::latest())
                .region($service::config::Region::new("eu-central-1"))
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .credentials_provider(Credentials::new("test", "test", None, None, "test"))
                .endpoint_url($url)
                .build(),
        )
    };
}

impl Account {
    /// Starts an emulator and creates the project.
    pub(crate) async fn open() -> Self {
        let data = TempDir::new().unwrap();
        let settings = Settings {
            data: data.path().to_owned(),
            account: "123456789012".into(),
            access_key: "test".into(),
            secret_key: "test".into(),
            plain_login: None,
            token_lifetime_seconds: 43_200,
            blob_mounting: false,
            build_host: BuildHost::default(),
        };
        let addresses = Addresses {
            http: Some(([127, 0, 0, 1], 0).into()),
            ..Addresses::default()
        };
        let server = Server::start(settings, addresses).await.unwrap();
        let url = format!("http://{}", server.http.unwrap());
        let account = Self {
            codebuild: client!(aws_sdk_codebuild, &url),
            logs: client!(aws_sdk_cloudwatchlogs, &url),
            ssm: client!(aws_sdk_ssm, &url),
            secrets: client!(aws_sdk_secretsmanager, &url),
            url,
            server: Some(server),
            data,
        };
        account.create_project(PROJECT).await;
        account
    }

    /// Makes a project that builds nothing by itself.
    pub(crate) async fn create_project(&self, name: &str) {
        let create = self.codebuild.create_project().name(name).service_role(ROLE);
        let create = create.source(
            ProjectSource::builder()
                .r#type(SourceType::NoSource)
                .buildspec("version: 0.2\nphases:\n  build:\n    commands:\n      - 'true'\n")
                .build()
                .unwrap(),
        );
        let artifacts = ProjectArtifacts::builder()
            .r#type(ArtifactsType::NoArtifacts)
            .build()
            .unwrap();
        create
            .artifacts(artifacts)
            .environment(environment())
            .send()
            .await
            .unwrap();
    }

    /// A StartBuild call for the project with these phases and other members in its buildspec.
    pub(crate) fn start(&self, members: &str) -> StartBuildFluentBuilder {
        let start = self.codebuild.start_build().project_name(PROJECT);
        start.buildspec_override(format!("version: 0.2\n{members}"))
    }

    /// Starts a build of these commands and returns its id.
    pub(crate) async fn begin(&self, commands: &[&str]) -> String {
        let build = self.start(&build_phase(commands)).send().await.unwrap();
        build.build_value().unwrap().id().unwrap().to_owned()
    }

    /// Runs a build with these members in its buildspec to its end.
    pub(crate) async fn run(&self, members: &str) -> Build {
        self.finish(self.start(members)).await
    }

    /// Starts a build and waits for its end.
    pub(crate) async fn finish(&self, start: StartBuildFluentBuilder) -> Build {
        let build = start.send().await.unwrap().build_value.unwrap();
        self.ended(build.id().unwrap()).await
    }

    /// Waits for the end of a build.
    pub(crate) async fn ended(&self, id: &str) -> Build {
        self.until(id, Build::build_complete).await
    }

    /// Waits until a build is in a phase.
    pub(crate) async fn in_phase(&self, id: &str, phase: &str) -> Build {
        self.until(id, |build| build.current_phase() == Some(phase)).await
    }

    async fn until(&self, id: &str, is_so: impl Fn(&Build) -> bool) -> Build {
        for _ in 0..1200 {
            let answer = self.codebuild.batch_get_builds().ids(id).send().await.unwrap();
            if let Some(build) = answer.builds().first().filter(|build| is_so(build)) {
                return build.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("build {id} is not there after a minute");
    }

    /// Reads the whole log of a build, line by line.
    pub(crate) async fn log(&self, build: &Build) -> Vec<String> {
        let place = build.logs().unwrap();
        let mut lines = Vec::new();
        let mut token = None;
        loop {
            let page = self
                .logs
                .get_log_events()
                .log_group_name(place.group_name().unwrap())
                .log_stream_name(place.stream_name().unwrap())
                .start_from_head(true)
                .set_next_token(token.clone())
                .send()
                .await
                .unwrap();
            for event in page.events() {
                let message = event.message().unwrap();
                lines.push(message.strip_suffix('\n').expect("a line ends").to_owned());
            }
            if page.next_forward_token() == token.as_deref() {
                return lines;
            }
            token = page.next_forward_token().map(str::to_owned);
        }
    }

    /// What commands wrote, without CodeBuild's own lines.
    pub(crate) async fn output(&self, build: &Build) -> Vec<String> {
        let log = self.log(build).await;
        log.into_iter()
            .filter(|line| !line.starts_with("[Container]"))
            .collect()
    }

    /// Asks the admin plane.
    pub(crate) async fn admin(&self, (method, path): (&str, &str), body: Value) -> Value {
        let client =
            hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{}/_admin/{path}", self.url))
            .body(Full::new(body.to_string().into()))
            .unwrap();
        let answer = client.request(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status.is_success(), "{status}: {body:?}");
        serde_json::from_slice(&body).unwrap()
    }

    /// Turns knobs; those left out get their defaults.
    pub(crate) async fn turn(&self, knobs: Value) {
        self.admin(("PUT", "codebuild/knobs"), knobs).await;
    }

    /// Ends the emulator.
    pub(crate) fn close(&mut self) {
        self.server = None;
    }

    /// Waits until the builds have left neither a folder nor a process that knows `mark`.
    pub(crate) async fn nothing_is_left(&self, mark: &str) {
        for _ in 0..100 {
            let folder = self.data.path().join("builds");
            let is_empty = std::fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none());
            if is_empty && processes(mark).is_empty() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("left behind: {:?}", processes(mark));
    }
}

/// The environment of the project.
pub(crate) fn environment() -> ProjectEnvironment {
    ProjectEnvironment::builder()
        .r#type(EnvironmentType::LinuxContainer)
        .image("aws/codebuild/amazonlinux-x86_64-standard:5.0")
        .compute_type(ComputeType::BuildGeneral1Small)
        .build()
        .unwrap()
}

/// A variable for StartBuild.
pub(crate) fn variable(name: &str, value: &str, kind: EnvironmentVariableType) -> EnvironmentVariable {
    EnvironmentVariable::builder()
        .name(name)
        .value(value)
        .r#type(kind)
        .build()
        .unwrap()
}

/// The member `phases` with nothing but these commands in `build`.
pub(crate) fn build_phase(commands: &[&str]) -> String {
    let quote = |command: &&str| format!("      - '{}'\n", command.replace('\'', "''"));
    format!(
        "phases:\n  build:\n    commands:\n{}",
        commands.iter().map(quote).collect::<String>()
    )
}

/// Command lines of the machine's processes that contain `mark`.
pub(crate) fn processes(mark: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.contains(mark)).collect()
}

/// Type, status and message of the first phase that did not succeed.
pub(crate) fn trouble(build: &Build) -> (String, String, String) {
    let phase = build.phases().iter().find(|phase| {
        phase
            .phase_status()
            .is_some_and(|status| status.as_str() != "SUCCEEDED")
    });
    let phase = phase.expect("a phase that did not succeed");
    let context = phase.contexts().first();
    (
        phase.phase_type().unwrap().as_str().to_owned(),
        context
            .and_then(|context| context.status_code())
            .unwrap_or_default()
            .to_owned(),
        context
            .and_then(|context| context.message())
            .unwrap_or_default()
            .to_owned(),
    )
}

/// Types of the phases, in their order.
pub(crate) fn phases(build: &Build) -> Vec<&str> {
    build
        .phases()
        .iter()
        .map(|phase| phase.phase_type().unwrap().as_str())
        .collect()
}
