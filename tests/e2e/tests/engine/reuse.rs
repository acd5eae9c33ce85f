//! Whose earlier build is adopted.

use e2e::{Project, Stack};

use crate::image;

fn reused(stack: &Stack) -> bool {
    stack.outputs()["build"]["reused"].as_bool().expect("reused")
}

#[test]
fn never_reused_images_are_built_each_under_a_tag_of_its_own() {
    let project = Project::with_image("reuse-never", "");
    let repository = project.repository("api");
    let properties = "      context: ./app\n      reuse: never\n";
    let (a, b) = (image("a", &repository, properties), image("b", &repository, properties));
    let outputs = "outputs:\n  a: ${a.contentTag}\n  b: ${b.contentTag}\n  built: [\"${a.build}\", \"${b.build}\"]\n";
    project.program(&format!("resources:\n{a}{b}{outputs}"));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    assert_ne!(outputs["a"], outputs["b"]);
    assert_eq!(
        (&outputs["built"][0]["reused"], &outputs["built"][1]["reused"]),
        (&false.into(), &false.into())
    );
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn an_image_of_one_stack_is_not_adopted_by_another() {
    let project = Project::with_image("reuse-stack", "      reuse: stack\n");
    let (dev, prod) = (project.stack("dev"), project.stack("prod"));
    dev.up(&[]).ok();
    prod.preview(&[]).ok().says("api: build – new image");
    prod.up(&[]).ok().says("api: built in");
    assert_ne!(dev.output("contentTag"), prod.output("contentTag"));
    dev.up(&["--replace", "**api"]).ok();
    assert!(reused(&dev), "a stack adopts what it built itself");
}

#[test]
fn a_reuse_key_hides_images_from_those_who_lack_it() {
    let project = Project::with_image("reuse-key", "");
    let (dev, prod, other) = (project.stack("dev"), project.stack("prod"), project.stack("other"));
    for stack in ["prod", "other"] {
        prod.run(&[
            "config",
            "set",
            "--secret",
            "fastcontainer:reuseKey",
            "hunter2",
            "--stack",
            stack,
        ])
        .ok();
    }
    for stack in [&dev, &prod, &other] {
        stack.up(&[]).ok().never_says("hunter2");
    }
    assert_ne!(dev.output("contentTag"), prod.output("contentTag"));
    assert_eq!(other.output("contentTag"), prod.output("contentTag"));
    assert_eq!((reused(&prod), reused(&other)), (false, true));
    assert!(!prod.state().to_string().contains("hunter2"));
}
