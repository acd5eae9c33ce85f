//! Eight services on one base image: an edit rebuilds what reads it, and nothing else.

use e2e::Stack;
use serde_json::{Value, json};

use crate::example::Example;
use crate::running::{answer, user_of};

const SERVICES: [&str; 8] = [
    "accounts", "billing", "catalog", "mail", "orders", "search", "shipping", "web",
];

#[test]
fn edit_of_a_service_builds_that_one_and_edit_of_the_base_builds_all() {
    let example = Example::copy("monorepo-python");
    let stack = example.stack();
    stack.run(&["config", "set", "aws:region", "eu-central-1"]).ok();
    let all = [&["base"], &SERVICES[..]].concat();
    let first = built(&stack, &json!({}), &all);
    assert_eq!(answer(text(&first, "mail"), "/"), "hello from mail\n");
    assert_eq!(user_of(text(&first, "web")), "nobody");
    stack.up(&["--expect-no-changes"]).ok().never_says("built in");

    example.edit("services/mail/main.py", "create_app(\"mail\")", "create_app(\"post\")");
    let second = built(&stack, &first, &["mail"]);
    assert_eq!(answer(text(&second, "mail"), "/"), "hello from post\n");

    example.edit("base/greetings/__init__.py", "hello", "good day");
    let third = built(&stack, &second, &all);
    assert_eq!(answer(text(&third, "mail"), "/"), "good day from post\n");
    assert_eq!(answer(text(&third, "orders"), "/"), "good day from orders\n");
    stack.destroy().ok();
}

/// Updates, demands that these images and no others were built, and returns the new outputs.
#[track_caller]
fn built(stack: &Stack, before: &Value, names: &[&str]) -> Value {
    let run = stack.up(&[]).ok();
    let after = stack.outputs();
    let all = ["base"].into_iter().chain(SERVICES);
    for name in all {
        let is_new = names.contains(&name);
        assert_eq!(run.text.contains(&format!("{name}: built in")), is_new, "{}", run.text);
        assert_eq!(before[name] != after[name], is_new, "{name}: {before} {after}");
    }
    after
}

fn text<'a>(outputs: &'a Value, name: &str) -> &'a str {
    outputs[name].as_str().expect("a reference")
}
