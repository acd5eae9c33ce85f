//! Values of wrong types, from languages that do not stop them: each is named by its path, all of them at once.

use e2e::Project;

use crate::program::{Language, Program};

/// Every one of these is wrong in a way of its own.
const WRONG: &str = "context=\"./api\",
    fingerprint_mode=7,
    no_cache=\"yes\",
    platforms=\"linux/amd64\",
    triggers=[{\"a\": \"b\"}],
    builder={\"codebuild\": {\"project\": 7}},";

#[test]
fn wrong_types_of_a_python_program_are_named_by_their_paths() {
    let program = Program::example(Language::Python, "image");
    program.become_example("image", &[("context=\"./api\",", WRONG)]);
    let run = program.dev.preview(&[]).fails();

    run.says("fingerprintMode")
        .says("must be one of `precise`, `context`, not a number")
        .says("noCache")
        .says("must be a boolean, not a string")
        .says("platforms")
        .says("must be a list, not a string")
        .says("triggers[0]")
        .says("builder.codebuild.project");
    program.become_example("image", &[]);
    program.dev.preview(&[]).ok();
}

#[test]
fn wrong_types_of_a_yaml_program_are_named_by_their_paths() {
    let wrong = "      fingerprintMode: 7\n      noCache: perhaps\n      platforms: linux/amd64\n";
    let project = Project::with_image("wrong-yaml", wrong);
    let run = project.stack("dev").preview(&[]).fails();
    run.says("fingerprintMode")
        .says("must be one of `precise`, `context`, not a number")
        .says("noCache")
        .says("must be a boolean, not a string")
        .says("platforms")
        .says("must be a list, not a string");
}
