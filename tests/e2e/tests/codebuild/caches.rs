//! Caches of builds on CodeBuild, whose machines are empty at the beginning and gone at the end.

use e2e::{CodeBuild, Project, admin, cloudwatch_log, image_content, lab};
use serde_json::{Value, json};

/// Two stages, so that there is more to keep than the image's own layers.
const DOCKERFILE: &str = "FROM busybox:1.36 AS built\nRUN echo ran step $((6 * 7)) && echo built > /built\n\
    FROM busybox:1.36\nRUN mkdir /app\nCOPY --from=built /built /app/\nCOPY src.txt /app/\n";

/// The step of the script that exports.
const EXPORTING: &str = "[fastcontainer] exporting the cache";

fn with_image(fact: &str, more: &str) -> Project {
    let project = Project::with_image(fact, more);
    project.write("app/Dockerfile", DOCKERFILE);
    project
}

fn log_of_last(codebuild: &CodeBuild) -> String {
    cloudwatch_log(&codebuild.builds()[0])
}

/// What only the first stage prints when it runs.
const RAN: &str = "ran step 42";

/// The layers that the default cache of a project holds.
fn layers_kept(project: &Project) -> usize {
    let cache = format!("{}:buildcache", project.repository("api"));
    let manifest = lab().manifest(&cache).expect("the cache");
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    manifest["layers"].as_array().map_or(0, Vec::len)
}

#[test]
fn an_empty_machine_takes_the_steps_of_the_build_before() {
    let codebuild = CodeBuild::create("caches");
    let project = with_image("cb-caches", &codebuild.builder());
    let dev = project.stack("dev");
    dev.up(&[]).ok().says("on codebuild");
    assert_eq!(dev.outputs()["build"]["cachedSteps"], 0);
    let log = log_of_last(&codebuild);
    assert!(log.contains(RAN) && log.contains(EXPORTING), "{log}");
    assert_eq!(layers_kept(&project), 4, "those of the image");

    project.write("app/src.txt", "two");
    dev.up(&[]).ok().says("1 file changed: src.txt modified");
    let build = &dev.outputs()["build"];
    // BuildKit itself does not always name steps that it can leave out altogether.
    assert!(build["cachedSteps"].as_f64() >= Some(2.0), "{build}");
    let log = log_of_last(&codebuild);
    assert!(!log.contains(RAN) && log.contains(EXPORTING), "{log}");
    assert_eq!(image_content(&dev.output("uri")), "two");

    // Another build of the same content runs no step and leaves no cache.
    project.image_program(&format!("{}      triggers: [again]\n", codebuild.builder()));
    dev.up(&[]).ok();
    let build = &dev.outputs()["build"];
    assert!(build["cachedSteps"].as_f64() >= Some(3.0), "{build}");
    let log = log_of_last(&codebuild);
    assert!(
        log.contains("[fastcontainer] pushing") && !log.contains(EXPORTING),
        "{log}"
    );
}

#[test]
fn all_stages_are_kept_on_request() {
    let codebuild = CodeBuild::create("keeps-all");
    let more = format!("{}      cache: {{mode: max}}\n", codebuild.builder());
    let project = with_image("cb-keeps-all", &more);
    project.stack("dev").up(&[]).ok().says("on codebuild");
    assert_eq!(layers_kept(&project), 5, "those of the image and of the first stage");
    let log = log_of_last(&codebuild);
    let exported = log.split(EXPORTING).nth(1).unwrap_or_default();
    assert!(!exported.contains("unpacking"), "a cache needs no image: {exported}");
}

#[test]
fn nothing_is_exported_to_a_repository_whose_tags_cannot_be_moved_and_that_is_said() {
    let codebuild = CodeBuild::create("frozen");
    let project = with_image("cb-frozen", &codebuild.builder());
    let repository = project.repository("api");
    admin(
        "PUT",
        &format!("repository?repository={repository}&mutability=IMMUTABLE"),
    );
    let dev = project.stack("dev");
    dev.up(&[])
        .ok()
        .says(&format!("the build cache is not exported to `{repository}:buildcache`"))
        .says("IMMUTABLE_WITH_EXCLUSION");
    assert!(!log_of_last(&codebuild).contains(EXPORTING));
    assert!(!tags(&repository).contains("buildcache"));
}

#[test]
fn a_cache_that_cannot_be_exported_is_a_warning_and_the_image_is_complete() {
    let codebuild = CodeBuild::create("unkept");
    let project = with_image("cb-unkept", &codebuild.builder());
    let fault = json!({
        "match": {"method": "PUT", "path": format!("/{}/api/manifests/buildcache", project.name())},
        "count": 100, "kind": "status", "status": 403, "code": "DENIED", "message": "no caches here",
    });
    let ordered = lab().emulator().admin_with("POST", "faults", &fault);
    assert!(ordered.is_ok(), "{ordered:?}");
    let dev = project.stack("dev");
    dev.up(&[])
        .ok()
        .says("warning: the build cache was not exported, the image is complete: ERROR")
        .says("buildcache");
    assert_eq!(image_content(&dev.output("uri")), "one");
    assert!(log_of_last(&codebuild).contains(EXPORTING));
    assert!(!tags(&project.repository("api")).contains("buildcache"));
}

fn tags(repository: &str) -> String {
    let found: Value = admin("GET", &format!("repository?repository={repository}"))["tags"].take();
    found.to_string()
}
