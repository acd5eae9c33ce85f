//! Accounts with little room, calls that are refused, builds that do not end by themselves: every image is built once, or
//! the message says why not, where to look and what to do.

use std::time::Duration;

use e2e::{Caller, CodeBuild, Farm, Project, Run, aws, image_content, lab};
use serde_json::{Value, json};

use super::waiting::await_that;

fn throttled(count: u32) -> Value {
    json!({"kind": "status", "status": 400, "code": "ThrottlingException", "message": "Rate exceeded", "count": count})
}

#[test]
fn throttled_calls_and_lost_answers_cost_time_and_no_second_build() {
    let codebuild = CodeBuild::create("throttled");
    let caller = Caller::assume("throttled");
    codebuild.turn(&json!({"visible_after_milliseconds": 3000}));
    caller.fault("codebuild:StartBuild", throttled(1));
    caller.fault("codebuild:StartBuild", json!({"kind": "drop_after"}));
    caller.fault("codebuild:BatchGetBuilds", throttled(1));
    caller.fault("logs:GetLogEvents", throttled(2));
    let slow_down =
        json!({"kind": "status", "status": 503, "code": "SlowDown", "message": "Please reduce your request rate."});
    caller.fault("s3:PutObject", slow_down);
    caller.fault("s3:HeadObject", json!({"kind": "drop_before"}));
    let project = Project::with_image("cb-throttled", &codebuild.builder());
    let dev = caller.on(&project.stack("dev"));
    dev.up(&[]).ok().says("api: built in").says("on codebuild");
    assert_eq!(image_content(&dev.output("uri")), "one");
    let builds = codebuild.seen();
    assert_eq!(builds.len(), 1, "{builds:?}");
    assert_eq!(dev.outputs()["build"]["buildId"], builds[0]["id"]);
    let hits = [
        "codebuild:StartBuild",
        "codebuild:BatchGetBuilds",
        "s3:PutObject",
        "s3:HeadObject",
    ];
    assert_eq!(hits.map(|operation| caller.hits(operation)), [2, 1, 1, 1]);
    caller.left_nothing(&codebuild);
}

#[test]
fn a_log_that_arrives_late_still_shows_the_failing_step() {
    let codebuild = CodeBuild::create("late-log");
    lab()
        .emulator()
        .admin("PUT", "logs?delay=3500&group=/aws/codebuild/late-log")
        .expect("a delay");
    let project = Project::with_image("cb-late-log", &codebuild.builder());
    project.write("app/Dockerfile", "FROM busybox:1.36\nRUN echo came late; exit 7\n");
    let dev = project.stack("dev");
    dev.up(&[])
        .fails()
        .says("exit code: 7")
        .says("| came late")
        .says("2 | RUN echo came late");
}

/// A project whose builds execute nothing and take ten hours, of which each passes in 36 seconds.
struct Endings {
    codebuild: CodeBuild,
    dev: e2e::Stack,
    _project: Project,
}

impl Endings {
    /// Builds may run for so many `minutes`, and wait in the queue for five.
    fn open(name: &str, minutes: u32) -> Self {
        let codebuild = CodeBuild::create(name);
        let mut knobs = CodeBuild::fixed(36_000.0, "sha256:0");
        knobs["time_scale"] = json!(0.01);
        codebuild.turn(&knobs);
        let settings = format!(
            "      builder: {{codebuild: {{project: {name}, sourceBucket: {}, timeoutMinutes: {minutes}, queueTimeoutMinutes: \
             5}}}}\n",
            codebuild.bucket
        );
        let project = Project::with_image(&format!("cb-{name}"), &settings);
        Self {
            dev: project.stack("dev"),
            codebuild,
            _project: project,
        }
    }

    /// The message of an `up` that has to fail, with the build's id, and nothing left.
    #[track_caller]
    fn fails(&self) -> Run {
        let run = self.dev.up(&[]).fails();
        assert!(self.dev.resource("api").is_none());
        assert_eq!(self.codebuild.at_work(), Vec::<String>::new());
        run.says(&format!("CodeBuild build {}:", self.codebuild.project))
    }
}

