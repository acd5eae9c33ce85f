//! Ctrl-C at every moment of a remote build: soon nothing works, nothing is stored for nobody, and the next `up` builds.

use std::process::Output;
use std::time::{Duration, Instant};

use e2e::{Caller, CodeBuild, Project, Stack, admin, image_content, lab, leftovers};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

use super::waiting::await_that;

const UP: [&str; 3] = ["up", "--yes", "--skip-preview"];
/// How long after the signal everything has to be stopped: without it, all that is held up here takes a minute. It is less
/// than two seconds on a machine that does nothing else.
const LIMIT: Duration = Duration::from_secs(10);
/// A step that reads a secret and takes as long as the file says.
const DOCKERFILE: &str = "\
FROM busybox:1.36
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=token test -s /run/secrets/token; sleep $(cat seconds)
";

/// A project with one image whose build gets a secret, and somebody who runs `up` on it.
struct Scene {
    codebuild: CodeBuild,
    caller: Caller,
    project: Project,
    dev: Stack,
}

impl Scene {
    fn open(name: &str) -> Self {
        let codebuild = CodeBuild::create(name);
        let caller = Caller::assume(name);
        let more = format!("{}      secrets: {{token: s3cret}}\n", codebuild.builder());
        let project = Project::with_image(name, &more);
        project.write("app/Dockerfile", DOCKERFILE);
        project.write("app/seconds", "0");
        let dev = caller
            .on(&project.stack("dev"))
            .with("BUILDKIT_HOST", "unix:///nowhere");
        Self {
            codebuild,
            caller,
            project,
            dev,
        }
    }

    /// Presses Ctrl-C at the moment, sees everything end, and runs `up` once more.
    fn interrupt(&self, moment: &str, is_now: impl FnMut() -> bool) {
        self.signal(Signal::INT, moment, is_now);
        self.codebuild.turn(&json!({}));
        self.project.write("app/seconds", "0");
        self.dev.up(&[]).ok().says("api: built in");
        assert_eq!(image_content(&self.dev.output("uri")), "one");
        self.caller.left_nothing(&self.codebuild);
    }

    fn signal(&self, signal: Signal, moment: &str, is_now: impl FnMut() -> bool) {
        let cli = self.dev.spawn(&UP);
        await_that(moment, Duration::from_secs(90), is_now);
        let told = Instant::now();
        kill_process_group(Pid::from_child(&cli), signal).expect("a signal");
        await_that("everything is stopped", LIMIT, || self.is_quiet());
        let quiet = told.elapsed();
        let output = cli.wait_with_output().expect("the CLI");
        let text = text(&output);
        eprintln!("{moment}: quiet after {quiet:?}");
        assert!(!output.status.success(), "{text}");
        assert!(text.contains("cancelled"), "{text}");
        assert!(self.dev.resource("api").is_none(), "{text}");
        let pending = self.dev.state()["deployment"]["pending_operations"].take();
        assert!(pending.as_array().is_none_or(Vec::is_empty), "{pending}");
        self.caller.left_nothing(&self.codebuild);
    }

    /// Neither a build at work, nor an upload, nor a parameter of a build.
    fn is_quiet(&self) -> bool {
        let left = leftovers();
        let parameters: Vec<String> = serde_json::from_value(left["parameters"].clone()).unwrap_or_default();
        let ours = self.codebuild.parameters();
        self.codebuild.at_work().is_empty()
            && left["buckets"][&self.codebuild.bucket]["uploads"] == json!([])
            && !parameters.iter().any(|name| ours.contains(name))
    }

    fn is_in(&self, phase: &str) -> bool {
        self.codebuild.seen().iter().any(|build| build["currentPhase"] == phase)
    }

