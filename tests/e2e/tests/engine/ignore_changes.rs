//! `ignoreChanges: [fingerprint]` freezes the content, and nothing else; the fingerprint is not the program's to set.

use std::process::Command;

use e2e::{Project, Stack, image_content, lab};
use fastcontainer_lab::Tool;

const IGNORE: &str = "    options:\n      ignoreChanges: [fingerprint]\n";

/// A stack whose image holds `one` while the file on disk holds `two` and is ignored.
fn frozen(fact: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, IGNORE);
    project.write("app/Dockerfile", "FROM busybox:1.36\nARG V\nCOPY . /app\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write("app/src.txt", "two");
    (project, dev)
}

#[test]
fn an_ignored_edit_alone_changes_nothing() {
    let (_project, dev) = frozen("ignore-edit");
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn a_tag_moves_to_the_frozen_image() {
    let (project, dev) = frozen("ignore-tag");
    let digest = dev.output("digest");
    project.image_program(&format!("      tags: [latest]\n{IGNORE}"));
    dev.up(&[]).ok().never_says("built in");
    assert_eq!(dev.output("digest"), digest);
    assert_eq!(image_content(&format!("{}:latest", project.repository("api"))), "one");
}

#[test]
fn a_build_argument_rebuilds_a_frozen_image_from_what_is_on_disk() {
    let (project, dev) = frozen("ignore-arg");
    project.image_program(&format!("      buildArgs: {{V: \"2\"}}\n{IGNORE}"));
    dev.up(&[]).ok().says("build arg V changed");
    assert_eq!(image_content(&dev.output("uri")), "two");
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn a_trigger_rebuilds_a_frozen_image_from_what_is_on_disk() {
    let (project, dev) = frozen("ignore-trigger");
    project.image_program(&format!("      triggers: [again]\n{IGNORE}"));
    dev.up(&[]).ok().says("triggers changed");
    assert_eq!(image_content(&dev.output("uri")), "two");
}

#[test]
fn everything_can_be_ignored() {
    let (project, dev) = frozen("ignore-all");
    project.image_program(
        "      buildArgs: {V: \"2\"}\n      tags: [latest]\n    options:\n      ignoreChanges: [\"*\"]\n",
    );
    dev.up(&["--expect-no-changes"]).ok();
}

/// A program with an image whose inputs are the script's second argument. It is in Python, since YAML programs are held
/// against the schema before the provider sees them.
const PROGRAM: &str = r#"
import json, sys, pulumi
from pulumi import automation

def program():
    pulumi.CustomResource("fastcontainer:index:FastContainerImage", "api", json.loads(sys.argv[2]))

options = automation.LocalWorkspaceOptions(work_dir=".")
stack = automation.select_stack("dev", project_name=sys.argv[1], program=program, opts=options)
stack.preview(color="never", on_output=print)
"#;

/// What the preview of a program says that sets `fingerprint` to the one in the state, the total beginning with
/// `prefix`, after an edit.
fn preview_with_own_fingerprint(fact: &str, prefix: &str) -> String {
    let project = Project::with_image(fact, "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let mut inputs = dev.resource("api").expect("the image")["inputs"].clone();
    let total = inputs["fingerprint"]["total"].as_str().expect("a total").to_owned();
    inputs["fingerprint"]["total"] = format!("{prefix}{total}").into();
    project.write("app/src.txt", "two");
    let mut python = Command::new(lab().tools().directory(Tool::Python).join("bin/python"));
    python
        .args(["-c", PROGRAM, project.name(), &inputs.to_string()])
        .current_dir(project.path());
    let output = python.output().expect("Python");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{text}");
    format!("{text}{}", String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_program_that_sets_another_fingerprint_is_told_to_remove_it() {
    let text = preview_with_own_fingerprint("own-fingerprint", "0");
    assert!(text.contains("property fingerprint"), "{text}");
    assert!(
        text.contains("computed by the provider; remove it from the program"),
        "{text}"
    );
}

#[test]
fn a_program_that_sets_the_fingerprint_of_the_state_is_told_to_remove_it() {
    let text = preview_with_own_fingerprint("pinned-fingerprint", "");
    assert!(text.contains("`fingerprint` is computed by the provider"), "{text}");
    let advice = "remove `fingerprint` from the program; to freeze the content use `ignoreChanges: [fingerprint]`";
    assert!(text.contains(advice), "{text}");
}
