//! Base images: resolved once, pinned, recorded, and followed when asked for.

use e2e::{Project, image_content};

/// A project whose image stands on `base:v1`, which the answer can move.
fn on_a_base(fact: &str, more: &str) -> (Project, impl Fn(&str) + use<>) {
    let project = Project::with_image(fact, more);
    let base = project.repository("base");
    project.write(
        "app/Dockerfile",
        &format!("FROM {base}:v1\nCOPY src.txt /app/own.txt\n"),
    );
    let directory = Project::new(&format!("{fact}-base"), "");
    let stack = directory.stack("dev");
    let move_to = move |text: &str| {
        directory.program(&format!(
            "resources:\n  base:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {base}\n      \
             tags: [v1]\n      context: ./base\n      dockerfileInline: |\n        FROM busybox:1.36\n        COPY src.txt /app/src.txt\n"
        ));
        directory.write("base/src.txt", text);
        stack.up(&[]).ok();
    };
    (project, move_to)
}

#[test]
fn a_moved_tag_alone_builds_nothing_and_the_next_build_follows_it() {
    let (project, move_base) = on_a_base("ignored-base", "");
    move_base("first");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "first");
    move_base("second");
    dev.up(&["--expect-no-changes"]).ok();
    dev.refresh(&[]).ok().says("moved, not followed");
    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "second");
}

#[test]
fn a_tracked_tag_that_moved_rebuilds_and_is_named() {
    let (project, move_base) = on_a_base("tracked-base", "      baseImages: track\n");
    move_base("first");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    dev.up(&["--expect-no-changes"]).ok();
    move_base("second");
    dev.preview(&[]).ok().says("base image").says("moved");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "second");
    dev.up(&["--expect-no-changes"]).ok();
}
