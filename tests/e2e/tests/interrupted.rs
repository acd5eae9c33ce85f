//! Updates that are cut off: by Ctrl-C, by the end of the CLI or of the plugin, or right after the push.
//!
//! Whatever the moment, the builder stops working for nobody, the state holds nothing half done, and the next `up` ships
//! what is on disk. Processes of a step are seen in `/proc`, because a lab has process ids of its own.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::fs;
use std::process::{Child, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use e2e::{Project, Stack, admin, image_content, lab};
use fastcontainer_lab::Endpoint;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};

const UP: [&str; 3] = ["up", "--yes", "--skip-preview"];

/// A project whose build has a step that takes `seconds` and can be recognised by the project's name.
fn slow_project(fact: &str, seconds: u32) -> Project {
    let project = Project::with_image(fact, "");
    let dockerfile = format!(
        "FROM busybox:1.36\nCOPY . /app\nRUN sleep $(cat /app/seconds); echo {}\n",
        word(&project)
    );
    project.write("app/Dockerfile", &dockerfile);
    project.write("app/seconds", &seconds.to_string());
    project
}

fn is(endpoint: Endpoint) -> bool {
    lab().endpoint() == Some(endpoint)
}

fn word(project: &Project) -> String {
    format!("step-of-{}", project.name())
}

struct Process {
    pid: Pid,
    parent: i32,
    command: String,
}

fn processes() -> Vec<Process> {
    let read = |folder: std::path::PathBuf| -> Option<Process> {
        let pid = Pid::from_raw(folder.file_name()?.to_str()?.parse().ok()?)?;
        let command = String::from_utf8_lossy(&fs::read(folder.join("cmdline")).ok()?).into_owned();
        let stat = fs::read_to_string(folder.join("stat")).ok()?;
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?;
        Some(Process { pid, parent, command })
    };
    let folders = fs::read_dir("/proc").expect("/proc").flatten();
    folders.filter_map(|folder| read(folder.path())).collect()
}

/// Waits until `done`, and panics after `limit`.
#[track_caller]
fn await_that(what: &str, limit: Duration, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        sleep(Duration::from_millis(50));
    }
}

fn step_runs(project: &Project) -> bool {
    let word = word(project);
    processes().iter().any(|process| process.command.contains(&word))
}

#[track_caller]
fn await_step(project: &Project) {
    await_that("the slow step runs", Duration::from_secs(60), || step_runs(project));
}

#[track_caller]
fn step_ends(project: &Project, limit: Duration) {
    await_that("the builder stops the step", limit, || !step_runs(project));
}

fn id(cli: &Child) -> Pid {
    Pid::from_child(cli)
}

/// The plugin that works for this CLI; another of its processes may only have been asked for the schema.
fn plugins_of(cli: &Child) -> Vec<Pid> {
    let parent = id(cli).as_raw_nonzero().get();
    let ours =
        |process: &Process| process.parent == parent && process.command.contains("pulumi-resource-fastcontainer");
    let found: Vec<_> = processes()
        .into_iter()
        .filter(ours)
        .map(|process| process.pid)
        .collect();
    assert!(!found.is_empty(), "the CLI has no plugin");
    found
}

