//! A saved plan is a contract about bytes.

use e2e::{Project, image_content};

use crate::{generator, image, images_in, with_writer};

const SAVE: [&str; 2] = ["--save-plan", "plan.json"];
const USE: [&str; 2] = ["--plan", "plan.json"];

#[test]
fn a_saved_plan_builds_the_bytes_that_were_reviewed() {
    let project = Project::with_image("plan", "");
    let dev = project.stack("dev");
    dev.preview(&SAVE).ok();
    dev.up(&USE).ok().says("api: built in");
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn a_saved_plan_refuses_other_bytes_and_builds_nothing() {
    let project = Project::with_image("plan-create", "");
    let dev = project.stack("dev");
    dev.preview(&SAVE).ok();
    project.write("app/src.txt", "two");
    dev.up(&USE)
        .fails()
        .says("violates plan")
        .says("fingerprint")
        .never_says("built in");
    assert_eq!(images_in(&project.repository("api")), 0);
}

#[test]
fn a_saved_plan_without_changes_refuses_an_edit_and_builds_nothing() {
    let project = Project::with_image("plan-same", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    dev.preview(&SAVE).ok();
    dev.up(&[&USE[..], &["--expect-no-changes"]].concat()).ok();
    project.write("app/src.txt", "two");
    dev.up(&USE)
        .fails()
        .says("violates plan")
        .says("fingerprint")
        .never_says("built in");
    assert_eq!(images_in(&project.repository("api")), 1);
}

#[test]
fn a_saved_plan_holds_while_the_repository_is_unknown() {
    let project = with_writer("plan-repository");
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    let writer = generator("repository.txt", &project.repository("api"));
    let api = image("api", "${generator.content}", "      context: ./app\n");
    project.program(&format!("resources:\n{writer}{api}"));
    let dev = project.stack("dev");
    dev.preview(&SAVE)
        .ok()
        .says("known only during the update: `repository`");
    dev.up(&USE).ok().says("api: built in");
}
