//! The program that has moved from docker-build. The one before is checked against the types of the real package, beside this one.

use crate::example::{Example, edited};
use crate::running::{answer, user_of};

#[test]
fn migrated_program_builds_with_maven_and_an_edit_leaves_the_dependencies_alone() {
    let example = Example::copy("from-docker-build");
    let stack = example.stack();
    stack.run(&["config", "set", "aws:region", "eu-central-1"]).ok();
    stack.up(&[]).ok().says("app: built in");
    let first = stack.output("imageUri");
    assert_eq!(answer(&first, "/"), "{\"greeting\":\"hello from java\"}");
    assert_eq!(user_of(&first), "nobody");
    let edit = || example.edit("app/src/main/java/org/example/App.java", " from java", " from the JVM");
    edited(&stack, edit, "src/main/java/org/example/App.java", "COPY src src");
    assert_eq!(
        answer(&stack.output("imageUri"), "/"),
        "{\"greeting\":\"hello from the JVM\"}"
    );
    stack.destroy().ok();
}
