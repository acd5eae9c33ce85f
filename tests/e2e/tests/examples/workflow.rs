//! The workflow for GitHub Actions: its commands run here in the order and with the environment that the file gives them.

use std::process::Command;

use e2e::Stack;
use fastcontainer_lab::{ECR_HOST, Tool, workspace_root};
use serde_json::Value;

use crate::example::{Example, repository};
use crate::packages::{run, tool};

/// What the README asks for in the repository's settings, as far as commands see it.
const SETTINGS: [(&str, &str); 2] = [
    ("${{ secrets.PULUMI_ACCESS_TOKEN }}", "pul-0"),
    ("${{ vars.PULUMI_STACK }}", "dev"),
];

#[test]
fn workflow_previews_pull_requests_and_updates_main() {
    let workflow = workflow();
    let (project, stack) = quickstart();
    let said = trigger(&workflow, "pull_request", &project);
    assert!(said.contains("app: build – new image"), "{said}");
    assert!(stack.resource("app").is_none());
    let said = trigger(&workflow, "push", &project);
    assert!(said.contains("app: built in"), "{said}");
    assert!(stack.output("image").contains("@sha256:"));

    project.edit("app/main.py", "hello", "good day");
    let said = trigger(&workflow, "pull_request", &project);
    assert!(
        said.contains("app: rebuild – 1 file changed: main.py modified"),
        "{said}"
    );
    stack.destroy().ok();
}

#[test]
fn workflow_may_read_the_sources_and_ask_for_a_token_and_nothing_else() {
    let workflow = workflow();
    let permissions = serde_json::json!({ "contents": "read", "id-token": "write" });
    assert_eq!(workflow["permissions"], permissions);
    assert!(workflow["jobs"]["images"]["permissions"].is_null(), "a job may do more");
    let role = "${{ github.event_name == 'push' && vars.AWS_ROLE || vars.AWS_PREVIEW_ROLE }}";
    let mut roles = steps(&workflow).filter_map(|step| step["with"]["role-to-assume"].as_str());
    assert_eq!((roles.next(), roles.next()), (Some(role), None));
    let uses = steps(&workflow).filter_map(|step| step["uses"].as_str());
    for action in uses {
        let (_, version) = action.split_once('@').expect("a version");
        assert!(version.starts_with('v'), "{action}");
    }
}

fn workflow() -> Value {
    let file = workspace_root().join("examples/github-actions/.github/workflows/images.yml");
    // The keys of the file are texts but `on`, which older YAML takes for a truth value.
    let script = "import json, sys, yaml; print(json.dumps(yaml.load(open(sys.argv[1]), yaml.BaseLoader)))";
    let mut convert = Command::new(tool(Tool::PythonPackages).join("bin/python"));
    serde_json::from_str(&run(convert.args(["-c", script]).arg(file))).expect("JSON")
}

/// The quickstart as a repository of its own.
fn quickstart() -> (Example, Stack) {
    let project = Example::copy_as("quickstart", "workflow");
    let uri = format!("{ECR_HOST}/workflow");
    repository(&uri);
    project.edit("Pulumi.yaml", "name: quickstart", "name: workflow");
    let stack = project.stack();
    stack.run(&["config", "set", "repository", &uri]).ok();
    (project, stack)
}

fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    workflow["jobs"]["images"]["steps"].as_array().into_iter().flatten()
}

/// Runs the commands of the steps that an event lets run, as a runner does, and returns what they said.
fn trigger(workflow: &Value, event: &str, project: &Example) -> String {
    assert!(!workflow["on"][event].is_null(), "no `{event}` in {workflow}");
    let condition = format!("github.event_name == '{event}'");
    let wanted = |step: &&Value| step["if"].is_null() || step["if"] == condition.as_str();
    let commands = steps(workflow).filter(wanted).filter_map(|step| step["run"].as_str());
    let mut said = String::new();
    for script in commands {
        let mut command = Command::new("bash");
        command.args(["-e", "-c", script]).current_dir(project.path());
        for (name, value) in workflow["env"].as_object().into_iter().flatten() {
            command.env(name, filled(value.as_str().expect("a text")));
        }
        said += &run(&mut command);
    }
    assert!(!said.is_empty(), "`{event}` runs nothing");
    said
}

fn filled(value: &str) -> String {
    let filled = SETTINGS
        .iter()
        .fold(value.to_owned(), |text, (name, value)| text.replace(name, value));
    assert!(!filled.contains("${{"), "nobody has set {filled}");
    filled
}
