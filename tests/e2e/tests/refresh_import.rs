//! What `pulumi refresh` and `pulumi import` make of an image: present, gone, tagged otherwise, or not to be told.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

use e2e::{Project, Stack, admin, image_content, lab};
use serde_json::{Value, json};

const TYPE: &str = "fastcontainer:index:FastContainerImage";

/// What the provider said about the image; the rest of the state is the engine's.
fn image(stack: &Stack) -> Value {
    let image = stack.resource("api").expect("the image in the state");
    json!({"id": image["id"], "inputs": image["inputs"], "outputs": image["outputs"]})
}

/// A project with a stack whose image exists.
fn shipped(fact: &str, more: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, more);
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    (project, dev)
}

fn tags(project: &Project) -> Value {
    admin("GET", &format!("repository?repository={}", project.repository("api")))["tags"].take()
}

#[test]
fn an_image_that_is_there_shows_no_drift() {
    let (_project, dev) = shipped("no-drift", "      tags: [latest]\n");
    let before = image(&dev);
    dev.refresh(&["--expect-no-changes"])
        .ok()
        .never_says("error")
        .never_says("warning");
    let after = image(&dev);
    assert_eq!(
        (&before["inputs"], &before["outputs"]),
        (&after["inputs"], &after["outputs"])
    );
    dev.up(&["--expect-no-changes"]).ok();
}

#[test]
fn an_image_that_is_gone_leaves_the_state_and_is_built_again() {
    let (project, dev) = shipped("gone", "");
    let digest = dev.output("digest");
    admin(
        "DELETE",
        &format!("image?repository={}&digest={digest}", project.repository("api")),
    );
    dev.refresh(&[]).ok().says(&digest).says("is gone from the registry");
    assert!(dev.resource("api").is_none(), "the state still names the image");
    dev.up(&[]).ok().says("api: built in");
    assert_eq!(image_content(&dev.output("uri")), "one");
}

#[test]
fn an_image_without_its_tags_is_not_gone() {
    let (project, dev) = shipped("untagged", "");
    let (uri, tag) = (dev.output("uri"), dev.output("contentTag"));
    admin("DELETE", &format!("tag?reference={}:{tag}", project.repository("api")));
    dev.refresh(&[]).ok();
    dev.up(&["--expect-no-changes"]).ok();
    assert_eq!(dev.output("uri"), uri);
}

#[test]
fn extra_tags_that_were_deleted_or_moved_come_back() {
    let (project, dev) = shipped("tags-back", "      tags: [latest, stable]\n");
    let (repository, first) = (project.repository("api"), dev.output("digest"));
    project.write("app/src.txt", "two");
    dev.up(&[]).ok();
    let second = dev.output("digest");
    admin("DELETE", &format!("tag?reference={repository}:latest"));
    admin("PUT", &format!("tag?reference={repository}:stable&digest={first}"));
    dev.refresh(&[]).ok().says("tags");
    dev.preview(&[]).ok().says("api: retag").never_says("rebuild");
    dev.up(&[]).ok().never_says("built in");
    let tags = tags(&project);
    assert_eq!(
        (tags["latest"].as_str(), tags["stable"].as_str()),
        (Some(&*second), Some(&*second))
    );
    assert_eq!(dev.output("digest"), second);
}

#[test]
fn refused_credentials_keep_the_state() {
    let (_project, dev) = shipped("refused", "");
    let before = image(&dev);
    let run = dev.with("AWS_SECRET_ACCESS_KEY", "not-the-key").refresh(&[]).fails();
    run.says("ecr:BatchGetImage")
        .says("AWS refuses the credentials")
        .says("hint:");
    assert_eq!(before, image(&dev));
    dev.up(&["--expect-no-changes"]).ok();
}

/// Moves the image to the plain registry, whose faults can be ordered for one repository.
fn shipped_to_plain_registry(fact: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, "");
    let host = lab().plain_registry();
    admin("PUT", &format!("repository?repository={host}/{}/api", project.name()));
    project.program(&format!(
        "resources:\n  plain:\n    type: pulumi:providers:fastcontainer\n    properties:\n      registries:\n        - {{address: \
         \"{host}\", username: {}, password: {}}}\n  api:\n    type: {TYPE}\n    properties: {{repository: \"{host}/{}/api\", \
         context: ./app}}\n    options: {{provider: \"${{plain}}\"}}\noutputs:\n  uri: ${{api.imageUri}}\n",
        fastcontainer_lab::PLAIN_USER,
        fastcontainer_lab::PLAIN_PASSWORD,
        project.name(),
    ));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    (project, dev)
}

