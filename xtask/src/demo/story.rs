//! What the demo shows, step by step. A step that does not go as promised panics with what the CLI said.

use std::fs;
use std::path::Path;
use std::time::Duration;

use e2e::{Checkout, Stack, admin};
use fastcontainer_lab::{ECR_HOST, Lab, say};

use super::services::{ask_http, invoke_lambda};
use super::table::Table;
use crate::shell::workspace_root;

const BASE: &str = "example";

/// Tells the whole story in the current lab.
pub(super) fn tell() {
    let lab = e2e::lab();
    let mut table = Table::default();
    let checkout = Checkout::of(&workspace_root().join("examples"), "first");
    for name in ["api", "worker", "status"] {
        admin("PUT", &format!("repository?repository={ECR_HOST}/{BASE}/{name}"));
    }
    let dev = stack(&checkout, "dev");
    first_up(&lab, &dev, &mut table);
    unchanged(&lab, &dev, &mut table);
    one_file_edited(&lab, &checkout, &dev, &mut table);
    edited_in_secret(&lab, &checkout, &dev, &mut table);
    second_stack(&checkout, &dev, &mut table);
    nothing_that_counts(&checkout, &dev, &mut table);
    emptied_builder(&lab, &checkout, &dev, &mut table);
    for name in ["dev", "prod", "other"] {
        let run = dev.named(name).destroy().ok();
        table.add(&format!("destroy {name}"), run.took, None);
    }
    table.print();
}

fn headline(text: &str) {
    say(&format!("\n-- {text}"));
}

fn stack(checkout: &Checkout, name: &str) -> Stack {
    let stack = Stack::init(&checkout.path().join("yaml"), name).with("PULUMI_PARALLEL", "16");
    stack
        .run(&[
            "config",
            "set",
            "repositoryBase",
            &format!("{ECR_HOST}/{BASE}"),
            "--stack",
            name,
        ])
        .ok();
    stack
}

fn show(text: &str) {
    let ours = |line: &&str| {
        ["api: ", "worker: ", "status: "]
            .iter()
            .any(|name| line.starts_with(name))
    };
    for line in text.lines().map(str::trim).filter(ours) {
        say(&format!("   {line}"));
    }
}

fn first_up(lab: &Lab, dev: &Stack, table: &mut Table) {
    headline("preview names the three images to build");
    let mut preview = dev.preview(&[]).ok();
    for name in ["api", "worker", "status"] {
        preview = preview.says(&format!("{name}: build – new image"));
    }
    show(&preview.text);
    table.add("preview of three new images", preview.took, None);

    headline("up builds them in parallel");
    let up = dev.up(&[]).ok();
    show(&up.text);
    assert_eq!(table.add("up: three images", up.took, Some(dev)), 3);

    headline("the images are pulled by digest, run, and answer");
    let answer = ask_http(lab, &dev.output("apiImage"), "/");
    assert!(answer.contains("hello from fastcontainer"), "{answer}");
    let answer = ask_http(lab, &dev.output("statusImage"), "/");
    assert!(answer.contains("1.0.0"), "{answer}");
    let answer = invoke_lambda(lab, &dev.output("workerImage"), r#"{"text": "to be or not to be"}"#);
    assert!(answer.contains(r#""words": 6"#), "{answer}");
    say("   api, status and worker answered");
}

fn unchanged(lab: &Lab, dev: &Stack, table: &mut Table) {
    headline("a second up: nothing to do, with builder and registry unreachable");
    let builder = lab.builder().expect("the builder");
    builder.stop();
    admin("DELETE", "counters");
    let up = dev.up(&["--expect-no-changes"]).ok();
    let asked = admin("GET", "counters")["total"].as_u64();
    assert_eq!(asked, Some(0), "an unchanged up asked the registry");
    builder.start().expect("the builder");
    assert_eq!(table.add("up: nothing changed, builder stopped", up.took, Some(dev)), 0);
}

fn one_file_edited(lab: &Lab, checkout: &Checkout, dev: &Stack, table: &mut Table) {
    headline("one source file edited");
    let app = checkout.path().join("services/api/src/app.py");
    edit(&app, "hello from fastcontainer", "hello again");
    let preview = dev
        .preview(&[])
        .ok()
        .says("api: rebuild – 1 file changed: src/app.py modified");
    let preview = preview.never_says("worker: ").never_says("status: ");
    show(&preview.text);
    let up = dev.up(&[]).ok();
    show(&up.text);
    assert_eq!(table.add("up: one file edited", up.took, Some(dev)), 1);
    let answer = ask_http(lab, &dev.output("apiImage"), "/");
    assert!(answer.contains("hello again"), "{answer}");
}

fn edited_in_secret(lab: &Lab, checkout: &Checkout, dev: &Stack, table: &mut Table) {
    headline("an edit that keeps the file's size and modification time");
    let app = checkout.path().join("services/api/src/app.py");
    let before = fs::metadata(&app)
        .and_then(|metadata| metadata.modified())
        .expect("a modification time");
    edit(&app, "hello again", "hello there");
    fs::File::options()
        .write(true)
        .open(&app)
        .and_then(|file| file.set_modified(before))
        .expect("the old time");
    let preview = dev.preview(&[]).ok().says("src/app.py modified");
    show(&preview.text);
    let up = dev.up(&[]).ok();
    assert_eq!(table.add("up: edit with equal size and time", up.took, Some(dev)), 1);
    let answer = ask_http(lab, &dev.output("apiImage"), "/");
    assert!(answer.contains("hello there"), "the image runs old bytes: {answer}");
    say("   the running image answers with the new text");
}

fn second_stack(checkout: &Checkout, dev: &Stack, table: &mut Table) {
    headline("a second stack with the same content: real digests at preview, no build");
    let prod = stack(checkout, "prod");
    let preview = prod
        .preview(&[])
        .ok()
        .says(&dev.output("apiImage"))
        .says(&dev.output("workerImage"));
    show(&preview.text);
    let up = prod.up(&[]).ok();
    assert_eq!(table.add("up: second stack", up.took, Some(&prod)), 0);
    assert_eq!(dev.outputs(), prod.outputs());
}

fn nothing_that_counts(checkout: &Checkout, dev: &Stack, table: &mut Table) {
    headline("touch on every file, another checkout, another umask: nothing to do");
    checkout.touch_everything();
    let up = dev.up(&["--expect-no-changes"]).ok();
    assert_eq!(table.add("up: every file touched", up.took, Some(dev)), 0);
    let other = checkout.again("second", 0o077);
    let up = dev.from(&other.path().join("yaml")).up(&["--expect-no-changes"]).ok();
    assert_eq!(table.add("up: another checkout and umask", up.took, Some(dev)), 0);
}

fn emptied_builder(lab: &Lab, checkout: &Checkout, dev: &Stack, table: &mut Table) {
    headline("a third stack after the builder forgot everything: adopted, nothing built");
    lab.builder().and_then(|builder| builder.reset()).expect("the builder");
    let other = stack(checkout, "other");
    let up = other.up(&[]).ok();
    assert_eq!(table.add("up: third stack, emptied builder", up.took, Some(&other)), 0);
    assert_eq!(dev.outputs(), other.outputs());
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the source");
    assert!(text.contains(from), "{} does not contain `{from}`", file.display());
    fs::write(file, text.replace(from, to)).expect("the source");
    std::thread::sleep(Duration::from_millis(5));
}
