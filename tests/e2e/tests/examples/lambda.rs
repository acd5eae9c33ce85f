//! Functions on AWS Lambda, in TypeScript and in Python: the function gets the image by digest, and its handler answers.

use e2e::{Stack, lab};
use fastcontainer_lab::Invocation;
use serde_json::{Value, json};

use crate::example::{Example, edited, received};

#[test]
fn typescript_function_gets_its_image_by_digest_and_answers() {
    function("lambda-typescript", "src/app.ts", "COPY src src");
}

#[test]
fn python_function_gets_its_image_by_digest_and_answers() {
    function("lambda-python", "app.py", "COPY app.py ./");
}

#[track_caller]
fn function(name: &str, source: &str, step: &str) {
    let example = Example::copy(name);
    let stack = example.stack();
    stack.run(&["config", "set", "aws:region", "eu-central-1"]).ok();
    stack.up(&[]).ok().says("function: built in");
    assert_eq!(body(&stack, &json!({})), "hello from lambda");
    let named = json!({ "queryStringParameters": { "name": "pulumi" } });
    assert_eq!(body(&stack, &named), "hello from pulumi");

    let edit = || example.edit(&format!("function/{source}"), "hello", "good day");
    edited(&stack, edit, source, step);
    assert_eq!(body(&stack, &json!({})), "good day from lambda");
    stack.destroy().ok();
}

/// What the function answers whose resource is in the stack.
#[track_caller]
fn body(stack: &Stack, event: &Value) -> String {
    let image = received(stack, "aws:lambda/function:Function", "imageUri");
    assert_eq!(image, json!(stack.output("imageUri")));
    let image = image.as_str().expect("a reference").to_owned();
    assert!(image.contains("@sha256:"), "{image}");
    let answer = lab().invoke_function(&image, event).expect("an answer");
    match answer {
        Invocation::Returned(answer) => answer["body"].as_str().expect("a body").to_owned(),
        failed => panic!("{failed:?}"),
    }
}
