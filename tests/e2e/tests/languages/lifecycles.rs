//! The life of an image in each language that a language host runs.

use e2e::{image_content, run_in_image};

use crate::program::{Language, Program};

/// Previewed, built, left alone.
fn lives(language: Language) -> Program {
    let program = Program::example(language, "image");
    let dev = &program.dev;
    dev.preview(&[]).ok().says("api: build – new image").says("2 to create");
    dev.up(&[]).ok().says("api: built in");
    let first = dev.output("imageUri");
    assert_eq!(image_content(&first), "one");
    assert_eq!(run_in_image(&first, &["cat", "/app/version"]), "1.4.2\n");
    dev.up(&["--expect-no-changes"]).ok().never_says("api:");
    program
}

/// The functions give the program what the resource of the same program built.
fn asks(program: &Program) {
    let dev = &program.dev;
    let api = dev.resource("api").expect("the image");
    let tag = api["outputs"]["contentTag"].as_str().expect("a tag");
    let built = dev.output("imageUri");
    program.become_example("get_image", &[("\"released\"", &format!("\"{tag}\""))]);
    dev.up(&[]).ok();
    assert_eq!(dev.output("imageUri"), built);
    program.become_example("get_fingerprint", &[]);
    dev.preview(&[]).ok().says("files");
    dev.destroy().ok();
    assert!(dev.resource("api").is_none(), "{}", dev.state());
}

#[test]
fn a_typescript_program_builds_an_image_and_asks_for_it() {
    asks(&lives(Language::Node));
}

#[test]
fn a_python_program_builds_an_image_and_asks_for_it() {
    asks(&lives(Language::Python));
}

#[test]
fn a_go_program_builds_an_image_and_asks_for_it() {
    asks(&lives(Language::Go));
}