/// How the link to a build's log begins.
fn link(project: &str) -> String {
    let console = "https://console.aws.amazon.com/cloudwatch/home?region=eu-central-1#logsV2:log-groups/log-group/";
    format!("its log: {console}$252Faws$252Fcodebuild$252F{project}/log-events/")
}

#[test]
fn a_build_that_runs_too_long_says_so() {
    let endings = Endings::open("too-long", 5);
    endings
        .fails()
        .says("the CodeBuild build ran too long and was ended in phase BUILD")
        .says("raise `timeoutMinutes`, or take a larger `computeType`")
        .says(&link("too-long"));
}

#[test]
fn a_build_that_never_leaves_the_queue_says_so() {
    let endings = Endings::open("stuck", 5);
    endings.codebuild.trouble("stuck_in_queue");
    endings
        .fails()
        .says("the CodeBuild build waited too long in the queue")
        .says("raise `queueTimeoutMinutes`, or the quota \"Concurrently running builds\"")
        .never_says("its log:");
}

#[test]
fn a_fault_and_an_image_that_cannot_be_pulled_are_told_apart() {
    let endings = Endings::open("fault", 5);
    endings.codebuild.trouble("provisioning");
    endings
        .fails()
        .says("CodeBuild failed in phase PROVISIONING: INTERNAL_SERVICE_ERROR CodeBuild is experiencing an issue")
        .says("run `pulumi up` again; if it stays, look at the AWS Health Dashboard");
    endings.codebuild.trouble("image_pull");
    endings
        .fails()
        .says("the CodeBuild build failed in phase PROVISIONING: BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE")
        .says("correct `builder.codebuild.image`, or let the service role of the project pull it");
}

#[test]
fn a_build_that_somebody_else_stops_says_so() {
    let endings = Endings::open("stopped", 480);
    let run = std::thread::scope(|scope| {
        let up = scope.spawn(|| endings.fails());
        let is_running = || {
            let seen = endings.codebuild.seen();
            seen.iter().any(|build| build["currentPhase"] == "BUILD")
        };
        await_that("the build runs", Duration::from_secs(60), is_running);
        let id = endings.codebuild.seen()[0]["id"].as_str().expect("an id").to_owned();
        aws(&["codebuild", "stop-build", "--id", &id]);
        up.join().expect("the update")
    });
    run.says("the CodeBuild build was stopped by somebody else")
        .says("run `pulumi up` again to build it")
        .says(&link("stopped"));
}

/// Whether the log of a build in this lab says so.
fn is_logged(text: &str) -> bool {
    let folder = lab().directory().join("home/.cache/pulumi-fastcontainer/logs");
    let logs = std::fs::read_dir(folder).expect("logs").flatten();
    logs.filter_map(|log| std::fs::read_to_string(log.path()).ok())
        .any(|log| log.contains(text))
}

#[test]
fn fifty_images_are_built_where_one_build_may_run_at_a_time() {
    let farm = Farm::plant("one-by-one", (50, 0.1), &json!({"concurrent_builds": 1}), "");
    farm.dev.with("PULUMI_PARALLEL", "64").up(&[]).ok();
    assert!(is_logged("Cannot have more than 1 builds in queue for the account"));
    assert_eq!(farm.endings(), vec![json!("SUCCEEDED"); 50]);
    assert_eq!(farm.codebuild.most_at_once(), 1);
}

#[test]
fn twenty_builds_run_at_once_and_no_more_when_the_program_says_nothing() {
    let farm = Farm::plant("twenty", (22, 8.0), &json!({"concurrent_builds": 60}), "");
    farm.dev.with("PULUMI_PARALLEL", "30").up(&[]).ok();
    assert_eq!(farm.endings(), vec![json!("SUCCEEDED"); 22]);
    assert_eq!(farm.codebuild.most_at_once(), 20);
}

#[test]
fn no_more_builds_run_than_the_program_allows() {
    let farm = Farm::plant("three-at-once", (7, 2.0), &json!({}), ", maxParallelBuilds: 3");
    farm.dev.with("PULUMI_PARALLEL", "30").up(&[]).ok();
    assert_eq!(farm.endings(), vec![json!("SUCCEEDED"); 7]);
    assert_eq!(farm.codebuild.most_at_once(), 3);
}
