//! Secrets of builds on CodeBuild: they reach the step that mounts them, as they are, and nothing that stays.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use e2e::{
    CodeBuild, Project, Stack, admin, aws, cloudwatch_log, lab, left_of, leftovers, parameters_of, run_in_image,
};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

/// Begins every value; nothing else does.
const CANARY: &str = "canary-7f3";
const INLINE: &str = "canary-7f3-inline \"quoted\" 'single' $HOME `id` \\ back\nsecond canary-7f3 line\n";
const VARIABLE: &str = "canary-7f3-variable $(id)";
const FILE: &str = "canary-7f3-file\nwith an end\n";
const WHOLE: &str = "canary-7f3-whole {\"not\": 'a key'}";
const KEY: &str = "canary-7f3-key";
const PARAMETER: &str = "canary-7f3-parameter";

const IDS: [&str; 6] = ["inline", "variable", "file", "whole", "key", "parameter"];

/// A project with all kinds of secrets, whose step shows them and keeps only what they hash to.
struct Secrets {
    project: Project,
    refs: String,
}

impl Secrets {
    fn new(fact: &str, builder: &str) -> Self {
        let project = Project::with_image(fact, "");
        let arn = |name: &str, text: &str| {
            let name = format!("{}-{name}", project.name());
            let made = aws(&[
                "secretsmanager",
                "create-secret",
                "--name",
                &name,
                "--secret-string",
                text,
            ]);
            made["ARN"].as_str().expect("an ARN").to_owned()
        };
        let whole = arn("whole", WHOLE);
        let key = arn("key", &format!("{{\"token\": \"{KEY}\", \"other\": 1}}"));
        let name = format!("/{}/parameter", project.name());
        let put = ["ssm", "put-parameter", "--type", "SecureString", "--value", PARAMETER];
        aws(&[&put[..], &["--name", &name]].concat());
        let refs = format!(
            "      secrets: {{inline: {}}}\n      secretRefs:\n        variable: env:FC_TEST_VARIABLE\n        \
             file: file:token\n        whole: {whole}\n        key: \"{key}:token::\"\n        \
             parameter: arn:aws:ssm:eu-central-1:123456789012:parameter{name}\n",
            Value::from(INLINE),
        );
        project.write("token", FILE);
        let mounts = IDS.map(|id| format!("--mount=type=secret,id={id},required ")).concat();
        project.write(
            "app/Dockerfile",
            &format!(
                "FROM busybox:1.36\nCOPY . /app\nRUN {mounts}cd /run/secrets && for id in {}; do cat $id; echo; \
                 sha256sum $id >> /app/sums; done; sleep 1\n",
                IDS.join(" ")
            ),
        );
        project.write("app/own.txt", project.name());
        let secrets = Self { project, refs };
        secrets.builder(builder);
        secrets
    }

    fn builder(&self, builder: &str) {
        self.project.image_program(&format!("{}{builder}", self.refs));
    }

    fn stack(&self, name: &str) -> Stack {
        let cache = self.project.at("cache");
        let stack = self.project.stack(name).with("FC_TEST_VARIABLE", VARIABLE);
        stack.with("XDG_CACHE_HOME", cache.to_str().expect("a path"))
    }
}

/// The digests of the values, as `sha256sum` lists them.
fn sums() -> String {
    let values = [INLINE, VARIABLE, FILE, WHOLE, KEY, PARAMETER];
    let sum = |(id, value): (&str, &str)| {
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), value).expect("a file");
        let output = std::process::Command::new("sha256sum")
            .arg(file.path())
            .output()
            .expect("sha256sum");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        format!("{}  {id}\n", text.split(' ').next().unwrap_or_default())
    };
    IDS.into_iter().zip(values).map(sum).collect()
}

#[test]
fn secrets_of_every_kind_reach_their_step_and_are_found_nowhere_else() {
    let codebuild = CodeBuild::create("sealed");
    let secrets = Secrets::new("cb-sealed", &codebuild.builder());
    let remote = secrets.stack("remote").with("BUILDKIT_HOST", "unix:///nowhere");
    let (run, commands) = while_watching_commands(|| remote.up(&["--logtostderr", "-v=9"]).ok());
    assert!(
        commands
            .iter()
            .any(|command| command.contains("--secret=id=inline,env=")),
        "{commands:?}"
    );
    assert_clean(
        "a command line",
        commands.iter().cloned().collect::<String>().as_bytes(),
    );
    assert_eq!(run_in_image(&remote.output("uri"), &["cat", "/app/sums"]), sums());

    assert_clean("the state", remote.state().to_string().as_bytes());
    assert_clean("the outputs", remote.outputs().to_string().as_bytes());
    let run = run
        .text
        .replace(&format!("{CANARY}-inline"), "")
        .replace(&format!("second {CANARY}"), "");
    assert_clean("the provider's log", run.as_bytes());
    nothing_stays(&codebuild, &secrets.project, &remote.output("uri"));
    remote.up(&["--expect-no-changes"]).ok();

    // The same references on a local builder; the image of another stack is not taken.
    secrets.builder("");
    let local = secrets.stack("local");
    let run = local.up(&[]).ok().says("api: built in").never_says("codebuild");
    assert_clean("the output", run.text.as_bytes());
    assert_eq!(local.outputs()["build"]["reused"], false);
    assert_eq!(run_in_image(&local.output("uri"), &["cat", "/app/sums"]), sums());
    let log = files_below(&secrets.project.at("cache")).concat();
    assert_clean("the files of the cache", &log);
}

