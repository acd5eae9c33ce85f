//! Values as programs write them: secrets stay secret, and YAML's numbers do not lose digits.

use e2e::Project;

use crate::image;

#[test]
fn a_secret_repository_appears_nowhere_in_plain_text() {
    let project = Project::with_image("secret-repository", "");
    let repository = project.repository("api");
    let secret = format!("{{\"fn::secret\": {repository}}}");
    let outputs = "outputs:\n  uri: ${api.imageUri}\n  tag: ${api.contentTagUri}\n  digest: ${api.digest}\n";
    project.program(&format!(
        "resources:\n{}{outputs}",
        image("api", &secret, "      context: ./app\n")
    ));
    let dev = project.stack("dev");
    dev.preview(&["--diff"]).ok().never_says(&repository);
    dev.up(&["--diff"]).ok().never_says(&repository);
    let outputs = dev.outputs();
    assert_eq!(
        outputs["uri"],
        format!("{repository}@{}", outputs["digest"].as_str().expect("digest"))
    );
    assert!(outputs["tag"].as_str().expect("tag").starts_with(&repository));
    dev.run(&["stack", "export"])
        .ok()
        .says("sha256:")
        .never_says(&repository);
    project.write("app/src.txt", "two");
    dev.up(&["--diff"]).ok().says("1 file changed").never_says(&repository);
    dev.refresh(&["--diff"]).ok().never_says(&repository);
}

#[test]
fn a_secret_build_argument_is_refused_before_it_reaches_an_image() {
    let project = Project::with_image(
        "secret-argument",
        "      buildArgs: {TOKEN: {\"fn::secret\": hunter2}}\n",
    );
    let dev = project.stack("dev");
    dev.preview(&[])
        .fails()
        .says("buildArgs.TOKEN")
        .says("must not be secret: build arguments are stored in the image")
        .never_says("hunter2");
}

#[test]
fn a_whole_number_is_a_build_argument() {
    let project = Project::with_image("whole-number", "      buildArgs: {PORT: 8080, DEBUG: true}\n");
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nARG PORT DEBUG\nRUN mkdir /app && echo -n $PORT $DEBUG > /app/src.txt\n",
    );
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    assert_eq!(e2e::image_content(&dev.output("uri")), "8080 true");
    project.image_program("      buildArgs: {PORT: \"8080\", DEBUG: \"true\"}\n");
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn numbers_that_would_lose_digits_must_be_quoted() {
    let project = Project::with_image("lost-digits", "      buildArgs: {F: 1.10}\n      tags: [1.0]\n");
    let dev = project.stack("dev");
    let run = dev
        .preview(&[])
        .fails()
        .says("property buildArgs.F")
        .says("property tags[0]");
    let advice = "must be a string; put quotes around the number";
    let failures = run
        .text
        .lines()
        .filter(|line| line.starts_with("    error:") && line.contains(advice));
    assert_eq!(failures.count(), 2, "{}", run.text);
}
