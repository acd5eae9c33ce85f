//! Programs against the types of the real AWS packages and of our SDKs: one check for each language.

use std::fs;
use std::path::PathBuf;

use fastcontainer_lab::Tool;
use serde_json::{Value, json};

use crate::example::Example;
use crate::packages::{folder, node_program, tool};

#[test]
fn typescript_programs_compile_against_the_real_aws_package() {
    let folders = [
        "ecs-typescript",
        "lambda-typescript",
        "codebuild-typescript",
        "from-docker-build",
    ];
    let mut files: Vec<PathBuf> = folders.map(|name| types_of(name).join("index.ts")).into();
    files.push(folder().join("types-from-docker-build/before.ts"));
    // A program with wrong types shows that the check sees both packages.
    let wrong = folder().join("wrong.ts");
    let text = "import * as aws from \"@pulumi/aws\";\nimport { FastContainerImage } from \"pulumi-fastcontainer\";\n\
                const image = new FastContainerImage(\"a\", { repository: 7 });\n\
                new aws.lambda.Function(\"f\", { role: image, imageUri: image.imageUri });\n";
    fs::write(&wrong, text).expect("a file");
    files.push(wrong);
    let mut command = node_program("typescript/bin/tsc");
    command.args(["--noEmit", "--strict", "--target", "es2022", "--module", "commonjs"]);
    command.args(["--moduleResolution", "node", "--types", "node", "--skipLibCheck"]);
    let output = command.args(files).current_dir(folder()).output().expect("tsc");
    let said = String::from_utf8_lossy(&output.stdout);
    let found: Vec<_> = said
        .lines()
        .filter_map(|line| line.split_once(": error"))
        .map(|(at, _)| at)
        .collect();
    assert_eq!(found, ["wrong.ts(3,45)", "wrong.ts(4,32)"], "{said}");
}

#[test]
fn python_programs_are_right_for_the_real_aws_package() {
    for name in ["lambda-python", "monorepo-python"] {
        types_of(name);
    }
    let wrong = folder().join("types-wrong");
    fs::create_dir_all(&wrong).expect("a folder");
    let text = "import pulumi_aws as aws\nfrom pulumi_fastcontainer import FastContainerImage\n\
                image = FastContainerImage(\"a\", repository=7)\n\
                aws.lambda_.Function(\"f\", role=image, image_uri=image.image_uri)\n";
    fs::write(wrong.join("__main__.py"), text).expect("a file");
    let environment = tool(Tool::PythonPackages);
    let settings = json!({
        "include": ["types-lambda-python", "types-monorepo-python", "types-wrong"],
        "venvPath": environment.parent(), "venv": environment.file_name().and_then(|name| name.to_str()),
        "extraPaths": ["site-packages"], "typeCheckingMode": "basic", "exclude": ["**/function", "**/base", "**/services"],
    });
    fs::write(folder().join("pyrightconfig.json"), settings.to_string()).expect("a file");
    let mut command = node_program("pyright/index.js");
    let output = command
        .args(["--outputjson", "--project"])
        .arg(folder())
        .output()
        .expect("pyright");
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = said["generalDiagnostics"].as_array().cloned().unwrap_or_default();
    let at = |one: &Value| {
        let file = PathBuf::from(one["file"].as_str().unwrap_or_default());
        let folder = file
            .parent()
            .and_then(|folder| folder.file_name())
            .map(|name| name.to_string_lossy().into_owned());
        (
            folder.unwrap_or_default(),
            one["range"]["start"]["line"].as_u64().unwrap_or_default(),
        )
    };
    let mut places: Vec<_> = found.iter().map(at).collect();
    places.dedup();
    assert_eq!(
        places,
        [("types-wrong".to_owned(), 2), ("types-wrong".to_owned(), 3)],
        "{said:#}"
    );
    assert_eq!(said["summary"]["filesAnalyzed"], 3, "{said:#}");
}

/// A copy that no other test changes.
fn types_of(name: &str) -> PathBuf {
    Example::copy_as(name, &format!("types-{name}")).path().to_owned()
}