/// Searches the one build of `codebuild` and everything that it has left.
fn nothing_stays(codebuild: &CodeBuild, project: &Project, uri: &str) {
    let builds = codebuild.builds();
    assert_eq!(builds.len(), 1);
    assert_clean("the request", builds[0].to_string().as_bytes());
    parameters_are_gone(&builds[0], 3);
    let log = cloudwatch_log(&builds[0]);
    assert_clean("the build's log", log.as_bytes());
    assert!(log.matches("***").count() >= IDS.len(), "{log}");
    assert_clean("the files of the cache", &files_below(&project.at("cache")).concat());
    let objects = project.at("objects");
    let bucket = format!("s3://{}/", codebuild.bucket);
    aws(&[
        "s3",
        "sync",
        "--only-show-errors",
        &bucket,
        objects.to_str().expect("a path"),
    ]);
    let objects = files_below(&objects);
    assert_eq!(objects.len(), 2, "a plan and an archive");
    objects
        .iter()
        .for_each(|bytes| assert_clean("the bucket", &unpacked(bytes)));
    let image = lab().pull(uri).expect("the image");
    assert_clean("the image", image.config.to_string().as_bytes());
    for layer in &image.layers {
        assert_clean("a layer", &unpacked(&fs::read(layer).expect("a layer")));
    }
}

#[test]
fn parameters_are_removed_when_the_build_fails_and_when_it_is_cut_off() {
    let codebuild = CodeBuild::create("removed");
    let more = format!("{}      secrets: {{token: '{CANARY}-token'}}\n", codebuild.builder());
    let project = Project::with_image("cb-removed", &more);
    let step = |commands: &str| {
        let mount = "FROM busybox:1.36\nCOPY . .\nRUN --mount=type=secret,id=token";
        project.write("app/Dockerfile", &format!("{mount} {commands}\n"));
    };
    step("echo it says $(cat /run/secrets/token); exit 3");
    let dev = project.stack("dev");
    let run = dev.up(&[]).fails().says("| it says ***").says("exit code: 3");
    assert_clean("the message", run.text.as_bytes());
    parameters_are_gone(&codebuild.builds()[0], 1);

    step(&format!("sleep 60; echo {}", project.name()));
    let cli = dev.spawn(&["up", "--yes", "--skip-preview"]);
    await_that("the step runs", || {
        commands().any(|command| command.contains(&format!("echo {}", project.name())))
    });
    let parameters = parameters_of(&codebuild.builds()[0]);
    assert_eq!(left_of(&parameters).len(), 1, "{parameters:?}");
    let told = Instant::now();
    kill_process_group(Pid::from_child(&cli), Signal::INT).expect("SIGINT");
    await_that("the parameters are gone", || left_of(&parameters).is_empty());
    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    let output = cli.wait_with_output().expect("the CLI");
    assert!(!output.status.success());
    let builds = codebuild.builds();
    assert_eq!(builds[0]["buildStatus"], "STOPPED");
    parameters_are_gone(&builds[0], 1);
}

#[track_caller]
fn parameters_are_gone(build: &Value, given: usize) {
    let parameters = parameters_of(build);
    assert_eq!(parameters.len(), given, "{build}");
    assert!(left_of(&parameters).is_empty(), "{:?}", left_of(&parameters));
}

#[test]
fn parameters_that_a_crash_left_are_swept_by_age() {
    let codebuild = CodeBuild::create("swept");
    let more = format!("{}      secrets: {{token: '{CANARY}-token'}}\n", codebuild.builder());
    let project = Project::with_image("cb-swept", &more);
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY . .\nRUN --mount=type=secret,id=token true\n",
    );
    let put = |age: &str, hours: u32| {
        let name = format!("/fastcontainer/{}/{age}", project.name());
        aws(&[
            "ssm",
            "put-parameter",
            "--type",
            "SecureString",
            "--value",
            "x",
            "--name",
            &name,
        ]);
        admin("PUT", &format!("parameter?name={name}&age={}", hours * 3600));
        name
    };
    let (old, young) = (put("old", 49), put("young", 47));
    project.stack("dev").up(&[]).ok().says("on codebuild");
    let there = leftovers()["parameters"].to_string();
    assert!(!there.contains(&old) && there.contains(&young), "{there}");
}

