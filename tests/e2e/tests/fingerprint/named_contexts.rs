//! Further contexts: directories with rules and narrowing of their own, and images.

use e2e::{Project, image_content, lab};
use fastcontainer_lab::Endpoint;

fn project(fact: &str) -> Project {
    let project = Project::with_image(fact, "      namedContexts: {lib: ./lib}\n");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY --from=lib src /app/\nCOPY src.txt /app/own.txt\n",
    );
    project.write("lib/src/src.txt", "library");
    project.write("lib/src/skipped.log", "log");
    project.write("lib/.dockerignore", "*.log\n**/*.log\n");
    project.write("lib/README", "nobody copies this");
    project
}

#[test]
fn a_directory_counts_with_its_own_ignore_file_and_narrowing() {
    let project = project("named");
    let dev = project.stack("dev");
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        dev.up(&[]).fails().says("named context");
        return;
    }
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "library");
    project.write("lib/src/skipped.log", "more");
    project.write("lib/README", "other");
    dev.up(&["--expect-no-changes"]).ok();
    project.write_keeping_time("lib/src/src.txt", "LIBRARY");
    dev.preview(&[]).ok().says("lib:/src/src.txt modified");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "LIBRARY");
}

#[test]
fn an_image_replaces_a_base() {
    let project = Project::with_image(
        "named-image",
        "      namedContexts: {\"base\": \"docker-image://busybox:1.36\"}\n",
    );
    project.write("app/Dockerfile", "FROM base\nCOPY src.txt /app/src.txt\n");
    let dev = project.stack("dev");
    if lab().endpoint() == Some(Endpoint::DockerClassic) {
        dev.up(&[]).fails().says("named context");
        return;
    }
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");
}
