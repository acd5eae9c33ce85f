//! What is on disk cannot be built, or is not what was checked.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use e2e::{Project, image_content, run_in_image};

use crate::{left_behind, recovers, refused};

#[test]
fn a_missing_context_says_where_it_was_looked_for() {
    let project = Project::with_image("no-context", "");
    let dev = project.stack("dev");
    fs::rename(project.at("app"), project.at("elsewhere")).expect("rename");
    let run = refused(&dev)
        .says("context")
        .says("does not exist")
        .says("pass that resource's output as `context`");
    run.says(&project.at("app").display().to_string());
    fs::rename(project.at("elsewhere"), project.at("app")).expect("rename");
    recovers(&dev);
}

#[test]
fn a_missing_dockerfile_says_where_it_was_looked_for() {
    let project = Project::with_image("no-dockerfile", "");
    let dev = project.stack("dev");
    fs::rename(project.at("app/Dockerfile"), project.at("Dockerfile")).expect("rename");
    refused(&dev)
        .says(&format!(
            "Dockerfile `{}` does not exist",
            project.at("app/Dockerfile").display()
        ))
        .says("hint:");
    project.image_program("      dockerfile: ./Dockerfile\n");
    recovers(&dev);
}

#[test]
fn a_syntax_error_is_shown_with_file_and_line() {
    let project = Project::with_image("syntax", "");
    let dev = project.stack("dev");
    let good = fs::read_to_string(project.at("app/Dockerfile")).expect("Dockerfile");
    project.write("app/Dockerfile", "FROM busybox:1.36\n\nCOPPY . .\n");
    refused(&dev)
        .says("app/Dockerfile:3`: unknown instruction `COPPY`")
        .says("did you mean `COPY`?");
    project.write("app/Dockerfile", &good);
    recovers(&dev);
}

#[test]
fn a_target_that_is_no_stage_is_answered_with_the_stages() {
    let project = Project::with_image("target", "      target: releese\n");
    let good = fs::read_to_string(project.at("app/Dockerfile")).expect("Dockerfile");
    project.write(
        "app/Dockerfile",
        &format!(
            "FROM busybox:1.36 AS base\n{}",
            good.replacen("1.36", "1.36 AS release", 1)
        ),
    );
    let dev = project.stack("dev");
    refused(&dev)
        .says("target")
        .says("no stage `releese`")
        .says("`base`")
        .says("did you mean `release`?");
    project.image_program("      target: release\n");
    recovers(&dev);
}

#[test]
fn a_socket_in_the_context_is_refused_until_it_is_excluded() {
    let project = Project::with_image("socket", "");
    let dev = project.stack("dev");
    let _listener = UnixListener::bind(project.at("app/agent.sock")).expect("socket");
    refused(&dev)
        .says("context")
        .says("agent.sock")
        .says("socket")
        .says("exclude them in .dockerignore");
    project.write("app/.dockerignore", "*.sock\n");
    recovers(&dev);
}

#[test]
fn a_file_that_may_not_be_read_is_refused_until_it_is_excluded() {
    let project = Project::with_image("unreadable", "");
    project.write("app/private.key", "key");
    project.mode("app/private.key", 0o000);
    // Root reads everything, unless the CLI runs without the capability to do so.
    let path = env::var("PATH").expect("PATH");
    let script =
        format!("#!/bin/sh\nPATH='{path}'\nexec setpriv --bounding-set=-dac_override,-dac_read_search pulumi \"$@\"\n");
    project.write("bin/pulumi", &script);
    project.mode("bin/pulumi", 0o755);
    let dev = project
        .stack("dev")
        .with("PATH", &format!("{}:{path}", project.at("bin").display()));
    refused(&dev)
        .says("private.key")
        .says("permission denied")
        .says("make it readable")
        .says("exclude it in .dockerignore");
    project.write("app/.dockerignore", "*.key\n");
    recovers(&dev);
}

#[test]
fn symlinks_are_sent_as_links_even_when_they_lead_in_circles() {
    let project = Project::with_image("links", "");
    for (link, target) in [
        ("self", "self"),
        ("one", "two"),
        ("two", "one"),
        ("up", ".."),
        ("out", "/etc/passwd"),
    ] {
        symlink(target, project.at("app").join(link)).expect("link");
    }
    let dev = project.stack("dev");
    recovers(&dev);
    let command = "for link in self one two up out; do readlink /app/$link; done";
    assert_eq!(
        run_in_image(&dev.output("uri"), &["sh", "-c", command]),
        "self\ntwo\none\n..\n/etc/passwd\n"
    );
}

/// With one build slot, the second image waits for the first; what is changed meanwhile was checked, but is not sent yet.
#[test]
fn a_file_that_changes_between_check_and_build_stops_that_build() {
    let project = Project::with_image("moved", "");
    let word = format!("slow-{}", project.name());
    let image = |name: &str| {
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties: {{repository: {}, context: ./{name}}}\n    \
             options: {{provider: \"${{one}}\"}}\n",
            project.repository(name)
        )
    };
    let provider = "  one:\n    type: pulumi:providers:fastcontainer\n    properties: {maxParallelBuilds: 1}\n";
    project.program(&format!(
        "resources:\n{provider}{}{}outputs:\n  a: ${{a.imageUri}}\n  b: ${{b.imageUri}}\n",
        image("a"),
        image("b")
    ));
    for name in ["a", "b"] {
        let dockerfile = format!("FROM busybox:1.36\nCOPY . /app\nRUN sleep 2; echo {word} {name}\n");
        project.write(&format!("{name}/Dockerfile"), &dockerfile);
        project.write(&format!("{name}/src.txt"), "one");
    }
    let dev = project.stack("dev");
    let run = std::thread::scope(|scope| {
        let up = scope.spawn(|| dev.up(&[]));
        await_process(&word);
        project.write("a/src.txt", "two");
        project.write("b/src.txt", "two");
        up.join().expect("up")
    });
    run.fails()
        .says("the content changed after it was checked")
        .says("src.txt modified")
        .says("run `pulumi up` again");
    let (images, pending) = left_behind(&dev);
    assert_eq!((images.len(), pending.len()), (1, 0), "{images:?} {pending:?}");
    let built = images[0]["outputs"]["imageUri"].as_str().expect("URI");
    assert_eq!(image_content(built), "one", "the build that ran has what was checked");

    dev.up(&[]).ok();
    assert_eq!(
        [image_content(&dev.output("a")), image_content(&dev.output("b"))],
        ["two", "two"]
    );
}

/// Waits until a step of a build runs whose text holds `word`.
fn await_process(word: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    let runs = || {
        let processes = fs::read_dir("/proc").expect("/proc").flatten();
        let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).contains(word))
    };
    while !runs() {
        assert!(Instant::now() < deadline, "no step with `{word}` runs");
        std::thread::sleep(Duration::from_millis(50));
    }
}
