//! Logs that are too large for anybody: memory stays bounded, and what failed is still shown.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use e2e::{CodeBuild, Memory, Project, aws, lab};
use serde_json::Value;

use super::waiting::await_that;

const MEGABYTE: usize = 1 << 20;

/// The messages of a log stream up to now.
fn messages(group: &str, stream: &str) -> Vec<String> {
    let arguments = [
        "logs",
        "get-log-events",
        "--log-group-name",
        group,
        "--log-stream-name",
        stream,
    ];
    let events = aws(&[&arguments[..], &["--start-from-head"]].concat())["events"].take();
    let events = events.as_array().into_iter().flatten();
    let text = events.filter_map(|event| event["message"].as_str().map(str::to_owned));
    text.collect()
}

/// The number of the vertex in BuildKit's progress that prints `word`.
fn vertex(messages: &[String], word: &str) -> Option<String> {
    let line = messages.iter().find(|line| line.trim_end().ends_with(word))?;
    line.starts_with('#')
        .then(|| line.split(' ').next().map(str::to_owned))?
}

fn append(log: (&str, &str), directory: &Path, text: &[u8]) {
    let mut file = tempfile::NamedTempFile::new_in(directory).expect("a file");
    file.write_all(text).expect("a file");
    lab().emulator().append_log(log, file.path()).expect("log lines");
}

#[test]
fn a_log_of_a_hundred_megabytes_takes_little_memory_and_hides_no_failing_step() {
    let codebuild = CodeBuild::create("flood");
    let project = Project::with_image("cb-flood", &codebuild.builder());
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nRUN echo begins; sleep 14; echo last words; exit 7\n",
    );
    let dev = project.stack("dev");
    let cli = dev.spawn(&["up", "--yes", "--skip-preview"]);
    let memory = Memory::watch(&cli);
    let in_build = || codebuild.seen().iter().any(|build| build["currentPhase"] == "BUILD");
    await_that("the build runs", Duration::from_secs(60), in_build);
    let stream = codebuild.seen()[0]["logs"]["streamName"]
        .as_str()
        .expect("a stream")
        .to_owned();
    let log = ("/aws/codebuild/flood", stream.as_str());
    let mut number = None;
    await_that("the step runs", Duration::from_secs(60), || {
        number = vertex(&messages(log.0, log.1), "begins");
        number.is_some()
    });
    let number = number.expect("a vertex");

    let line = format!("{}\n", "a program of the build that talks too much ".repeat(24));
    let piece = line.repeat(4 * MEGABYTE / line.len());
    (0..25).for_each(|_| append(log, project.path(), piece.as_bytes()));
    append(
        log,
        project.path(),
        format!("{number} 9.999 long {}\n", "x".repeat(MEGABYTE - 64)).as_bytes(),
    );

    let output = cli.wait_with_output().expect("the CLI");
    let (idle, peak) = memory.idle_and_peak();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    eprintln!("a log of 100 MB: {idle:.0} MiB idle, {peak:.0} MiB at most");
    assert!(!output.status.success(), "{text}");
    for part in [
        "exit code: 7",
        "| last words",
        "2 | RUN echo begins",
        "CodeBuild build flood:",
    ] {
        assert!(text.contains(part), "does not say `{part}`:\n{text}");
    }
    let longest = text.lines().map(str::len).max().unwrap_or_default();
    assert!(
        longest < 1000 && text.len() < 32 * 1024,
        "{longest} of {} bytes",
        text.len()
    );
    assert!(peak - idle < 64.0, "{idle:.0} MiB idle, {peak:.0} MiB at most");
    assert_eq!(codebuild.at_work(), Vec::<String>::new());
    let ended: Vec<Value> = codebuild
        .seen()
        .iter()
        .map(|build| build["buildStatus"].clone())
        .collect();
    assert_eq!(ended, ["FAILED"]);
}
