//! Fifty builds on CodeBuild at once, and contexts of several gigabytes on their way there.
//!
//! The emulator's builds execute nothing: what is measured is what the provider asks, when it sees a build's end, and
//! what memory it takes.

use std::fs::File;
use std::io::Read as _;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant, UNIX_EPOCH};

use e2e::{CodeBuild, Farm, Memory, Project, Stack, admin, lab, leftovers, put_image};
use fastcontainer_lab::say;
use serde_json::{Value, json};

use super::figures::{Figures, Goal, median};

const IMAGES: usize = 50;
const SECONDS: f64 = 20.0;
/// Time between two calls that ask for builds.
const POLL: f64 = 2.0;
const GIBIBYTE: u64 = 1 << 30;
/// Time between two looks at an upload.
const OFTEN: Duration = Duration::from_millis(100);
/// Mebibytes that the provider may take over idle.
const MEMORY: f64 = 64.0;

/// One `up` with what it took.
struct Update {
    seconds: f64,
    idle: f64,
    peak: f64,
}

impl Update {
    fn run(stack: &Stack) -> Self {
        let begun = Instant::now();
        let cli = stack.spawn(&["up", "--yes", "--skip-preview"]);
        let memory = Memory::watch(&cli);
        let output = cli.wait_with_output().expect("the CLI");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{text}");
        let (idle, peak) = memory.idle_and_peak();
        Self {
            seconds: begun.elapsed().as_secs_f64(),
            idle,
            peak,
        }
    }

    fn add_memory(&self, figures: &mut Figures, what: &str) {
        let measure = format!("{what}: memory over idle");
        figures.add(
            (&measure, ("MiB", 1)),
            self.peak - self.idle,
            None,
            Goal::AtMost(MEMORY),
        );
    }
}

/// Fifty builds that take twenty seconds each.
pub(super) fn builds(figures: &mut Figures) {
    let knobs = json!({ "concurrent_builds": IMAGES });
    let settings = format!(", maxParallelBuilds: {IMAGES}");
    let farm = Farm::plant("bench-builds", (IMAGES, SECONDS), &knobs, &settings);
    let stack = farm.dev.with("PULUMI_PARALLEL", "64");
    admin("DELETE", "counters");
    let update = Update::run(&stack);
    let calls = admin("GET", "counters")["operations"].take();
    say(&format!("calls by operation: {calls}"));
    let delays = delays(&stack, &farm.codebuild);
    assert_eq!(delays.len(), IMAGES, "every image was built");
    let count = |operation: &str| calls[operation].as_f64().unwrap_or_default();
    let all = calls
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(_, count)| count.as_f64())
        .sum();
    let what = "50 builds of 20 s";
    let mut add =
        |measure: &str, unit, value, goal| figures.add((&format!("{what}: {measure}"), unit), value, None, goal);
    add("whole update", ("s", 1), update.seconds, Goal::Shown);
    add(
        "at the same time",
        ("", 0),
        farm.codebuild.most_at_once() as f64,
        Goal::Shown,
    );
    add("API calls in all", ("", 0), all, Goal::Shown);
    add(
        "calls of StartBuild",
        ("", 0),
        count("codebuild:StartBuild"),
        Goal::AtMost(IMAGES as f64),
    );
    let polls = count("codebuild:BatchGetBuilds") / (update.seconds / POLL);
    add("calls of BatchGetBuilds in 2 s", ("", 2), polls, Goal::AtMost(1.0));
    add(
        "after a build's end, median",
        ("s", 2),
        median(delays.clone()),
        Goal::AtMost(3.0),
    );
    add(
        "after a build's end, worst",
        ("s", 2),
        delays.into_iter().fold(0.0, f64::max),
        Goal::AtMost(3.0),
    );
    update.add_memory(figures, what);
}

/// For each resource, the seconds from the end of its build to its own.
fn delays(stack: &Stack, codebuild: &CodeBuild) -> Vec<f64> {
    let state = stack.state();
    let resources = state["deployment"]["resources"].as_array().cloned().unwrap_or_default();
    let builds = codebuild.seen();
    let delay = |resource: &Value| {
        let id = &resource["outputs"]["build"]["buildId"];
        let build = builds.iter().find(|build| build["id"] == *id)?;
        let done = humantime::parse_rfc3339(resource["modified"].as_str()?).ok()?;
        let done = done.duration_since(UNIX_EPOCH).ok()?;
        Some(done.as_secs_f64() - build["endTime"].as_f64()?)
    };
    resources.iter().filter_map(delay).collect()
}

/// A gibibyte that does not get smaller.
pub(super) fn upload(figures: &mut Figures) {
    large(figures, "context of 1 GiB, random", |file| {
        let mut noise = File::open("/dev/urandom").expect("random bytes").take(GIBIBYTE);
        std::io::copy(&mut noise, file).expect("a large file");
    });
}

/// Five gibibytes that get very small.
pub(super) fn sparse(figures: &mut Figures) {
    large(figures, "context of 5 GiB, zeroes", |file| {
        file.set_len(5 * GIBIBYTE).expect("a sparse file");
    });
}

fn large(figures: &mut Figures, what: &str, fill: impl FnOnce(&mut File)) {
    let name = format!("bench-{}", what.split(' ').next_back().unwrap_or_default());
    let codebuild = CodeBuild::create(&name);
    let project = Project::with_image(&name, &codebuild.builder());
    codebuild.turn(&CodeBuild::fixed(0.0, &put_image(&project.repository("api"))));
    project.write("app/Dockerfile", "FROM scratch\nCOPY large /\n");
    fill(&mut File::create(project.at("app/large")).expect("a large file"));
    let stack = project.stack("dev");
    let sending = watch_upload(&codebuild.bucket);
    let update = Update::run(&stack);
    let sent = sending.join().expect("a watch over the upload");
    let mut add =
        |measure: &str, unit, value, goal| figures.add((&format!("{what}: {measure}"), unit), value, None, goal);
    add("whole update", ("s", 1), update.seconds, Goal::Shown);
    if let Some(seconds) = sent {
        add("sending", ("s", 1), seconds, Goal::Shown);
    }
    let bytes = stack.outputs()["build"]["contextBytesSent"]
        .as_f64()
        .unwrap_or(f64::NAN);
    add("sent", ("MB", 1), bytes / 1e6, Goal::Shown);
    update.add_memory(figures, what);
    let spool = lab().directory().join("home/.cache/pulumi-fastcontainer/archives");
    let left = std::fs::read_dir(&spool).expect("the folder of archives").count();
    assert_eq!(left, 0, "archives are left in {}", spool.display());
}

/// How long the bucket has an open upload until the archive is there; nothing when it goes up in one request.
fn watch_upload(bucket: &str) -> JoinHandle<Option<f64>> {
    let bucket = bucket.to_owned();
    std::thread::spawn(move || {
        let mut since: Option<Instant> = None;
        loop {
            let state = leftovers()["buckets"][&bucket].take();
            let keys = state["keys"].as_array().into_iter().flatten();
            let is_there = keys.filter_map(Value::as_str).any(|key| key.ends_with(".tar.gz"));
            if is_there {
                return since.map(|begun| begun.elapsed().as_secs_f64());
            }
            if state["uploads"] != json!([]) {
                since.get_or_insert_with(Instant::now);
            }
            sleep(OFTEN);
        }
    })
}
