//! Builds: one changed file of many, the same files in a fresh checkout, eight images at once; `buildctl` does the same.

use std::path::PathBuf;

use e2e::{Project, Stack};
use serde_json::Value;

use super::buildctl::{self, Build};
use super::figures::{Figures, Goal, median};
use super::trees;

const ROUNDS: usize = 5;
const FILES: usize = 2000;
/// Number of the file that is edited.
const EDITED: usize = 777;
const TOGETHER: usize = 8;
const SMALL: usize = 20;

pub(super) fn measure(figures: &mut Figures) {
    let project = Project::new("bench-one", "");
    trees::plant(&project, "app", FILES);
    one_image(&project, 0);
    let stack = project.stack("dev");
    stack.up(&[]).ok();
    // An unchanged tree costs its metadata only, which is what the counts of the daemon have in common.
    let image = beside(&project);
    buildctl::build(&project.at("app"), &image, 0);
    let metadata = buildctl::build(&project.at("app"), &image, 0).bytes;
    one_file_changed(figures, &project, &stack, metadata);
    fresh_checkout(figures, &project, &stack, metadata);
    eight_changed(figures);
}

/// A program with one image of `app/`; another `label` is another image of the same files.
fn one_image(project: &Project, label: usize) {
    let repository = project.repository("ours");
    project.program(&format!(
        "resources:\n  image:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
         {repository}\n      context: ./app\n      labels: {{run: \"{label}\"}}\n"
    ));
}

/// Where `buildctl` pushes to.
fn beside(project: &Project) -> String {
    format!("{}:bench", project.repository("beside"))
}

fn record(stack: &Stack) -> Value {
    let record = stack.resource("image").expect("the image in the state")["outputs"]["build"].clone();
    assert_eq!(record["reused"], false, "no build took place: {record}");
    record
}

fn number(record: &Value, name: &str) -> f64 {
    record[name]
        .as_f64()
        .unwrap_or_else(|| panic!("no `{name}` in {record}"))
}

fn one_file_changed(figures: &mut Figures, project: &Project, stack: &Stack, metadata: f64) {
    let image = beside(project);
    let (mut ours, mut beside, mut starts) = (Vec::new(), Vec::<Build>::new(), Vec::new());
    let mut size = 0;
    for round in 0..ROUNDS {
        size = trees::edit(project, "app", EDITED, 2 * round + 1);
        stack.up(&[]).ok();
        ours.push(record(stack));
        trees::edit(project, "app", EDITED, 2 * round + 2);
        beside.push(buildctl::build(&project.at("app"), &image, 0));
        starts.push(buildctl::start());
    }
    let of = |name: &str| median(ours.iter().map(|record| number(record, name)).collect());
    figures.add(
        ("1 file of 2,000 changed: context bytes", ("B", 0)),
        of("contextBytesSent"),
        Some(median(beside.iter().map(|build| build.bytes).collect()) - metadata),
        Goal::AtMost(size as f64),
    );
    figures.add(
        ("1 file of 2,000 changed: solve time", ("s", 2)),
        of("durationSeconds"),
        Some(median(beside.iter().map(|build| build.seconds).collect()) - median(starts)),
        Goal::TimesBeside(1.0),
    );
}

fn fresh_checkout(figures: &mut Figures, project: &Project, stack: &Stack, metadata: f64) {
    let image = beside(project);
    // The last edit was made for the other side only.
    stack.up(&[]).ok();
    let (mut ours, mut beside) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        one_image(project, round);
        let checkout = project.checkout();
        stack.from(&checkout.path()).up(&[]).ok();
        ours.push(number(&record(stack), "contextBytesSent"));
        beside.push(buildctl::build(&checkout.path().join("app"), &image, round).bytes - metadata);
    }
    figures.add(
        ("fresh checkout of 2,000 files: context bytes", ("B", 0)),
        median(ours),
        Some(median(beside)),
        Goal::AtMost(0.0),
    );
}

fn eight_changed(figures: &mut Figures) {
    let project = Project::new("bench-eight", "");
    let names: Vec<String> = (0..TOGETHER).map(|number| format!("image{number}")).collect();
    let image = |name: &String| {
        trees::plant(&project, name, SMALL);
        let repository = project.repository(name);
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
             {repository}\n      context: ./{name}\n"
        )
    };
    let images: String = names.iter().map(image).collect();
    project.program(&format!("resources:\n{images}"));
    let stack = project.stack("dev");
    stack.up(&[]).ok();
    let beside = beside(&project);
    let contexts: Vec<(PathBuf, String)> = names
        .iter()
        .map(|name| (project.at(name), format!("{beside}-{name}")))
        .collect();
    let build_all = || {
        buildctl::build_together(
            contexts
                .iter()
                .map(|(context, image)| (context.as_path(), image.as_str())),
        )
    };
    build_all();
    let edit_all = |version| {
        for name in &names {
            trees::edit(&project, name, 7, version);
        }
    };
    let (mut changed, mut unchanged, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        edit_all(2 * round + 1);
        changed.push(stack.up(&[]).ok().says("8 updated").took.as_secs_f64());
        unchanged.push(stack.up(&["--expect-no-changes"]).ok().took.as_secs_f64());
        edit_all(2 * round + 2);
        others.extend(build_all());
    }
    figures.add(
        ("8 images changed: `up` over an unchanged `up`", ("s", 2)),
        median(changed) - median(unchanged),
        (!others.is_empty()).then(|| median(others)),
        Goal::TimesBeside(1.2),
    );
}
