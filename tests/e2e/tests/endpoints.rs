//! What every kind of endpoint has to do alike: send little, obey each input, and put files into the image as they are.
//!
//! The same tests run on buildkitd and on dockerd with either image store; nothing here asks which one it is.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use std::fs;
use std::os::unix::fs::symlink;
use std::thread;

use e2e::{Project, Stack, admin, image_content, lab, run_in_image};
use fastcontainer_lab::{PLAIN_PASSWORD, PLAIN_USER};
use serde_json::Value;

const OTHER_REGION: &str = "123456789012.dkr.ecr.us-east-1.amazonaws.com";

/// User and password of the plain registry as the Docker configuration writes them.
const PLAIN_LOGIN: &str = "bGFiOmxhYi1wYXNzd29yZA==";

/// A project whose image `api` is built from this Dockerfile, and a stack of it.
fn with_dockerfile(fact: &str, more: &str, dockerfile: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, more);
    project.write("app/Dockerfile", dockerfile);
    let stack = project.stack("dev");
    (project, stack)
}

/// One image of a program: `more` are further lines of its properties, each beginning with six spaces.
fn image(project: &Project, name: &str, more: &str) -> String {
    let repository = project.repository(name);
    format!(
        "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n{more}"
    )
}

/// A program with several images, and their references as outputs.
fn images(project: &Project, list: &[(&str, &str)]) -> Stack {
    let resources: String = list.iter().map(|(name, more)| image(project, name, more)).collect();
    let outputs: String = list
        .iter()
        .map(|(name, _)| format!("  {name}: ${{{name}.imageUri}}\n  {name}-build: ${{{name}.build}}\n"))
        .collect();
    project.program(&format!("resources:\n{resources}outputs:\n{outputs}"));
    project.stack("dev")
}

fn sent(build: &Value) -> u64 {
    build["contextBytesSent"].as_f64().expect("contextBytesSent") as u64
}

fn many_files(project: &Project) {
    for number in 0..100 {
        project.write(&format!("app/many/{number}"), &format!("{number:>1000}"));
    }
}

#[test]
fn one_changed_file_of_many_is_all_that_is_sent() {
    let project = Project::with_image("one-of-many", "");
    many_files(&project);
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert!(sent(&dev.outputs()["build"]) >= 100_000);
    project.write("app/many/42", "changed");
    dev.up(&[]).ok().says("7 B sent");
    assert_eq!(run_in_image(&dev.output("uri"), &["cat", "/app/many/42"]), "changed");
}

#[test]
fn a_fresh_checkout_on_the_same_machine_sends_no_file_bytes() {
    let project = Project::with_image("fresh-checkout", "");
    many_files(&project);
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    project.image_program("      triggers: [again]\n");
    let copy = project.checkout();
    dev.from(&copy.path()).up(&[]).ok().says("steps cached, 0 B sent");
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn images_that_build_at_once_from_one_context_each_send_only_what_changed() {
    let project = Project::new("shared-context", "");
    many_files(&project);
    let from = |name: &str| {
        format!("      context: ./app\n      dockerfileInline: |\n        FROM busybox:1.36\n        COPY . /{name}\n")
    };
    let dev = images(
        &project,
        &[("one", &from("one")), ("two", &from("two")), ("three", &from("three"))],
    );
    dev.up(&[]).ok();
    project.write("app/many/42", "changed");
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    for name in ["one", "two", "three"] {
        assert_eq!(sent(&outputs[format!("{name}-build")]), 7, "{name}: {outputs}");
        let image = outputs[name].as_str().expect("an image");
        assert_eq!(run_in_image(image, &["cat", &format!("/{name}/many/42")]), "changed");
    }
}

#[test]
fn stacks_that_build_the_same_content_at_once_end_with_one_digest() {
    let dockerfile = "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\nRUN sleep 2; head -c 8 /dev/urandom > /noise\n";
    let (project, dev) = with_dockerfile("at-once", "      noCache: true\n", dockerfile);
    let prod = project.stack("prod");
    thread::scope(|scope| {
        let stacks = [&dev, &prod].map(|stack| scope.spawn(|| stack.up(&[]).ok()));
        for stack in stacks {
            stack.join().expect("pulumi up");
        }
    });
    assert_eq!(dev.output("digest"), prod.output("digest"));
    assert_eq!(image_content(&prod.output("uri")), "one");
}

const TELL_NETWORK: &str =
    "FROM busybox:1.36\nRUN mkdir /app && { readlink /proc/self/ns/net; cat /proc/net/dev; } > /app/src.txt\n";

fn own_network() -> String {
    fs::read_link("/proc/self/ns/net")
        .expect("network namespace")
        .display()
        .to_string()
}

#[test]
fn network_none_has_nothing_but_the_loopback_device() {
    let (_project, dev) = with_dockerfile("network-none", "      network: none\n", TELL_NETWORK);
    dev.up(&[]).ok();
    let seen = image_content(&dev.output("uri"));
    let devices: Vec<&str> = seen
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0.trim()))
        .collect();
    assert_eq!(devices, ["lo"], "{seen}");
    assert!(
        !seen.starts_with(&own_network()),
        "the step ran in the network of the builder"
    );
}