#[test]
fn a_registry_that_denies_or_is_down_keeps_the_state() {
    let (project, dev) = shipped_to_plain_registry("down");
    let before = image(&dev);
    // A denial is final; what is down is asked four times.
    for (status, count, said) in [(403, 1, "access denied"), (503, 4, "failed with status 503")] {
        let path = format!("/{}/", project.name());
        let fault = json!({"match": {"path": path}, "kind": "status", "status": status, "code": "NO", "count": count});
        lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
        dev.refresh(&[])
            .fails()
            .says(&lab().plain_registry())
            .says(said)
            .says("hint:");
        assert_eq!(before, image(&dev), "after {status}");
    }
}

#[test]
fn no_credential_is_in_the_state() {
    let (_project, dev) = shipped_to_plain_registry("state-secrets");
    let state = dev.state().to_string();
    assert!(
        state.contains("registries"),
        "the provider's configuration is in the state: {state}"
    );
    assert!(!state.contains(fastcontainer_lab::PLAIN_PASSWORD), "{state}");

    let (_project, ecr) = shipped("state-ecr", "");
    let state = ecr.state().to_string();
    for word in ["password", "authorization", "AWS_SECRET", "Basic ", "token"] {
        assert!(!state.contains(word), "`{word}` in {state}");
    }
}

/// A stack of a fresh project with the same program and repository as `project`, holding `import` of the image.
fn imported(project: &Project, id: &str) -> Stack {
    let other = project.stack("imported");
    other
        .run(&[
            "import",
            TYPE,
            "api",
            id,
            "--yes",
            "--skip-preview",
            "--protect=false",
            "--stack",
            "imported",
        ])
        .ok();
    other
}

#[test]
fn an_import_by_tag_knows_the_image_and_pins_no_fingerprint() {
    let (project, dev) = shipped("import-tag", "      tags: [v1]\n");
    let other = imported(&project, &format!("{}:v1", project.repository("api")));
    let image = image(&other);
    assert_eq!(image["outputs"]["digest"], dev.output("digest"));
    assert_eq!(image["outputs"]["imageUri"], dev.output("uri"));
    assert_eq!(image["inputs"]["tags"], json!(["v1"]));
    assert!(image["inputs"]["fingerprint"].is_null(), "{image}");
    other.refresh(&[]).ok();

    other.up(&[]).ok().says("adopted").never_says("built in");
    assert_eq!(other.output("uri"), dev.output("uri"));
    other.up(&["--expect-no-changes"]).ok();
}

#[test]
fn an_import_by_digest_is_replaced_in_place_by_what_the_program_says() {
    let (project, dev) = shipped("import-digest", "");
    let uri = dev.output("uri");
    project.write("app/src.txt", "two");
    let other = imported(&project, &uri);
    assert_eq!(image(&other)["outputs"]["imageUri"], *uri);
    other.up(&[]).ok().says("api: built in").never_says("replace");
    assert_eq!(image_content(&other.output("uri")), "two");
    assert_eq!(image_content(&uri), "one");
}

#[test]
fn an_import_needs_nothing_on_disk() {
    let (project, dev) = shipped("import-bare", "");
    let uri = dev.output("uri");
    let empty = Project::new("import-empty", "");
    let stack = empty.stack("dev");
    let run = stack
        .run(&["import", TYPE, "api", &uri, "--yes", "--skip-preview", "--stack", "dev"])
        .ok();
    run.says("repository").never_says("fingerprint:");
    assert_eq!(image(&stack)["outputs"]["digest"], dev.output("digest"));
    assert!(
        image(&stack)["id"]
            .as_str()
            .expect("id")
            .starts_with(&project.repository("api"))
    );
}

#[test]
fn an_import_of_what_does_not_exist_says_so() {
    let (project, _dev) = shipped("import-nothing", "");
    let other = project.stack("other");
    let id = format!("{}:never", project.repository("api"));
    let run = other.run(&[
        "import",
        TYPE,
        "api",
        &id,
        "--yes",
        "--skip-preview",
        "--stack",
        "other",
    ]);
    run.fails().says(&id).says("does not exist");
    assert!(other.resource("api").is_none());
}