    /// How each build of the project ended.
    fn endings(&self) -> Vec<Value> {
        let seen = self.codebuild.seen();
        seen.iter().map(|build| build["buildStatus"].clone()).collect()
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// Bytes that do not get smaller.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).collect()
}

#[test]
fn ctrl_c_while_files_are_sent_throws_their_parts_away() {
    let scene = Scene::open("cancel-upload");
    let noise = noise(70 << 20);
    std::fs::write(scene.project.at("app/noise"), noise).expect("a file");
    scene.caller.fault(
        "s3:UploadPart",
        json!({"kind": "latency", "milliseconds": 60_000, "count": 4}),
    );
    scene.interrupt("parts are on their way", || scene.caller.hits("s3:UploadPart") == 4);
    assert_eq!(scene.endings(), ["SUCCEEDED"]);
}

#[test]
fn ctrl_c_after_a_lost_answer_stops_the_build_that_began() {
    let scene = Scene::open("cancel-start");
    scene.project.write("app/seconds", "60");
    scene
        .caller
        .fault("codebuild:StartBuild", json!({"kind": "drop_after"}));
    scene
        .caller
        .fault("codebuild:StartBuild", json!({"kind": "latency", "milliseconds": 300}));
    scene.interrupt("a build that the provider does not know of", || {
        !scene.codebuild.seen().is_empty()
    });
    let mut endings = scene.endings();
    endings.sort_by_key(Value::to_string);
    assert_eq!(endings, ["STOPPED", "SUCCEEDED"]);
}

#[test]
fn ctrl_c_stops_a_build_in_the_queue() {
    let scene = Scene::open("cancel-queue");
    scene.codebuild.turn(&json!({"queue_milliseconds": 60_000}));
    scene.signal(Signal::INT, "the build waits", || scene.is_in("QUEUED"));
    assert_eq!(scene.endings(), ["STOPPED"]);
}

#[test]
fn ctrl_c_stops_a_build_that_waits_for_its_machine() {
    let scene = Scene::open("cancel-machine");
    scene.codebuild.turn(&json!({"provision_milliseconds": 60_000}));
    scene.signal(Signal::INT, "the machine is made", || scene.is_in("PROVISIONING"));
    assert_eq!(scene.endings(), ["STOPPED"]);
}

#[test]
fn ctrl_c_stops_a_build_at_work() {
    let scene = Scene::open("cancel-build");
    scene.project.write("app/seconds", "61.5");
    scene.interrupt("the step runs", || runs("sleep\x0061.5"));
    await_that("no process of the step is left", LIMIT, || !runs("sleep\x0061.5"));
}

#[test]
fn ctrl_c_stops_a_build_that_pushes() {
    let scene = Scene::open("cancel-push");
    let path = format!("/{}/api/blobs/uploads", scene.project.name());
    let fault = json!({"match": {"path": path}, "kind": "latency", "milliseconds": 60_000, "count": 20});
    lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
    let hits = || {
        let faults = admin("GET", "faults")["faults"].take();
        let faults = faults.as_array().into_iter().flatten();
        let own = |fault: &&Value| fault["match"]["path"] == path;
        faults
            .filter(own)
            .filter_map(|fault| fault["hits"].as_u64())
            .sum::<u64>()
    };
    scene.signal(Signal::INT, "layers are pushed", || hits() > 0);
    assert_eq!(scene.endings(), ["STOPPED"]);
}

#[test]
fn the_end_of_the_terminal_is_as_good_as_ctrl_c() {
    let scene = Scene::open("cancel-term");
    scene.project.write("app/seconds", "62.5");
    scene.signal(Signal::TERM, "the step runs", || runs("sleep\x0062.5"));
    assert_eq!(scene.endings(), ["STOPPED"]);
}

/// Whether a process has these arguments, anywhere in the lab.
fn runs(arguments: &str) -> bool {
    let folders = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut commands = folders.filter_map(|folder| std::fs::read(folder.path().join("cmdline")).ok());
    commands.any(|command| String::from_utf8_lossy(&command).contains(arguments))
}