#[test]
fn network_host_is_the_network_of_the_builder() {
    let (_project, dev) = with_dockerfile("network-host", "      network: host\n", TELL_NETWORK);
    dev.up(&[]).ok();
    let seen = image_content(&dev.output("uri"));
    assert!(seen.starts_with(&own_network()), "{} is not in {seen}", own_network());
}

#[test]
fn added_hosts_are_known_to_run_steps() {
    let (_project, dev) = with_dockerfile(
        "add-hosts",
        "      addHosts: [\"db:10.0.0.5\", \"six:fe80::1\"]\n",
        "FROM busybox:1.36\nRUN mkdir /app && cat /etc/hosts > /app/src.txt\n",
    );
    dev.up(&[]).ok();
    let hosts = image_content(&dev.output("uri"));
    let known = |address: &str, name: &str| hosts.lines().any(|line| line.split_whitespace().eq([address, name]));
    assert!(known("10.0.0.5", "db") && known("fe80::1", "six"), "{hosts}");
}

#[test]
fn no_cache_runs_every_step_and_is_no_change_by_itself() {
    let dockerfile = "FROM busybox:1.36\nRUN head -c 8 /dev/urandom | od -x > /noise\nWORKDIR /app\nCOPY . .\n";
    let (project, dev) = with_dockerfile("no-cache", "", dockerfile);
    let noise = || run_in_image(&dev.output("uri"), &["cat", "/noise"]);
    dev.up(&[]).ok();
    let first = noise();
    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    assert_eq!(noise(), first, "without it, the step is cached");
    project.image_program("      noCache: true\n");
    dev.up(&["--expect-no-changes"]).ok();
    project.write("app/src.txt", "three");
    dev.up(&[]).ok();
    assert_ne!(noise(), first);
}

#[test]
fn labels_are_in_the_configuration_of_the_image() {
    let project = Project::with_image(
        "labels",
        "      labels: {org.example.team: \"a, b = c\", empty: \"\"}\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let config = lab().pull(&dev.output("uri")).expect("the image").config;
    assert_eq!(
        config["config"]["Labels"],
        serde_json::json!({"org.example.team": "a, b = c", "empty": ""})
    );
}

#[test]
fn a_target_is_a_name_or_the_number_of_a_stage_that_can_be_asked_for() {
    let project = Project::new("target", "");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nRUN mkdir /app && echo -n zero > /app/src.txt\nFROM busybox:1.36 AS named\n\
         RUN mkdir /app && echo -n named > /app/src.txt\nFROM busybox:1.36\nRUN mkdir /app && echo -n last > /app/src.txt\n",
    );
    let target = |target: &str| format!("      context: ./app\n      target: \"{target}\"\n");
    let dev = images(
        &project,
        &[
            ("name", &target("named")),
            ("number", &target("1")),
            ("last", &target("2")),
            ("none", "      context: ./app\n"),
        ],
    );
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    for (image, stage) in [
        ("name", "named"),
        ("number", "named"),
        ("last", "last"),
        ("none", "last"),
    ] {
        assert_eq!(
            image_content(outputs[image].as_str().expect("an image")),
            stage,
            "{image}"
        );
    }
    let program = fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    project.write("Pulumi.yaml", &program.replace("target: \"2\"", "target: \"0\""));
    dev.preview(&[])
        .fails()
        .says("target")
        .says("stage 0 has no name")
        .says("add `AS <name>` to its `FROM`");
}