#[test]
fn values_up_to_the_limits_arrive_and_others_are_refused_before_anything_is_stored() {
    let codebuild = CodeBuild::create("limits");
    let project = Project::with_image("cb-limits", "");
    let values = [("none", 0), ("standard", 4096), ("advanced", 4097), ("largest", 8192)];
    let ids = values.map(|(id, _)| id);
    for (id, size) in values {
        project.write(id, &"x".repeat(size));
    }
    let with = |refs: &[&str], more: &str| {
        let refs: String = refs.iter().map(|id| format!("        {id}: file:{id}\n")).collect();
        project.image_program(&format!("{}      secretRefs:\n{refs}{more}", codebuild.builder()));
    };
    let mounts = ids.map(|id| format!("--mount=type=secret,id={id},required ")).concat();
    project.write(
        "app/Dockerfile",
        &format!(
            "FROM busybox:1.36\nRUN {mounts}mkdir /app && cd /run/secrets && wc -c {} > /app/src.txt\n",
            ids.join(" ")
        ),
    );
    with(&ids, "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let counted = e2e::image_content(&dev.output("uri"));
    let sizes: Vec<_> = counted.split_whitespace().take(8).step_by(2).collect();
    assert_eq!(sizes, ["0", "4096", "4097", "8192"], "{counted}");

    let before = codebuild.objects();
    let refused = |value: &[u8], says: &str, hint: &str| {
        fs::write(project.at("none"), value).expect("a file");
        project.write(
            "app/Dockerfile",
            "FROM busybox:1.36\nRUN --mount=type=secret,id=none echo again\n",
        );
        with(&["none"], "");
        let run = dev.up(&[]).fails();
        run.says("secret `none` cannot be handed to a build of CodeBuild")
            .says(says)
            .says(hint);
    };
    refused(
        &[b'x'; 8193],
        "it has 8193 bytes, and a parameter holds 8192",
        "put it into Secrets Manager",
    );
    refused(b"a {{ template }}", "it contains `{{`", "store it in base64");
    refused(b"\xff\xfe", "it is not text", "store it in base64");
    refused(b"a\0b", "it is not text", "store it in base64");
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-AbCdEf";
    with(&[], &format!("        none: {arn}\n"));
    let run = dev
        .up(&[])
        .fails()
        .says("it is in region `us-east-1`, and the project in `eu-central-1`");
    run.says("replicate the secret");
    with(&[], "        none: env:X\n      secrets: {nul: \"a\\0b\"}\n");
    dev.up(&[]).fails().says("property secrets.nul value");
    assert_eq!(codebuild.objects(), before);
    assert_eq!(codebuild.builds().len(), 1);
}

#[test]
fn a_reference_to_nothing_says_which_and_what_to_do() {
    let codebuild = CodeBuild::create("nothing");
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:cb-nothing-AbCdEf";
    let refs = format!("      secretRefs: {{token: '{arn}'}}\n");
    let project = Project::with_image("cb-nothing", &format!("{}{refs}", codebuild.builder()));
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY . .\nRUN --mount=type=secret,id=token true\n",
    );
    let dev = project.stack("dev");
    dev.up(&[])
        .fails()
        .says(arn)
        .says("phase DOWNLOAD_SOURCE")
        .says("secretsmanager:GetSecretValue");
    project.image_program(&refs);
    dev.up(&[])
        .fails()
        .says("secret `token` cannot be read")
        .says(arn)
        .says("create it, or correct the ARN");
}

/// Runs `work` and gives the command lines of all processes that were seen meanwhile.
fn while_watching_commands<T>(work: impl FnOnce() -> T) -> (T, BTreeSet<String>) {
    let done = AtomicBool::new(false);
    scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                seen.extend(commands());
                sleep(Duration::from_millis(20));
            }
            seen
        });
        let result = catch_unwind(AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        let seen = watcher.join().expect("the watcher");
        (result.unwrap_or_else(|panic| resume_unwind(panic)), seen)
    })
}

fn commands() -> impl Iterator<Item = String> {
    let folders = fs::read_dir("/proc").expect("/proc").flatten();
    let read = folders.filter_map(|folder| fs::read(folder.path().join("cmdline")).ok());
    read.map(|bytes| String::from_utf8_lossy(&bytes).replace('\0', " "))
}

#[track_caller]
fn await_that(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < deadline, "not within a minute: {what}");
        sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn assert_clean(what: &str, bytes: &[u8]) {
    let found = bytes
        .windows(CANARY.len())
        .position(|window| window == CANARY.as_bytes());
    if let Some(at) = found {
        let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 100)];
        panic!("{what} shows a secret: {}", String::from_utf8_lossy(around));
    }
}

fn files_below(directory: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(fs::read(&path).unwrap_or_default()),
        }
    }
    found
}

/// What is inside, if it is compressed.
fn unpacked(bytes: &[u8]) -> Vec<u8> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes.to_vec();
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("a file");
    let output = std::process::Command::new("gzip")
        .arg("-dc")
        .stdin(fs::File::open(file.path()).expect("a file"))
        .output();
    let output = output.expect("gzip");
    assert!(output.status.success());
    output.stdout
}
