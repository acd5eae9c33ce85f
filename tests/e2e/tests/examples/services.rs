//! Programs around one image: the quickstart, a service on ECS, a Go program.

use fastcontainer_lab::ECR_HOST;
use serde_json::{Value, json};

use crate::example::{Example, edited, received, repository};
use crate::running::{answer, user_of};

#[test]
fn quickstart_builds_with_uv_and_an_edit_leaves_the_dependencies_alone() {
    let example = Example::copy("quickstart");
    let uri = format!("{ECR_HOST}/quickstart");
    repository(&uri);
    let stack = example.stack();
    stack.run(&["config", "set", "repository", &uri]).ok();
    stack.up(&[]).ok().says("app: built in");
    let first = stack.output("image");
    assert_eq!(answer(&first, "/"), "hello from quickstart\n");
    assert_eq!(user_of(&first), "nobody");

    example.edit("app/README.md", "Greets", "Says hello");
    let edit = || example.edit("app/main.py", "hello", "good day");
    edited(&stack, edit, "main.py", "COPY main.py ./");
    assert_eq!(answer(&stack.output("image"), "/"), "good day from quickstart\n");
    stack.destroy().ok();
}

#[test]
fn ecs_task_definition_gets_the_service_by_digest() {
    let example = Example::copy("ecs-typescript");
    let stack = example.stack();
    stack.run(&["config", "set", "aws:region", "eu-central-1"]).ok();
    stack
        .run(&["config", "set", "--path", "subnets[0]", "subnet-0123456789abcdef0"])
        .ok();
    stack.up(&[]).ok().says("service: built in");
    let first = stack.output("imageUri");
    assert_eq!(answer(&first, "/"), "hello from ecs\n");
    assert_eq!(user_of(&first), "65532:65532");
    let task = "aws:ecs/taskDefinition:TaskDefinition";
    assert_eq!(image_of(&received(&stack, task, "containerDefinitions")), json!(first));

    let revision = received(&stack, task, "arn");
    let edit = || example.edit("service/main.go", "hello", "good day");
    edited(&stack, edit, "main.go", "COPY main.go ./");
    let second = stack.output("imageUri");
    assert_eq!(answer(&second, "/"), "good day from ecs\n");
    assert_eq!(image_of(&received(&stack, task, "containerDefinitions")), json!(second));
    assert_ne!(received(&stack, task, "arn"), revision);
    let service = "aws:ecs/service:Service";
    assert_eq!(
        received(&stack, service, "taskDefinition"),
        received(&stack, task, "arn")
    );
    stack.destroy().ok();
}

fn image_of(containers: &Value) -> Value {
    let containers: Value = serde_json::from_str(containers.as_str().expect("JSON")).expect("JSON");
    containers[0]["image"].clone()
}

#[test]
fn go_program_builds_a_rust_service_and_moves_its_tag() {
    let example = Example::copy("go-program");
    let uri = format!("{ECR_HOST}/go-program");
    repository(&uri);
    let stack = example.stack();
    stack.run(&["config", "set", "repository", &uri]).ok();
    stack.up(&[]).ok().says("service: built in");
    assert_eq!(answer(&stack.output("imageUri"), "/"), "hello from rust\n");
    assert_eq!(user_of(&stack.output("imageUri")), "nobody");

    let edit = || example.edit("service/src/main.rs", "hello", "good day");
    edited(&stack, edit, "src/main.rs", "COPY src src");
    let second = stack.output("imageUri");
    assert_eq!(answer(&second, "/"), "good day from rust\n");
    let moved = e2e::lab().pull(&format!("{uri}:latest")).expect("the tag");
    assert!(second.ends_with(&moved.digest), "{second} {}", moved.digest);
    stack.destroy().ok();
}