#[test]
fn the_dockerfile_may_lie_outside_the_context_or_in_the_program() {
    let project = Project::new("outside", "");
    project.write(
        "app/Dockerfile",
        "FROM scratch\nRUN this is not the Dockerfile that is meant\n",
    );
    project.write("app/text", "text of the context");
    project.write("docker/api.Dockerfile", "FROM busybox:1.36\nCOPY text /app/src.txt\n");
    let dev = images(
        &project,
        &[
            (
                "outside",
                "      context: ./app\n      dockerfile: ./docker/api.Dockerfile\n",
            ),
            (
                "inline",
                "      context: ./app\n      dockerfileInline: |\n        FROM busybox:1.36\n        COPY text /app/src.txt\n        CMD inline\n",
            ),
        ],
    );
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    for name in ["outside", "inline"] {
        assert_eq!(
            image_content(outputs[name].as_str().expect("an image")),
            "text of the context"
        );
    }
}

#[test]
fn ignored_files_are_not_in_the_image_and_a_dockerfile_may_have_rules_of_its_own() {
    let project = Project::new("ignored", "");
    for file in ["a.log", "keep.log", "deep/b.log", "deep/c.txt", "node_modules/m.js"] {
        project.write(&format!("app/{file}"), file);
    }
    project.write(
        "app/.dockerignore",
        "**/*.log\n!keep.log\nnode_modules\n*Dockerfile*\n.dockerignore\n",
    );
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    project.write("app/own.Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    project.write("app/own.Dockerfile.dockerignore", "*\n!deep\n");
    let dev = images(
        &project,
        &[
            ("common", "      context: ./app\n"),
            ("own", "      context: ./app\n      dockerfile: ./app/own.Dockerfile\n"),
        ],
    );
    dev.up(&[]).ok();
    let outputs = dev.outputs();
    let files = |name: &str| {
        let image = outputs[name].as_str().expect("an image");
        run_in_image(image, &["sh", "-c", "cd /app && find . -type f | sort"])
    };
    assert_eq!(files("common"), "./deep/c.txt\n./keep.log\n");
    assert_eq!(files("own"), "./deep/b.log\n./deep/c.txt\n");
}

#[test]
fn names_links_modes_and_empty_directories_arrive_as_they_are() {
    let dockerfile = "FROM busybox:1.36\nCOPY --chown=1000:1000 . /app\nUSER 1000:1000\nWORKDIR /app/odd\n";
    let (project, dev) = with_dockerfile("as-they-are", "", dockerfile);
    let names = [
        "with space",
        "ünï",
        "-dash",
        "100%20",
        "a+b&c=d",
        "#hash",
        "$HOME",
        "back\\slash",
        "quo'te\"",
        "line\nbreak",
    ];
    for name in names {
        project.write(&format!("app/odd/{name}"), name);
    }
    project.write("app/run", "#!/bin/sh\necho ran as $(id -u)\n");
    project.mode("app/run", 0o755);
    project.write("app/zero", "");
    fs::create_dir_all(project.at("app/empty/inner")).expect("directory");
    for (link, target) in [
        ("link", "odd/with space"),
        ("dangling", "no/such"),
        ("absolute", "/etc/passwd"),
        ("to-dir", "odd"),
    ] {
        symlink(target, project.at(&format!("app/{link}"))).expect("link");
    }
    dev.up(&[]).ok();
    let uri = dev.output("uri");
    let script = "set -- *; echo $#; for name; do [ \"$(cat \"./$name\")\" = \"$name\" ] || echo \"not $name\"; done";
    assert_eq!(
        run_in_image(&uri, &["sh", "-c", script]),
        "10\n",
        "each file holds its own name"
    );
    let script = "cd /app; stat -c '%n %a %u:%g' run zero src.txt empty/inner; \
                  for link in link dangling absolute to-dir; do readlink $link; done; ./run";
    let seen = run_in_image(&uri, &["sh", "-c", script]);
    assert_eq!(
        seen.lines().collect::<Vec<_>>(),
        [
            "run 755 1000:1000",
            "zero 644 1000:1000",
            "src.txt 644 1000:1000",
            "empty/inner 755 1000:1000",
            "odd/with space",
            "no/such",
            "/etc/passwd",
            "odd",
            "ran as 1000",
        ]
    );
}

#[test]
fn a_private_base_image_of_another_region_is_pulled_with_that_regions_login() {
    let project = Project::new("private-base", "");
    let base = format!("{OTHER_REGION}/{}/base", project.name());
    admin("PUT", &format!("repository?repository={base}"));
    project.write("base/text", "of the base");
    let app = image(
        &project,
        "api",
        "      context: ./base\n      buildArgs: {BASE: \"${base.imageUri}\"}\n      dockerfileInline: |\n        ARG BASE\n        \
         FROM ${BASE}\n        RUN cp /text /app/src.txt\n",
    )
    .replace("FROM ${BASE}", "FROM $${BASE}");
    project.program(&format!(
        "resources:\n  base:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {base}\n      \
         context: ./base\n      dockerfileInline: |\n        FROM busybox:1.36\n        COPY text /text\n        RUN mkdir /app\n\
         {app}outputs:\n  uri: ${{api.imageUri}}\n"
    ));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "of the base");
}

