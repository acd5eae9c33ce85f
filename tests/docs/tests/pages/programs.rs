//! Programs: TypeScript and Python are type-checked against the packed SDKs, Go is vetted against its module, Java is compiled against
//! the jar.
//!
//! Programs in C# are those of the schema's examples: what they compile against is on NuGet only. A page shows no others.

use std::fs;
use std::path::Path;
use std::process::Command;

use fastcontainer_lab::workspace_root;
use sdk::{EXAMPLES, Go, Java, Node, Python, alone, run, work, write};

use crate::{name, shown};

/// An empty folder.
fn emptied(folder: &Path) -> &Path {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).unwrap();
    folder
}

#[test]
fn typescript_compiles_against_the_package() {
    let _alone = alone();
    let node = Node::install();
    let folder = node.project().join("docs");
    emptied(&folder);
    let files: Vec<_> = shown(&["typescript", "ts"])
        .iter()
        .map(|(page, block)| {
            let file = folder.join(format!("{}.ts", name(page, block)));
            write(&file, &block.text);
            file
        })
        .collect();
    assert!(!files.is_empty(), "no page shows TypeScript");
    let strict = ["--noEmit", "--strict", "--module", "nodenext", "--skipLibCheck"];
    run(node.tool("tsc").args(strict).args(files));
}

#[test]
fn python_is_right_for_the_wheel() {
    let _alone = alone();
    let (python, node, project) = (Python::install(), Node::install(), work("docs-python"));
    emptied(&project);
    let programs = shown(&["python"]);
    assert!(!programs.is_empty(), "no page shows Python");
    for (page, block) in programs {
        write(&project.join(format!("{}.py", name(&page, &block))), &block.text);
    }
    let environment = python.environment();
    let (folder, environment) = (environment.parent().unwrap(), environment.file_name().unwrap());
    let settings = serde_json::json!({ "venvPath": folder, "venv": environment.to_str() });
    write(&project.join("pyrightconfig.json"), &settings.to_string());
    run(node.tool("pyright").arg("--project").arg(&project));
}

/// In a module that needs what the module of the SDK's own examples needs.
#[test]
fn go_is_vetted_against_the_module() {
    let programs = shown(&["go"]);
    if programs.is_empty() {
        return;
    }
    let _alone = alone();
    let (examples, project) = (Go::install().project(), work("docs-go"));
    emptied(&project);
    for file in ["go.mod", "go.sum"] {
        fs::copy(examples.join(file), project.join(file)).unwrap();
    }
    for (page, block) in programs {
        write(&project.join(name(&page, &block)).join("main.go"), &block.text);
    }
    let mut command = Command::new("go");
    let flags = "-mod=mod -buildvcs=false";
    run(command
        .current_dir(&project)
        .env("GOFLAGS", flags)
        .args(["vet", "./..."]));
}

#[test]
fn java_compiles_against_the_jar() {
    let programs = shown(&["java"]);
    if programs.is_empty() {
        return;
    }
    let _alone = alone();
    let (java, project) = (Java::install(), work("docs-java"));
    emptied(&project);
    for (page, block) in programs {
        let file = project.join(name(&page, &block)).join("App.java");
        write(&file, &block.text);
        java.compile(&file);
    }
}

#[test]
fn csharp_is_an_example_of_the_schema() {
    for (page, block) in shown(&["csharp"]) {
        let examples = workspace_root().join("provider/src/schema/examples");
        let same = |example: &&str| {
            let text = fs::read_to_string(examples.join(example).join("Program.cs")).unwrap();
            text.trim() == block.text.trim()
        };
        assert!(
            EXAMPLES.iter().any(same),
            "{}: not the Program.cs of an example in provider/src/schema/examples",
            page.place(block.line)
        );
    }
}
