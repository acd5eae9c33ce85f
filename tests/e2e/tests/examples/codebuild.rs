//! The program that makes what builds on CodeBuild take, and builds there.

use e2e::{CodeBuild, Identity};
use serde_json::Value;

use crate::example::{Example, received};
use crate::running::{answer, user_of};

#[test]
fn codebuild_program_makes_what_its_builds_take_and_its_policies_are_enough() {
    let example = Example::copy("codebuild-typescript");
    let stack = example.stack();
    stack.run(&["config", "set", "aws:region", "eu-central-1"]).ok();
    stack.up(&[]).ok().says("app: built in");
    let first = stack.output("imageUri");
    assert_eq!(answer(&first, "/"), "hello from codebuild\n");
    assert_eq!(user_of(&first), "nobody");
    stack.up(&["--expect-no-changes"]).ok();

    // From here on somebody builds who has the rights of the program's second policy and no others.
    let policy = received(&stack, "aws:iam/policy:Policy", "policy");
    let policy: Value = serde_json::from_str(policy.as_str().expect("a policy")).expect("JSON");
    let caller = Identity::user("example-caller");
    caller.may(&policy);
    example.edit("app/src/main.py", "hello", "good day");
    let theirs = caller.uses(&stack);
    theirs.up(&[]).ok().says("app: built in");
    let second = stack.output("imageUri");
    assert_eq!(answer(&second, "/"), "good day from codebuild\n");
    let denied: Vec<_> = caller.decisions().into_iter().filter(|(_, allowed)| !allowed).collect();
    assert!(denied.is_empty(), "{denied:?}");
    let project = received(&stack, "aws:codebuild/project:Project", "name");
    let bucket = received(&stack, "aws:s3/bucket:Bucket", "bucket");
    CodeBuild::existing(project.as_str().expect("a name"), bucket.as_str().expect("a name")).has_nothing_left(&caller);
    stack.destroy().ok();
}