/// A project with an image in the plain registry, with lines for the program's `resources` and the image's options.
fn in_plain_registry(fact: &str, resources: &str, options: &str) -> Project {
    let project = Project::with_image(fact, "");
    let repository = format!("{}/{}/api", lab().plain_registry(), project.name());
    project.program(&format!(
        "resources:\n{resources}  api:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
         {repository}\n      context: ./app\n{options}outputs:\n  uri: ${{api.imageUri}}\n"
    ));
    project
}

#[test]
fn a_registry_login_of_the_providers_configuration_serves_look_up_and_push() {
    let provider = format!(
        "  plain:\n    type: pulumi:providers:fastcontainer\n    properties:\n      registries:\n        - {{address: \
         \"{}\", username: {PLAIN_USER}, password: {PLAIN_PASSWORD}}}\n",
        lab().plain_registry()
    );
    let project = in_plain_registry("config-login", &provider, "    options: {provider: \"${plain}\"}\n");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");
    let image = dev.resource("api").expect("the image").to_string();
    assert!(
        !image.contains(PLAIN_PASSWORD),
        "the password is in the image's state: {image}"
    );
}

#[test]
fn a_registry_login_of_the_docker_configuration_serves_look_up_and_push() {
    let project = in_plain_registry("docker-login", "", "");
    let dev = project.stack("dev");
    dev.up(&[])
        .fails()
        .says("localhost:5000")
        .says(project.name())
        .says("docker login")
        .says("registries");

    project.write(
        "docker/config.json",
        &format!(
            "{{\"auths\": {{\"{}\": {{\"auth\": \"{PLAIN_LOGIN}\"}}}}}}",
            lab().plain_registry()
        ),
    );
    dev.with("DOCKER_CONFIG", &project.at("docker").display().to_string())
        .up(&[])
        .ok();
    assert_eq!(image_content(&dev.output("uri")), "one");
}

/// A program that no machine of another architecture than 64-bit ARM can start: the header is all that the kernel looks at.
fn arm64_program() -> Vec<u8> {
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([2, 0, 183, 0, 1, 0, 0, 0]);
    header.resize(64, 0);
    header
}

#[test]
fn an_image_of_another_platform_is_built_as_long_as_no_step_runs_its_programs() {
    let more = "      platforms: [linux/arm64]\n";
    let (project, dev) = with_dockerfile("foreign", more, "FROM scratch\nCOPY tool /tool\n");
    fs::write(project.at("app/tool"), arm64_program()).expect("program");
    project.mode("app/tool", 0o755);
    dev.up(&[]).ok();
    let config = lab().pull(&dev.output("uri")).expect("the image").config;
    assert_eq!(
        (&config["os"], &config["architecture"]),
        (&"linux".into(), &"arm64".into())
    );

    project.write("app/Dockerfile", "FROM scratch\nCOPY tool /tool\nRUN [\"/tool\"]\n");
    dev.up(&[])
        .fails()
        .says("line 3 of `")
        .says("runs programs of `linux/arm64`, which ")
        .says("cannot: it runs linux/amd64")
        .says("tonistiigi/binfmt --install arm64")
        .never_says("exec format error");
}
