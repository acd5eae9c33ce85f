//! Builds that fail on the builder.

use std::fs;

use e2e::{Project, Run, image_content, lab};
use fastcontainer_lab::Endpoint;

use crate::{left_behind, recovers, refused};

/// Demands a line of the Dockerfile in the message, where the builder says which one failed: Docker 20.10 does not.
#[track_caller]
fn shows_lines(run: Run, line: &str) -> Run {
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        return run;
    }
    run.says("app/Dockerfile:").says(line)
}

#[test]
fn a_failing_step_is_shown_with_its_lines_and_its_log() {
    let project = Project::with_image("failing-step", "");
    let good = fs::read_to_string(project.at("app/Dockerfile")).expect("Dockerfile");
    let failing = "FROM busybox:1.36\nCOPY . /app\nRUN echo about to fail \\\n    && cat /no/such/file\n";
    project.write("app/Dockerfile", failing);
    let dev = project.stack("dev");
    let run = refused(&dev).says("RUN echo about to fail").says("exit code: 1");
    let run = run.says("| about to fail").says("can't open '/no/such/file'");
    let run = shows_lines(run, "    && cat /no/such/file");
    let log = run
        .text
        .split("the whole log is in ")
        .nth(1)
        .and_then(|rest| rest.lines().next())
        .expect("the log's path");
    let log = fs::read_to_string(log.trim()).expect("the log");
    assert!(log.contains("can't open '/no/such/file'"), "{log}");

    project.write("app/Dockerfile", &good);
    recovers(&dev);
}

#[test]
fn a_failing_rebuild_keeps_the_image_in_the_state() {
    let project = Project::with_image("failing-rebuild", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let before = dev.resource("api").expect("the image");
    project.write("app/Dockerfile", "FROM busybox:1.36\nRUN exit 7\n");
    dev.up(&[]).fails().says("exit code: 7");
    let after = dev.resource("api").expect("the image");
    assert_eq!(
        (&before["outputs"], &before["inputs"]),
        (&after["outputs"], &after["inputs"])
    );
    assert!(left_behind(&dev).1.is_empty());
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn a_base_image_that_does_not_exist_is_named() {
    let project = Project::with_image("no-base", "");
    let good = fs::read_to_string(project.at("app/Dockerfile")).expect("Dockerfile");
    project.write("app/Dockerfile", "FROM busybox:0.0.0-never\nCOPY . /app\n");
    let dev = project.stack("dev");
    let run = refused(&dev)
        .says("busybox:0.0.0-never")
        .says("cannot be resolved")
        .says("not found");
    shows_lines(run, "FROM busybox:0.0.0-never");
    project.write("app/Dockerfile", &good);
    recovers(&dev);
}

#[test]
fn a_file_that_copy_does_not_find_is_named() {
    let project = Project::with_image("no-file", "");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nCOPY setings.toml .\nCOPY . .\n",
    );
    let dev = project.stack("dev");
    refused(&dev)
        .says("COPY setings.toml")
        .says("setings.toml")
        .says("not found");
    project.write("app/setings.toml", "");
    recovers(&dev);
}
