//! Names and values that mean something to a shell, to `tar` or to a list: they arrive as they are or are refused by name.

use std::fs;
use std::os::unix::fs::symlink;

use e2e::{CodeBuild, Project, lab, run_in_image};
use serde_json::Value;

const VALUE: &str = "$(touch /pwned) `id` \"'; exit 3 # ${x} %n \\ --output=x,y\nnext line\ttab ü";

/// File names; each file holds its own.
const NAMES: [&str; 16] = [
    "with space",
    "line\nbreak",
    "quo'te\"",
    "-dash",
    "--checkpoint-action=exec=sh",
    "back\\slash",
    "\\n",
    "$(id)",
    "`id`",
    "*",
    "[ab]",
    "#hash",
    "ünï",
    "~",
    "a;b&c|d",
    "Dockerfile.dockerignore",
];

fn hostile_context(project: &Project) {
    for name in NAMES {
        project.write(&format!("app/odd/{name}"), name);
    }
    let long = "n".repeat(255);
    project.write(&format!("app/{long}/{long}/{long}"), "long");
    project.write("app/run", "#!/bin/sh\n");
    project.mode("app/run", 0o4755);
    project.write("app/private", "x");
    project.mode("app/private", 0o600);
    fs::create_dir_all(project.at("app/empty/inner")).expect("directory");
    project.mode("app/empty", 0o1700);
    project.write("app/first", "linked");
    fs::hard_link(project.at("app/first"), project.at("app/second")).expect("hard link");
    let links = [
        ("dangling", "no/such"),
        ("absolute", "/etc/passwd"),
        ("outside", "../../../outside"),
        ("to-dir", "odd"),
        ("odd-link\n", "-dash $(id)\n"),
        ("long-link", &format!("{long}/{long}")),
    ];
    for (link, target) in links {
        symlink(target, project.at(&format!("app/{link}"))).expect("link");
    }
}

const LISTING: &str = "cd /app && find . -exec stat -c '%N|%F|%a|%u:%g|%h|%s' {} + | sort; \
    cd odd && for name in *; do [ \"$(cat \"./$name\"; echo .)\" = \"$name.\" ] || echo \"not $name\"; done; cat /value";

#[test]
fn the_same_context_is_the_same_image_on_codebuild_and_on_a_local_builder() {
    let codebuild = CodeBuild::create("odd");
    let project = Project::with_image("cb-odd", "");
    hostile_context(&project);
    project.write(
        "docker files/Docker $(id) file",
        "FROM busybox:1.36 AS base\nFROM base AS odd-1.x_y\nARG HOSTILE\nCOPY . /app\nCOPY --from=more . /more\n\
         RUN printf '%s' \"$HOSTILE\" > /value; [ ! -e /pwned ]\nFROM scratch\n",
    );
    project.write("more stuff/-rf", "named");
    let value = Value::from(VALUE.replace("${", "$${"));
    let more = format!(
        "      dockerfile: './docker files/Docker $(id) file'\n      target: odd-1.x_y\n      tags: [_Odd.tag-1_x]\n      \
         namedContexts: {{more: './more stuff'}}\n      buildArgs: {{HOSTILE: {value}}}\n      labels: {{odd.label/x: {value}}}\n"
    );
    // Ubuntu's `sh` is dash; the other tests build on Amazon Linux, whose `sh` is bash.
    let builder = codebuild.builder_with(", image: 'aws/codebuild/standard:7.0'");
    project.image_program(&format!("{more}{builder}"));
    let remote = project.stack("remote").with("BUILDKIT_HOST", "unix:///nowhere");
    remote.up(&[]).ok().says("on codebuild");
    let listing = |uri: &str| run_in_image(uri, &["sh", "-c", LISTING]);
    let seen = listing(&remote.output("uri"));
    assert!(seen.ends_with(VALUE) && !seen.contains("not "), "{seen}");
    for line in [
        "./run|regular file|755|0:0|1|10",
        "./private|regular file|644|0:0|1|1",
        "./second|regular file|644|0:0|1|6",
        "./empty|directory|755|0:0|",
        "'./outside' -> '../../../outside'|symbolic link",
    ] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    let label = |uri: &str| lab().pull(uri).expect("the image").config["config"]["Labels"]["odd.label/x"].clone();
    assert_eq!(label(&remote.output("uri")), VALUE);

    // With `triggers` the local builder builds it too, and adopts nothing.
    project.image_program(&format!("{more}      triggers: [again]\n"));
    let local = project.stack("local");
    local.up(&[]).ok().says("api: built in").never_says("codebuild");
    assert_eq!(listing(&local.output("uri")), seen);
    assert_eq!(label(&local.output("uri")), VALUE);
}

#[test]
fn what_cannot_be_a_value_is_refused_where_it_stands_and_nothing_is_begun() {
    let codebuild = CodeBuild::create("refused");
    let project = Project::with_image("cb-refused", "");
    let more = "      target: \"a\\0--output=x\"\n      buildArgs: {'A=B': x, N: \"a\\0--output=x\"}\n      labels: {'a b': x}\n      \
                addHosts: ['a:1.2.3.4,b:1.2.3.4', 'x y:1.2.3.4']\n      tags: ['a,push=false']\n      secrets: {'a,env=HOME': x}\n      \
                namedContexts: {'a,b': ./app}\n      cache:\n        imports: [{registry: {ref: 'r.example/x:y,type=local'}}]\n        \
                exports: [{registry: {ref: 'r.example/x y:z'}}]\n";
    project.image_program(&format!("{more}{}", codebuild.builder()));
    let dev = project.stack("dev");
    let mut run = dev.up(&[]).fails();
    for path in [
        "property target ",
        "property buildArgs[\"A=B\"]",
        "property buildArgs.N ",
        "property labels[\"a b\"]",
        "property addHosts[0]",
        "property addHosts[1]",
        "property tags[0]",
        "property secrets[\"a,env=HOME\"]",
        "property namedContexts[\"a,b\"]",
        "property cache.imports[0].registry.ref",
        "property cache.exports[0].registry.ref",
    ] {
        run = run.says(path);
    }
    project.program(&format!(
        "resources:\n  api:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: 'r.example/a,push=false'\n      \
         context: ./app\n{}",
        codebuild.builder()
    ));
    dev.up(&[]).fails().says("property repository ");
    project.image_program(&codebuild.builder_with(", buildkitImage: 'a/b:c,network=none', image: 'a b'"));
    dev.up(&[])
        .fails()
        .says("property builder.codebuild.buildkitImage ")
        .says("property builder.codebuild.image ");
    project.image_program(&format!(
        "      buildArgs: {{LONG: {}}}\n{}",
        "x".repeat(121 * 1024),
        codebuild.builder()
    ));
    dev.up(&[])
        .fails()
        .says("build arguments, labels and other options have")
        .says("put long values into files");
    assert!(codebuild.builds().is_empty());
    assert!(
        codebuild.objects().as_array().is_some_and(Vec::is_empty),
        "{}",
        codebuild.objects()
    );
}
