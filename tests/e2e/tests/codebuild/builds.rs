//! Built, skipped, changed, adopted in both directions, failed.

use e2e::{CodeBuild, Project, image_content};

#[test]
fn an_image_is_built_once_skipped_and_rebuilt_for_a_reason() {
    let codebuild = CodeBuild::create("life");
    let project = Project::with_image("cb-life", &codebuild.builder());
    let dev = project.stack("dev").with("BUILDKIT_HOST", "unix:///nowhere");
    dev.preview(&[]).ok().says("api: build on codebuild – new image");
    dev.up(&[]).ok().says("api: built in").says("on codebuild");
    assert_eq!(image_content(&dev.output("uri")), "one");
    let build = &dev.outputs()["build"];
    assert_eq!(build["backend"], "codebuild");
    assert!(
        build["buildId"].as_str().is_some_and(|id| id.starts_with("life:")),
        "{build}"
    );
    dev.up(&["--expect-no-changes"]).ok();
    project.write("app/src.txt", "two");
    dev.up(&[]).ok().says("1 file changed: src.txt modified");
    assert_eq!(image_content(&dev.output("uri")), "two");
    assert_eq!(codebuild.builds().len(), 2);
}

#[test]
fn a_local_build_is_adopted_and_so_is_a_remote_one() {
    let codebuild = CodeBuild::create("adopts");
    let project = Project::with_image("cb-adopts", "");
    let laptop = project.stack("laptop");
    laptop.up(&[]).ok().says("api: built in");
    project.image_program(&codebuild.builder());
    let remote = project.stack("remote").with("BUILDKIT_HOST", "unix:///nowhere");
    remote.up(&[]).ok().says("adopted");
    assert_eq!(remote.output("digest"), laptop.output("digest"));
    assert!(codebuild.builds().is_empty());

    project.write("app/src.txt", "two");
    remote.up(&[]).ok().says("on codebuild");
    project.image_program("");
    laptop.up(&[]).ok().says("adopted");
    assert_eq!(remote.output("digest"), laptop.output("digest"));
}

#[test]
fn a_failing_step_is_shown_with_its_lines_its_output_and_the_link() {
    let codebuild = CodeBuild::create("fails");
    let project = Project::with_image("cb-fails", &codebuild.builder());
    project.write(
        "app/Dockerfile",
        "FROM busybox:1.36\nCOPY . .\nRUN echo before; echo why it failed; exit 7\n",
    );
    let dev = project.stack("dev");
    dev.up(&[])
        .fails()
        .says("exit code: 7")
        .says("| why it failed")
        .says("3 | RUN echo before")
        .says("CodeBuild build fails:");
    project.write("app/Dockerfile", "FROM busybox:1.36\nWORKDIR /app\nCOPY . .\n");
    dev.up(&[]).ok();
}

#[test]
fn three_images_are_built_side_by_side_and_their_rows_say_what_runs() {
    let codebuild = CodeBuild::create("three");
    let project = Project::new("cb-three", "");
    let builder = codebuild.builder();
    let images: String = ["a", "b", "c"]
        .map(|name| {
            project.write(&format!("{name}/Dockerfile"), "FROM busybox:1.36\nCOPY . /app\nRUN sleep 14\n");
            project.write(&format!("{name}/src.txt"), name);
            let repository = project.repository(name);
            format!(
                "  {name}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: {repository}\n      context: ./{name}\n{builder}"
            )
        })
        .concat();
    project.program(&format!("resources:\n{images}outputs:\n  a: ${{a.imageUri}}\n"));
    let dev = project.stack("dev");
    // Without a terminal a row says what runs every ten seconds.
    dev.up(&[]).ok().says("[3/3] RUN sleep 14");
    let builds = codebuild.builds();
    assert_eq!(builds.len(), 3);
    // The command-line interface writes times as it is set up to: as text or as seconds.
    let times = |name: &str| builds.iter().map(|build| build[name].to_string()).collect::<Vec<_>>();
    let (last_start, first_end) = (times("startTime").into_iter().max(), times("endTime").into_iter().min());
    assert!(last_start < first_end, "{last_start:?} {first_end:?}");
}
