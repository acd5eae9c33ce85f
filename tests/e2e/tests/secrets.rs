//! Secrets of a build, end to end: they reach the step that mounts them, and nothing that stays.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::fs;
use std::path::Path;

use e2e::{Project, Stack, image_content, lab, run_in_image};
use fastcontainer_lab::Endpoint;

const CANARIES: [&str; 3] = ["canary-inline-4f/1 \"x\"", "canary-variable-9c+7", "canary-file-2e&8"];

/// Shows each secret in several forms, and what it is made of.
const DOCKERFILE: &str = "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\n\
    RUN --mount=type=secret,id=inline --mount=type=secret,id=variable,env=V --mount=type=secret,id=file,required \
    cd /run/secrets && cat inline file && echo \"$V\" && base64 inline && echo -n \"$V\" | base64 && \
    cat inline file | sha256sum > /app/sum && wc -c inline && printf 'x-\\033[1mcanary-\\033[0mfile-2e&8-x\\n'\n\
    CMD [\"cat\", \"/app/src.txt\"]\n";

fn project(fact: &str) -> Project {
    let project = Project::with_image(fact, "");
    let dockerfile = match lab().endpoint() {
        // Its BuildKit knows secrets as files only.
        Some(Endpoint::DockerClassic) => DOCKERFILE
            .replace(",env=V", "")
            .replace("cd /run", "V=$(cat /run/secrets/variable) && cd /run"),
        _ => DOCKERFILE.to_owned(),
    };
    project.write("app/Dockerfile", &dockerfile);
    // Builders merge equal steps of builds that run at the same time.
    project.write("app/own.txt", project.name());
    project.write("app/.dockerignore", "token\n");
    project.write("token", CANARIES[2]);
    project.image_program(&format!(
        "      secrets: {{inline: '{}'}}\n      secretRefs: {{variable: \"env:FC_TEST_VARIABLE\", file: \"file:token\"}}\n",
        CANARIES[0]
    ));
    project
}

fn stack(project: &Project, name: &str) -> Stack {
    let cache = project.at("cache");
    project
        .stack(name)
        .with("FC_TEST_VARIABLE", CANARIES[1])
        .with("XDG_CACHE_HOME", cache.to_str().expect("a path"))
}

#[test]
fn secrets_reach_their_step_and_are_found_nowhere_else() {
    let project = project("secrets");
    let dev = stack(&project, "dev");
    let run = dev.up(&["--logtostderr", "-v=9"]).ok().says("api: built in");
    let state = dev.state().to_string();
    let outputs = dev.outputs().to_string();
    for canary in CANARIES {
        // The program itself holds the inline value, and the engine's own log may show what the program says.
        for (what, text) in [("state", &state), ("outputs", &outputs)] {
            assert!(!shows(text.as_bytes(), canary), "{what} shows {canary}: {text}");
        }
        assert!(
            !files_below(&project.at("cache"))
                .iter()
                .any(|bytes| shows(bytes, canary)),
            "{canary} is on disk"
        );
    }
    assert!(
        !run.text.contains("canary-file") && !run.text.contains("canary-variable"),
        "{}",
        run.text
    );
    let logs = files_below(&project.at("cache/pulumi-fastcontainer/logs"));
    let log = String::from_utf8_lossy(&logs.concat()).into_owned();
    assert!(log.matches("***").count() >= 5, "{log}");
    assert!(log.contains("x-***-x"), "colours hide nothing: {log}");
    assert_eq!(image_content(&dev.output("uri")), "one");
    let sum = run_in_image(&dev.output("uri"), &["cat", "/app/sum"]);
    assert_eq!(sum.split(' ').next().map(str::len), Some(64));
    assert!(!run_in_image(&dev.output("uri"), &["sh", "-c", "ls /run/secrets 2>&1; env"]).contains("canary"));
    dev.up(&["--expect-no-changes"]).ok().never_says("api:");
}

#[test]
fn a_new_value_builds_nothing_and_another_stack_builds_its_own() {
    let project = project("rotated");
    let dev = stack(&project, "dev");
    dev.up(&[]).ok();
    dev.with("FC_TEST_VARIABLE", "another-value")
        .up(&["--expect-no-changes"])
        .ok();
    let prod = stack(&project, "prod");
    prod.preview(&[])
        .ok()
        .says("api: build – new image")
        .never_says("already in the registry");
    prod.up(&[]).ok();
    assert_eq!(prod.outputs()["build"]["reused"], false);
    assert_ne!(prod.output("contentTag"), dev.output("contentTag"));
}

#[test]
fn what_is_missing_is_named_before_anything_is_built() {
    let project = project("missing");
    fs::remove_file(project.at("token")).expect("the file");
    let run = project.stack("unset").up(&[]).fails();
    run.says("secret `variable`: the environment variable `FC_TEST_VARIABLE` is not set")
        .says("secret `file`: the file `token` cannot be read")
        .never_says("built in");
    project.image_program("      secretRefs: {variable: \"env:FC_TEST_VARIABLE\", misspelt: \"env:HOME\"}\n");
    let run = stack(&project, "required").up(&[]).fails();
    run.says("Dockerfile:4: the step needs the secret `file`")
        .says("secret `misspelt` is not used")
        .never_says("built in");
}

/// The content of all files below a directory.
fn files_below(directory: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(fs::read(&path).unwrap_or_default());
        }
    }
    found
}

fn shows(bytes: &[u8], canary: &str) -> bool {
    let part = &canary.as_bytes()[..12];
    bytes.windows(part.len()).any(|window| window == part)
}
