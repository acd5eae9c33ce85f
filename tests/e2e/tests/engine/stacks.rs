//! Several stacks and checkouts of one program, and what the CLI can do to a single resource.

use std::fs;

use e2e::{Project, image_content};

use crate::{generator, image, with_writer};

#[test]
fn destroying_one_stack_keeps_the_other_working() {
    let project = Project::with_image("destroy", "");
    let (dev, prod) = (project.stack("dev"), project.stack("prod"));
    dev.up(&[]).ok();
    prod.up(&[]).ok().says("api: adopted");
    dev.destroy().ok();
    prod.refresh(&["--expect-no-changes"]).ok();
    prod.up(&["--expect-no-changes"]).ok();
    assert_eq!(image_content(&prod.output("uri")), "one");
}

#[test]
fn a_forced_replacement_adopts_its_own_image() {
    let project = Project::with_image("forced", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let digest = dev.output("digest");
    dev.up(&["--replace", "**api"])
        .ok()
        .says("api: adopted: this content is already in the registry as fc-");
    assert_eq!(dev.output("digest"), digest);
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn a_renamed_resource_adopts_its_image() {
    let project = Project::with_image("rename", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let digest = dev.output("digest");
    let program = fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    project.write(
        "Pulumi.yaml",
        &program.replace("  api:", "  service:").replace("${api.", "${service."),
    );
    dev.up(&[]).ok().says("service: adopted");
    assert!(dev.resource("api").is_none());
    assert_eq!(dev.output("digest"), digest);
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn targeting_another_resource_does_not_look_at_the_context() {
    let project = with_writer("target");
    let repository = project.repository("api");
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    let api = image("api", &repository, "      context: ./app\n");
    project.program(&format!("resources:\n{}{api}", generator("out/a.txt", "one")));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let before = dev.resource("api").expect("the image");
    fs::remove_dir_all(project.at("app")).expect("the context");
    project.program(&format!("resources:\n{}{api}", generator("out/a.txt", "two")));
    dev.up(&["--target", "**generator"]).ok();
    assert_eq!(fs::read_to_string(project.at("out/a.txt")).expect("written"), "two");
    assert_eq!(dev.resource("api"), Some(before));
    dev.up(&[]).fails().says("does not exist");
}

#[test]
fn paths_are_relative_to_the_directory_of_the_program() {
    let project = Project::with_image("main", "");
    let program = fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    project.write(
        "infra/Main.yaml",
        program.split_once("runtime: yaml\n").expect("a program").1,
    );
    project.program("main: infra\n");
    let dev = project.stack("dev");
    let missing = format!("context `{}` does not exist", project.at("infra/app").display());
    dev.preview(&[])
        .fails()
        .says(&missing)
        .says("paths are relative to the directory that the program runs in");
    fs::rename(project.at("app"), project.at("infra/app")).expect("move");
    dev.up(&[]).ok();
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn an_absolute_path_in_another_checkout_changes_nothing() {
    let project = Project::with_image("absolute", "");
    let program = fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    let absolute = |root: &std::path::Path| {
        let context = format!("context: {}", root.join("app").display());
        fs::write(root.join("Pulumi.yaml"), program.replace("context: ./app", &context)).expect("program");
    };
    absolute(project.path());
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let copy = project.checkout();
    absolute(&copy.path());
    dev.from(&copy.path()).up(&["--expect-no-changes"]).ok();
}