fn kill_all(plugins: &[Pid]) {
    for &plugin in plugins {
        kill_process(plugin, Signal::KILL).expect("SIGKILL");
    }
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// The operations that the state calls pending.
fn pending(stack: &Stack) -> Vec<Value> {
    stack.state()["deployment"]["pending_operations"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// What a user does after a crash: give back the lock of the stack that nobody holds any more.
fn unlock(stack: &Stack) {
    stack.run(&["cancel", "--yes", "--stack", "dev"]).ok();
}

fn content_tag_is_visible(repository: &str) -> bool {
    let tags = admin("GET", &format!("repository?repository={repository}"))["tags"].take();
    tags.as_object()
        .is_some_and(|tags| tags.keys().any(|tag| tag.starts_with("fc-")))
}

#[test]
fn ctrl_c_stops_the_step_and_leaves_nothing_behind() {
    let project = slow_project("ctrl-c", 12);
    let dev = project.stack("dev");
    let cli = dev.spawn(&UP);
    await_step(&project);
    let told = Instant::now();
    kill_process_group(id(&cli), Signal::INT).expect("SIGINT");
    step_ends(&project, Duration::from_secs(5));
    let output = cli.wait_with_output().expect("the CLI");
    assert!(
        told.elapsed() < Duration::from_secs(9),
        "the CLI took {:?}",
        told.elapsed()
    );
    assert!(!output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("cancelled"), "{}", text(&output));
    assert!(pending(&dev).is_empty(), "{:?}\n{}", pending(&dev), text(&output));
    assert!(dev.resource("api").is_none());

    dev.up(&[]).ok().says("api: built in");
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn ctrl_c_in_a_rebuild_keeps_the_image_in_the_state() {
    let project = slow_project("ctrl-c-rebuild", 0);
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let before = dev.outputs();
    project.write("app/seconds", "20");
    let cli = dev.spawn(&UP);
    await_step(&project);
    kill_process_group(id(&cli), Signal::INT).expect("SIGINT");
    let output = cli.wait_with_output().expect("the CLI");
    assert!(!output.status.success(), "{}", text(&output));
    assert_eq!(dev.outputs(), before);
    assert!(pending(&dev).is_empty());
    project.write("app/seconds", "0");
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn a_killed_cli_ends_plugin_and_step_and_the_next_up_builds() {
    let project = slow_project("killed-cli", 40);
    let dev = project.stack("dev");
    let mut cli = dev.spawn(&UP);
    await_step(&project);
    let plugins = plugins_of(&cli);
    kill_process_group(id(&cli), Signal::KILL).expect("SIGKILL");
    cli.wait().expect("the CLI");
    step_ends(&project, Duration::from_secs(15));
    await_that("the plugin ends", Duration::from_secs(15), || {
        !processes()
            .iter()
            .any(|process| plugins.contains(&process.pid) && !process.command.is_empty())
    });
    unlock(&dev);
    project.write("app/seconds", "0");
    project.write("app/src.txt", "two");
    dev.up(&[]).ok().says("api: built in");
    assert_eq!(image_content(&dev.output("uri")), "two");
}

#[test]
fn a_killed_plugin_fails_the_update_and_the_next_up_builds() {
    let project = slow_project("killed-plugin", 40);
    let dev = project.stack("dev");
    let cli = dev.spawn(&UP);
    await_step(&project);
    kill_all(&plugins_of(&cli));
    step_ends(&project, Duration::from_secs(10));
    let output = cli.wait_with_output().expect("the CLI");
    assert!(!output.status.success(), "{}", text(&output));
    assert!(dev.resource("api").is_none());
    project.write("app/seconds", "0");
    project.write("app/src.txt", "two");
    dev.up(&[]).ok().says("api: built in");
    assert_eq!(image_content(&dev.output("uri")), "two");
}

/// The extra tag is held up, so that there is time to crash between the content tag and the state.
#[test]
fn an_image_that_was_pushed_before_a_crash_is_adopted() {
    let project = Project::with_image("crash-after-push", "      tags: [latest]\n");
    let repository = project.repository("api");
    let dev = project.stack("dev");
    let path = format!("/{}/api/manifests/latest", project.name());
    let fault = json!({"match": {"path": path, "method": "PUT"}, "kind": "latency", "milliseconds": 15_000});
    lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
    let mut cli = dev.spawn(&UP);
    await_that("the content tag", Duration::from_secs(60), || {
        content_tag_is_visible(&repository)
    });
    let plugins = plugins_of(&cli);
    kill_process_group(id(&cli), Signal::KILL).expect("SIGKILL");
    kill_all(&plugins);
    cli.wait().expect("the CLI");
    assert!(dev.resource("api").is_none(), "the crash came before the state");

    unlock(&dev);
    dev.up(&[]).ok().says("adopted").never_says("built in");
    assert_eq!(image_content(&dev.output("uri")), "one");
    assert_eq!(image_content(&format!("{repository}:latest")), "one");
}

/// Docker's classic image store pushes by itself, and tries more often than the fault lasts.
#[test]
fn a_lost_answer_to_the_last_write_costs_no_second_build() {
    let project = Project::with_image("lost-answer", "");
    let path = format!("/{}/api/manifests/fc-", project.name());
    // The first request only learns that it has to log in; all tries after it are carried out, and not answered.
    let fault = json!({"match": {"path": path, "method": "PUT"}, "kind": "drop_after", "skip": 1, "count": 4});
    lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
    let dev = project.stack("dev");
    if is(Endpoint::DockerClassic) {
        dev.up(&[]).ok();
        dev.up(&["--expect-no-changes"]).ok();
    } else {
        dev.up(&[]).fails().says("no complete answer").says("hint:");
        assert!(dev.resource("api").is_none() && pending(&dev).is_empty());
        dev.up(&[]).ok().says("adopted").never_says("built in");
    }
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn of_two_images_the_finished_one_survives_the_plugin() {
    let project = slow_project("two-images", 40);
    project.write("quick/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    project.write("quick/src.txt", "quick");
    let (quick, slow) = (project.repository("quick"), project.repository("slow"));
    let kind = "type: fastcontainer:FastContainerImage";
    project.program(&format!(
        "resources:\n  quick:\n    {kind}\n    properties: {{repository: {quick}, context: ./quick}}\n  api:\n    {kind}\n    \
         properties: {{repository: {slow}, context: ./app}}\n    options: {{dependsOn: [\"${{quick}}\"]}}\noutputs:\n  quick: \
         ${{quick.imageUri}}\n  uri: ${{api.imageUri}}\n"
    ));
    let dev = project.stack("dev");
    let cli = dev.spawn(&UP);
    await_step(&project);
    kill_all(&plugins_of(&cli));
    assert!(!cli.wait_with_output().expect("the CLI").status.success());
    assert!(dev.resource("quick").is_some(), "the finished image is in the state");
    assert!(dev.resource("api").is_none());

    project.write("app/seconds", "0");
    dev.up(&[]).ok().says("api: built in").never_says("quick: built");
    assert_eq!(image_content(&dev.output("quick")), "quick");
    assert_eq!(image_content(&dev.output("uri")), "one");
}
