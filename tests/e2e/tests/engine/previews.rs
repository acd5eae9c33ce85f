//! A preview never fails because something cannot be asked yet; the update then says what is wrong and keeps the state.

use e2e::{Project, Stack, admin, lab};
use fastcontainer_lab::{ECR_HOST, PLAIN_PASSWORD, PLAIN_USER};
use serde_json::json;

use crate::{generator, image, with_writer};

const UNASKED: &str = "the registry could not be asked";

#[test]
fn an_unknown_repository_leaves_fingerprint_and_content_tag_known() {
    let project = with_writer("unknown-repository");
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    let writer = generator("repository.txt", &project.repository("api"));
    let api = image("api", "${generator.content}", "      context: ./app\n");
    let outputs =
        "outputs:\n  contentTag: ${api.contentTag}\n  total: ${api.fingerprint.total}\n  uri: ${api.imageUri}\n";
    project.program(&format!("resources:\n{writer}{api}{outputs}"));
    let dev = project.stack("dev");
    let preview = dev
        .preview(&[])
        .ok()
        .says("api: cannot tell yet whether it rebuilds – known only during the update: `repository`");
    dev.up(&[]).ok();
    preview
        .says(&dev.output("total"))
        .says(&dev.output("contentTag"))
        .never_says(&dev.output("uri"));
}

#[test]
fn an_unknown_rule_of_reuse_leaves_the_content_tag_unknown() {
    let project = with_writer("unknown-reuse");
    project.write("app/Dockerfile", "FROM busybox:1.36\nCOPY . /app\n");
    let properties = "      context: ./app\n      reuse: ${generator.content}\n";
    let api = image("api", &project.repository("api"), properties);
    let writer = generator("reuse.txt", "stack");
    project.program(&format!(
        "resources:\n{writer}{api}outputs:\n  contentTag: ${{api.contentTag}}\n"
    ));
    let dev = project.stack("dev");
    dev.preview(&[])
        .ok()
        .says("known only during the update: `reuse`")
        .says("contentTag: [unknown]");
}

/// The digest that the state holds.
fn digest(stack: &Stack) -> String {
    let resource = stack.resource("api").expect("the image");
    resource["outputs"]["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn without_credentials_a_preview_says_so_and_an_update_says_what_to_do() {
    let project = Project::with_image("no-credentials", "");
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let before = digest(&dev);
    project.write("app/src.txt", "two");
    let nobody = dev.without("AWS_ACCESS_KEY_ID").without("AWS_SECRET_ACCESS_KEY");
    nobody.preview(&[]).ok().says("src.txt modified").says(UNASKED);
    nobody
        .up(&[])
        .fails()
        .says("credentials")
        .says("set AWS_PROFILE, run `aws sso login`");
    assert_eq!(digest(&dev), before);
    dev.up(&[]).ok();
    assert_ne!(digest(&dev), before);
}

#[test]
fn with_the_registry_down_a_preview_says_so_and_an_update_keeps_the_state() {
    let project = Project::with_image("registry-down", "");
    let host = lab().plain_registry();
    let repository = format!("{host}/{}/api", project.name());
    admin("PUT", &format!("repository?repository={repository}"));
    let login = format!("{{address: \"{host}\", username: {PLAIN_USER}, password: {PLAIN_PASSWORD}}}");
    project.program(&format!(
        "resources:\n  logins:\n    type: pulumi:providers:fastcontainer\n    defaultProvider: true\n    properties:\n      registries: [{login}]\n{}",
        image("api", &repository, "      context: ./app\n")
    ));
    let dev = project.stack("dev");
    dev.up(&[]).ok();
    let before = digest(&dev);
    let path = format!("/v2/{}/", project.name());
    let down = json!({"match": {"path": path}, "kind": "drop_before", "count": 1_000_000});
    lab().emulator().admin_with("POST", "faults", &down).expect("fault");
    dev.up(&["--expect-no-changes"]).ok();
    project.write("app/src.txt", "two");
    dev.preview(&[]).ok().says("src.txt modified").says(UNASKED).says(&host);
    dev.up(&[])
        .fails()
        .says(&format!("http://{host}{path}api/manifests/fc-"))
        .says("check that the registry can be reached from here, then run again");
    assert_eq!(digest(&dev), before);
}

#[test]
fn a_repository_that_does_not_exist_yet_is_no_reason_to_fail_a_preview() {
    let project = Project::with_image("no-repository", "");
    let name = format!("{}/later", project.name());
    let repository = format!("{ECR_HOST}/{name}");
    project.program(&format!(
        "resources:\n{}outputs:\n  uri: ${{api.imageUri}}\n",
        image("api", &repository, "      context: ./app\n")
    ));
    let dev = project.stack("dev");
    dev.preview(&[])
        .ok()
        .says("api: build – new image")
        .says(UNASKED)
        .says(&name)
        .says("uri: [unknown]");
    dev.up(&[])
        .fails()
        .says(&name)
        .says("create it with `aws ecr create-repository");
    assert!(dev.resource("api").is_none());
    admin("PUT", &format!("repository?repository={repository}"));
    dev.up(&[]).ok();
}
