//! Contexts that another resource of the same program writes.

use e2e::{Project, image_content};

use crate::{generator, image, with_writer};

const DOCKERFILE: &str = "FROM busybox:1.36\nCOPY . /app\n";

/// The image `api` from the folder `gen`, into which the resource `generator` writes `src.txt`.
fn generated(project: &Project, content: &str, properties: &str) {
    let generator = generator("gen/src.txt", content);
    let api = image("api", &project.repository("api"), properties);
    project.program(&format!(
        "resources:\n{generator}{api}outputs:\n  uri: ${{api.imageUri}}\n"
    ));
    project.write("Dockerfile", DOCKERFILE);
}

#[test]
fn a_context_passed_as_an_output_is_unknown_at_preview_and_right_at_up() {
    let project = with_writer("context-output");
    let properties = "      context: ${generator.directory}\n      dockerfile: Dockerfile\n";
    generated(&project, "one", properties);
    let dev = project.stack("dev");
    dev.preview(&[])
        .ok()
        .says("api: cannot tell yet whether it rebuilds – known only during the update: `context`");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");

    generated(&project, "two", properties);
    dev.preview(&[]).ok().says("known only during the update: `context`");
    dev.up(&[]).ok().says("src.txt modified");
    assert_eq!(image_content(&dev.output("uri")), "two");
    dev.up(&["--expect-no-changes"]).ok();
}

const STATIC: &str =
    "      context: ./gen\n      dockerfile: Dockerfile\n    options:\n      dependsOn: [\"${generator}\"]\n";

#[test]
fn a_static_path_with_depends_on_ships_what_was_just_written() {
    let project = with_writer("context-static");
    project.write("gen/src.txt", "zero");
    let dev = project.stack("dev");
    for content in ["one", "two"] {
        generated(&project, content, STATIC);
        dev.up(&[]).ok();
        assert_eq!(image_content(&dev.output("uri")), content);
    }
}

#[test]
fn a_missing_context_names_the_path_and_says_to_pass_the_output() {
    let project = with_writer("context-missing");
    generated(&project, "one", STATIC);
    let dev = project.stack("dev");
    let missing = format!("context `{}` does not exist", project.at("gen").display());
    dev.preview(&[])
        .fails()
        .says(&missing)
        .says("pass that resource's output as `context`");
}

#[test]
fn a_context_written_between_two_images_gives_two_images() {
    let project = with_writer("context-between");
    let repository = project.repository("api");
    let context = "      context: ./gen\n      dockerfile: Dockerfile\n";
    let first = image("first", &repository, context);
    let generator = generator("gen/src.txt", "two") + "    options:\n      dependsOn: [\"${first}\"]\n";
    let second = image(
        "second",
        &repository,
        &format!("{context}    options:\n      dependsOn: [\"${{generator}}\"]\n"),
    );
    let outputs = "outputs:\n  first: ${first.imageUri}\n  second: ${second.imageUri}\n";
    project.program(&format!("resources:\n{first}{generator}{second}{outputs}"));
    project.write("Dockerfile", DOCKERFILE);
    project.write("gen/src.txt", "one");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    let content = |name: &str| image_content(outputs[name].as_str().expect("a reference"));
    assert_eq!(
        (content("first"), content("second")),
        ("one".to_owned(), "two".to_owned())
    );
}
