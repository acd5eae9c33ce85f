//! Inputs that no build can be made from: refused before anything is read or asked.

use e2e::{Project, Run, Stack, image_content};

use crate::{recovers, refused};

/// A project whose image has the further properties `wrong`, refused; then without them, shipped.
#[track_caller]
fn refused_then_corrected(fact: &str, wrong: &str) -> Run {
    let project = Project::with_image(fact, wrong);
    let dev = project.stack("dev");
    let run = refused(&dev);
    project.image_program("");
    recovers(&dev);
    run
}

fn with_repository(project: &Project, wrong: &str) -> Stack {
    let program = std::fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    project.write("Pulumi.yaml", &program.replace(&project.repository("api"), wrong));
    project.stack("dev")
}

/// Of an image in YAML, the CLI itself knows the names; the configuration of a stack it passes on as it is.
#[test]
fn an_unknown_property_is_answered_with_the_nearest_name() {
    let project = Project::with_image("unknown-property", "");
    let dev = project.stack("dev");
    let name = "fastcontainer:maxParalellBuilds";
    dev.run(&["config", "set", name, "2", "--stack", "dev"]).ok();
    refused(&dev)
        .says("maxParalellBuilds")
        .says("did you mean `maxParallelBuilds`?");
    dev.run(&["config", "rm", name, "--stack", "dev"]).ok();
    recovers(&dev);
}

#[test]
fn every_wrong_input_is_named_at_once() {
    let run = refused_then_corrected(
        "all-at-once",
        "      platforms: [linux]\n      addHosts: [db]\n      tags: [-x]\n",
    );
    let run = run
        .says("platforms[0]")
        .says("`linux/amd64`")
        .says("addHosts[0]")
        .says("`db:10.0.0.5`");
    run.says("tags[0]").says("`-x` is not a tag");
}

#[test]
fn a_secret_build_argument_is_refused_without_showing_it() {
    let wrong = "      buildArgs:\n        TOKEN:\n          fn::secret: swordfish\n";
    let run = refused_then_corrected("secret-arg", wrong);
    run.says("buildArgs.TOKEN")
        .says("must not be secret")
        .says("stored in the image")
        .never_says("swordfish");
}

#[test]
fn a_number_that_loses_digits_has_to_be_quoted() {
    refused_then_corrected("number-arg", "      buildArgs: {VERSION: 1.10}\n")
        .says("buildArgs.VERSION")
        .says("quote");
}

#[test]
fn two_dockerfiles_exclude_each_other() {
    let wrong = "      dockerfile: ./app/Dockerfile\n      dockerfileInline: \"FROM scratch\"\n";
    refused_then_corrected("two-dockerfiles", wrong)
        .says("dockerfileInline")
        .says("excludes `dockerfile`; set only one");
}

#[test]
fn a_tag_does_not_belong_to_the_repository() {
    let project = Project::with_image("repository-tag", "");
    let dev = with_repository(&project, "localhost:5000/app:latest");
    refused(&dev)
        .says("repository")
        .says("`localhost:5000/app:latest` ends with the tag `latest`")
        .says("use `tags`");
    project.image_program("");
    recovers(&dev);
}

#[test]
fn a_repository_without_a_host_is_refused() {
    let project = Project::with_image("repository-odd", "");
    let dev = with_repository(&project, "https://example.com/app");
    refused(&dev)
        .says("repository")
        .says("`https://example.com/app` starts with a scheme")
        .says("leave out");
}

#[test]
fn a_build_argument_that_nothing_declares_is_mentioned_when_a_build_runs() {
    let project = Project::with_image("undeclared", "      buildArgs: {VERSOIN: \"1\"}\n");
    let dev = project.stack("dev");
    dev.up(&[])
        .ok()
        .says("warning")
        .says("build arg `VERSOIN` is not used: no `ARG VERSOIN` in")
        .says("app/Dockerfile");
    assert_eq!(image_content(&dev.output("uri")), "one");
    dev.up(&["--expect-no-changes"]).ok().never_says("VERSOIN");
}
