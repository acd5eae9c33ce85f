//! The life of one image: built once, skipped, rebuilt for a reason, adopted, forgotten.

use e2e::{Project, image_content};

#[test]
fn builds_once_and_skips_until_the_content_changes() {
    let project = Project::with_image("skips", "");
    let dev = project.stack("dev");
    dev.preview(&[]).ok().says("api: build – new image");
    dev.up(&[]).ok().says("api: built in");
    let first = dev.output("uri");
    assert_eq!(image_content(&first), "one");
    dev.up(&["--expect-no-changes"]).ok().never_says("api:");

    project.write("app/src.txt", "two");
    dev.preview(&[])
        .ok()
        .says("api: rebuild – 1 file changed: src.txt modified");
    dev.up(&[]).ok().says("1 file changed: src.txt modified");
    let second = dev.output("uri");
    assert_ne!(first, second);
    assert_eq!(image_content(&second), "two");
    dev.destroy().ok();
}

#[test]
fn an_edit_that_keeps_size_and_time_is_shipped() {
    let project = Project::with_image("same-stat", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.write_keeping_time("app/src.txt", "two");
    dev.preview(&[]).ok().says("src.txt modified");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "two");
}

#[test]
fn touch_another_checkout_and_umask_change_nothing() {
    let project = Project::with_image("touch", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.age("app/src.txt", std::time::Duration::from_secs(1000));
    project.mode("app/src.txt", 0o600);
    dev.up(&["--expect-no-changes"]).ok();
    let copy = project.checkout();
    dev.from(&copy.path()).up(&["--expect-no-changes"]).ok();
}

#[test]
fn a_second_stack_previews_the_real_digest_and_builds_nothing() {
    let project = Project::with_image("second-stack", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let digest = dev.output("digest");
    let prod = project.stack("prod");
    prod.preview(&[])
        .ok()
        .says(&digest)
        .says("no build: this content is already in the registry");
    prod.up(&[]).ok();
    assert_eq!(prod.output("digest"), digest);
    assert_eq!(prod.outputs()["build"]["reused"], true);
    dev.destroy().ok();
    assert_eq!(
        image_content(&prod.output("uri")),
        "one",
        "destroying one stack keeps the image of the other"
    );
}

#[test]
fn tags_move_without_a_build() {
    let project = Project::with_image("tags", "      tags: [latest]\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let digest = dev.output("digest");
    project.image_program("      tags: [latest, \"1.0\"]\n");
    dev.preview(&[])
        .ok()
        .says("api: retag – tags changed, no build")
        .never_says("unknown");
    dev.up(&[]).ok();
    assert_eq!(dev.output("digest"), digest);
    let image = dev.output("uri").replace(&format!("@{digest}"), ":1.0");
    assert_eq!(image_content(&image), "one");
}

#[test]
fn a_build_argument_rebuilds_and_is_named_without_its_value() {
    let project = Project::with_image("args", "      buildArgs: {VERSION: \"1\"}\n");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nARG VERSION\nRUN mkdir /app && echo -n $VERSION > /app/src.txt\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.image_program("      buildArgs: {VERSION: \"22\"}\n");
    dev.preview(&[]).ok().says("api: rebuild – build arg VERSION changed");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "22");
}

#[test]
fn the_same_content_is_built_once_per_process() {
    let project = Project::with_image("once", "");
    let (one, two) = (project.repository("one"), project.repository("two"));
    let image = |name: &str, repository: &str| {
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      context: ./app\n"
        )
    };
    let program = format!(
        "resources:\n{}{}{}outputs:\n  a: ${{a.build}}\n  b: ${{b.build}}\n  c: ${{c.digest}}\n  d: ${{a.digest}}\n",
        image("a", &one),
        image("b", &one),
        image("c", &two)
    );
    project.program(&program);
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY . .\nRUN sleep 2; head -c 8 /dev/urandom > /noise\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    let reused = [&outputs["a"]["reused"], &outputs["b"]["reused"]];
    assert!(
        reused.contains(&&true.into()) && reused.contains(&&false.into()),
        "{outputs}"
    );
    assert_eq!(
        outputs["c"], outputs["d"],
        "another repository gets the same build, not a second one"
    );
}

#[test]
fn the_repository_replaces() {
    let project = Project::with_image("replace", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let other = project.repository("other");
    let program = std::fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    project.write("Pulumi.yaml", &program.replace(&project.repository("api"), &other));
    dev.preview(&[]).ok().says("replace");
    dev.up(&[]).ok();
    assert!(dev.output("uri").starts_with(&other));
    assert_eq!(image_content(&dev.output("uri")), "one");
}
