//! What an editor shows while a program is written.

use std::path::Path;

use sdk::{LanguageServer, Node, Python, TypeScriptServer, alone, work, write};

/// Tells Pyright about the environment.
pub(crate) fn configure(python: &Python, project: &Path) {
    let environment = python.environment();
    let (folder, name) = (environment.parent(), environment.file_name());
    let settings = serde_json::json!({ "venvPath": folder, "venv": name.and_then(|name| name.to_str()) });
    write(&project.join("pyrightconfig.json"), &settings.to_string());
}

#[test]
fn typescript_editors_describe_an_input_at_the_cursor() {
    let _alone = alone();
    let node = Node::install();
    let mut server = TypeScriptServer::start(&mut node.tool("tsserver"));
    for (written, name, description) in [
        ("fingerprintM", "fingerprintMode", "Which files count"),
        (
            "builder: { codebuild: { queueT",
            "queueTimeoutMinutes",
            "Minutes that a build may wait",
        ),
    ] {
        let text = format!(
            "import * as fastcontainer from \"pulumi-fastcontainer\";\nnew fastcontainer.FastContainerImage(\"api\", {{ {written}"
        );
        let shown = server.complete(&node.project().join(format!("{name}.ts")), &text, name);
        assert!(shown["documentation"].to_string().contains(description), "{shown}");
    }
}

/// Pulumi's generator documents inputs at the constructor, so that is where editors for Python find them.
#[test]
fn python_editors_describe_an_input_at_the_cursor() {
    let _alone = alone();
    let (python, node, project) = (Python::install(), Node::install(), work("python-editor"));
    configure(python, &project);
    let mut command = node.tool("pyright-langserver");
    let mut server = LanguageServer::start(command.arg("--stdio"), &project);
    let call = "import pulumi_fastcontainer as fastcontainer\nimage = fastcontainer.FastContainerImage(\"api\", ";
    let shown = server.signature(&project.join("call.py"), "python", call).to_string();
    for part in ["fingerprint_mode", "Which files count", "A container image, built from"] {
        assert!(shown.contains(part), "{shown}");
    }
    let member = format!("{call}repository=\"a/b\")\nimage.image_u");
    let shown = server.complete(&project.join("member.py"), "python", &member, "image_uri");
    assert!(
        shown["documentation"].to_string().contains("what Lambda and ECS want"),
        "{shown}"
    );
}
