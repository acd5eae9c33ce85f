//! Builds with the BuildKit of an image of the user's own.

use std::fs;
use std::path::Path;

use e2e::{CodeBuild, Project, cloudwatch_log, image_content, lab};
use fastcontainer_lab::Tool;

/// The lab's own BuildKit and runc, trusting what the lab trusts.
fn add_buildkit(project: &Project) {
    let lab = lab();
    let tools = lab.tools();
    let debian = tools.debian_root().expect("Debian's programs").join("usr");
    let libraries = debian.join("lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    let buildkit = tools.directory(Tool::BuildKit);
    let trusted = std::env::var_os("SSL_CERT_FILE").expect("a lab");
    for (name, from) in [
        ("buildkitd", buildkit.join("buildkitd")),
        ("buildctl", buildkit.join("buildctl")),
        ("runc", debian.join("sbin/runc")),
        ("libseccomp.so.2", libraries.join("libseccomp.so.2")),
        ("ca-certificates.crt", Path::new(&trusted).to_owned()),
    ] {
        project.write(&format!("buildkit/{name}"), "");
        fs::copy(&from, project.at(&format!("buildkit/{name}"))).expect("a file");
    }
    project.write(
        "buildkit/Dockerfile",
        "FROM debian:bookworm-slim\nCOPY buildkitd buildctl runc /usr/bin/\nCOPY libseccomp.so.2 /usr/lib/\n\
         COPY ca-certificates.crt /etc/ssl/certs/\nENTRYPOINT [\"buildkitd\"]\n",
    );
}

#[test]
fn an_image_with_a_buildkit_builds_in_place_of_docker() {
    let codebuild = CodeBuild::create("own-buildkit");
    let project = Project::with_image("cb-own-buildkit", "");
    add_buildkit(&project);
    let repository = |name: &str| project.repository(name);
    let image = |name: &str, context: &str| {
        let repository = repository(name);
        format!(
            "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      context: {context}\n"
        )
    };
    let builder = codebuild.builder_with(", buildkitImage: '${buildkit.imageUri}'");
    let (buildkit, api) = (image("buildkit", "./buildkit"), image("api", "./app"));
    let outputs = "outputs:\n  uri: ${api.imageUri}\n  build: ${api.build}\n";
    project.program(&format!("resources:\n{buildkit}{api}{builder}{outputs}"));
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nWORKDIR /app\nRUN echo of a step > made\nCOPY . .\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok().says("api: built in").says("on codebuild");
    assert_eq!(image_content(&dev.output("uri")), "one");
    let log = cloudwatch_log(&codebuild.builds()[0]);
    assert!(
        log.contains("building with \"fastcontainer\" instance using docker-container driver"),
        "{log}"
    );
    assert_eq!(dev.outputs()["build"]["steps"], 4);
}

#[test]
fn an_image_that_cannot_be_had_is_named_as_the_reason() {
    let codebuild = CodeBuild::create("no-buildkit");
    let project = Project::with_image("cb-no-buildkit", "");
    let missing = format!(", buildkitImage: '{}:missing'", project.repository("api"));
    project.image_program(&codebuild.builder_with(&missing));
    let dev = project.stack("dev");
    dev.up(&[])
        .fails()
        .says("the BuildKit of buildkitImage does not start")
        .says("correct `builder.codebuild.buildkitImage`")
        .says("CodeBuild build no-buildkit:");
}
