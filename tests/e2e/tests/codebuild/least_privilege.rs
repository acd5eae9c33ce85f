//! The policies in the documentation: enough for everything, and without an action that nothing needs.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;

use e2e::{CodeBuild, Identity, Place, Project, Stack, image_content, lab, policies};
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};

/// The actions that the statements of a policy allow.
fn actions(policy: &Value) -> BTreeSet<String> {
    let one_or_many = |value: &Value| match value {
        Value::Array(many) => many.clone(),
        one => vec![one.clone()],
    };
    let statements = one_or_many(&policy["Statement"]);
    let named = statements
        .iter()
        .flat_map(|statement| one_or_many(&statement["Action"]));
    named
        .map(|action| action.as_str().expect("an action").to_owned())
        .collect()
}

/// What an identity asked for; everything was allowed.
#[track_caller]
fn used(identity: &Identity) -> BTreeSet<String> {
    let decisions = identity.decisions();
    let denied: Vec<_> = decisions.iter().filter(|(_, allowed)| !allowed).collect();
    assert!(denied.is_empty(), "{denied:?}");
    decisions.into_iter().map(|(action, _)| action).collect()
}

/// Presses Ctrl-C as soon as a build of the project runs.
fn interrupt_a_build(stack: &Stack, codebuild: &CodeBuild) {
    let cli = stack.spawn(&["up", "--yes", "--skip-preview"]);
    codebuild.await_phase("BUILD");
    kill_process_group(Pid::from_child(&cli), Signal::INT).expect("SIGINT");
    let output = cli.wait_with_output().expect("the CLI");
    assert!(!output.status.success());
    assert_eq!(codebuild.builds()[0]["buildStatus"], "STOPPED");
}

#[test]
fn the_documented_policies_are_enough_and_nothing_in_them_is_too_much() {
    let codebuild = CodeBuild::create_in("least", &Place::with_role("least"));
    let secret = "      secrets: {token: 'least-inline-token'}\n      tags: [latest]\n";
    let project = Project::with_image("cb-least", &format!("{}{secret}", codebuild.builder()));
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nRUN --mount=type=secret,id=token sha256sum /run/secrets/token > sum\n",
    );
    let (caller, role) = (Identity::user("least-caller"), Identity::role("least"));
    let [for_caller, for_role] = policies(&codebuild, &project);
    caller.may(&for_caller);
    role.may(&for_role);
    let dev = caller.uses(&project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere"));

    dev.up(&[]).ok().says("api: built in").says("on codebuild");
    dev.up(&["--expect-no-changes"]).ok();
    for_two_platforms(&dev, &codebuild, &project);
    dev.refresh(&[]).ok();
    an_upload_in_parts_fails(&dev, &codebuild, &project);
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . .\nRUN sleep 40\n");
    project.image_program(&codebuild.builder());
    interrupt_a_build(&dev, &codebuild);
    assert_eq!(image_content(&dev.output("uri")), "two");
    dev.destroy().ok();

    assert_eq!(used(&caller), actions(&for_caller));
    assert_eq!(used(&role), actions(&for_role));
    codebuild.has_nothing_left(&caller);
}

/// Each platform's image is looked into before they are joined.
fn for_two_platforms(stack: &Stack, codebuild: &CodeBuild, project: &Project) {
    let both = "      platforms: [linux/amd64, linux/arm64]\n";
    project.image_program(&format!("{}{both}", codebuild.builder()));
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nCMD [\"cat\", \"/app/src.txt\"]\n",
    );
    project.write("app/src.txt", "two");
    stack.preview(&[]).ok().says("src.txt modified");
    stack.up(&[]).ok().says("on codebuild");
}

/// The parts that are there already are thrown away, which is an action of its own.
fn an_upload_in_parts_fails(stack: &Stack, codebuild: &CodeBuild, project: &Project) {
    let mut noise = vec![0; 65 << 20];
    let mut random = fs::File::open("/dev/urandom").expect("random bytes");
    random.read_exact(&mut noise).expect("random bytes");
    fs::write(project.at("app/noise"), noise).expect("a file");
    let fault = json!({
        "match": {"operation": "s3:UploadPart", "host": codebuild.bucket}, "count": 100,
        "kind": "status", "status": 400, "code": "InvalidRequest", "message": "no",
    });
    lab().emulator().admin_with("POST", "faults", &fault).expect("a fault");
    stack.up(&[]).fails().says("refused with `InvalidRequest`");
    fs::remove_file(project.at("app/noise")).expect("the file");
}
