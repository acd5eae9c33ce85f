//! Functions for Lambda with packages from registries, built and called in labs, and what the gateway to registries refuses.
//! That builds in every language find their packages is shown by the examples of the repository.
//!
//! Each test is a lab of its own, so they need root and the tools of `cargo xtask setup`, and are run with
//! `cargo test -p fastcontainer-lab -- --ignored`.

#![expect(clippy::unwrap_used, reason = "a test: a panic is a finding")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

fn lab(script: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(["run", "--endpoint", "buildkitd", "--", "bash", "-euc", script, "script"]);
    command.args(arguments).stderr(Stdio::inherit());
    command.output().unwrap()
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Builds a project of this folder on these base images, pushes it to ECR as `$image` and does what is said.
fn build_and_then(project: &str, images: &[&str], then: &str) -> String {
    let script = r#"
        context=$1; then=$2; shift 2
        image=$FASTCONTAINER_ECR/app:1
        lab login
        for base in "$@"; do lab image serve "$base"; done
        curl -sSf -X PUT "$FASTCONTAINER_EMULATOR/_admin/repository?repository=$FASTCONTAINER_ECR/app" >&2
        buildctl --timeout 120 build --progress=plain --frontend dockerfile.v0 --local context="$context" --local dockerfile="$context" \
            --output type=image,name="$image",push=true >&2
        eval "$then"
    "#;
    let context = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/projects")
        .join(project);
    let arguments: Vec<&str> = [context.to_str().unwrap(), then]
        .into_iter()
        .chain(images.iter().copied())
        .collect();
    text(&lab(script, &arguments))
}

/// Calls the function with a name, without one, and in an image whose command names no file of it.
const CALLS: &str = r#"
    exec 2>&1
    lab image invoke "$image" '{"name":"you"}'
    lab image invoke "$image" || echo "status $?"
    mkdir "$HOME/broken"
    printf 'FROM %s\nCMD ["absent.handler"]\n' "$image" >"$HOME/broken/Dockerfile"
    buildctl --timeout 120 build --frontend dockerfile.v0 --local context="$HOME/broken" --local dockerfile="$HOME/broken" \
        --output type=image,name="$image",push=true >"$HOME/log" 2>&1
    lab image invoke "$image" || echo "status $?"
"#;

fn assert_called(said: &str, not_imported: &str) {
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 5, "{said}");
    assert_eq!(lines[0], r#"{"greeting":"hello you"}"#);
    assert!(lines[1].starts_with("the handler failed: "), "{said}");
    assert!(lines[1].contains("who asks function?"), "{said}");
    assert!(lines[3].starts_with("the handler could not be loaded: "), "{said}");
    assert!(lines[3].contains(not_imported), "{said}");
    assert_eq!((lines[2], lines[4]), ("status 1", "status 1"));
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn python_function_is_called_or_the_reason_is_told() {
    let said = build_and_then("lambda-python", &["lambda/python:3.11"], CALLS);
    assert_called(&said, "Unable to import module 'absent'");
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn node_function_is_called_or_the_reason_is_told() {
    let said = build_and_then("lambda-node", &["lambda/nodejs:22"], CALLS);
    assert_called(&said, "Cannot find module 'absent'");
}

#[test]
#[ignore = "needs root and the tools of `cargo xtask setup`"]
fn nothing_can_be_published_from_a_lab() {
    let script = r#"
        status() { curl -sS -o "$HOME/answer" -w '%{http_code} ' "$@"; cat "$HOME/answer"; }
        status -X PUT --data '{}' https://registry.npmjs.org/greeter
        status -H 'Host: example.org' https://pypi.org/
        curl -sS -o /dev/null https://upload.pypi.org/legacy/ 2>&1 || echo "no such name"
    "#;
    let said = text(&lab(script, &[]));
    assert_eq!(
        said,
        "405 the gateway of a lab only reads\n\
         421 not a name that leads out of a lab\n\
         curl: (6) Could not resolve host: upload.pypi.org\nno such name\n"
    );
}
