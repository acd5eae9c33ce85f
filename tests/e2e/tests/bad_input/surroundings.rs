//! Builder, registry and credentials that do not do their part.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::Duration;

use e2e::{Project, Stack, admin, lab};
use serde_json::json;

use crate::{recovers, refused};

/// A project whose image goes to the plain registry, with this login in the provider's configuration.
fn on_plain_registry(fact: &str, password: &str) -> (Project, Stack) {
    let project = Project::with_image(fact, "");
    plain_program(&project, password);
    let dev = project.stack("dev");
    (project, dev)
}

fn plain_program(project: &Project, password: &str) {
    let host = lab().plain_registry();
    admin("PUT", &format!("repository?repository={host}/{}/api", project.name()));
    project.program(&format!(
        "resources:\n  plain:\n    type: pulumi:providers:fastcontainer\n    properties:\n      registries:\n        - {{address: \
         \"{host}\", username: {}, password: {password}}}\n  api:\n    type: fastcontainer:FastContainerImage\n    properties: \
         {{repository: \"{host}/{}/api\", context: ./app}}\n    options: {{provider: \"${{plain}}\"}}\noutputs:\n  uri: \
         ${{api.imageUri}}\n",
        fastcontainer_lab::PLAIN_USER,
        project.name(),
    ));
}

/// Lets the first question about this project fail, with all of its four tries.
fn order_fault(project: &Project, kind: &str) {
    let path = format!("/{}/", project.name());
    let fault = json!({"match": {"path": path}, "kind": kind, "status": 503, "count": 4});
    lab().emulator().admin_with("POST", "faults", &fault).expect("fault");
}

#[test]
fn a_dead_builder_is_named_with_what_to_do() {
    let project = Project::with_image("dead-builder", "");
    let dev = project.stack("dev");
    let socket = project.at("dead.sock");
    drop(UnixListener::bind(&socket).expect("socket"));
    let address = format!("unix://{}", socket.display());
    let run = refused(&dev.with("BUILDKIT_HOST", &address).with("DOCKER_HOST", &address));
    run.says("no builder answers at")
        .says(&address)
        .says("start Docker or buildkitd");
    recovers(&dev);
}

#[test]
fn a_builder_that_never_answers_is_given_up() {
    let project = Project::with_image("mute-builder", "");
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = format!("tcp://{}", listener.local_addr().expect("address"));
    let dev = project
        .stack("dev")
        .with("BUILDKIT_HOST", &address)
        .with("DOCKER_HOST", &address);
    let run = refused(&dev)
        .says("no answer from")
        .says(&address)
        .says("start Docker or buildkitd");
    assert!(run.took < Duration::from_secs(45), "gave up after {:?}", run.took);
}

/// The lab's builder as one on another machine looks: behind a name that could be anybody's.
fn elsewhere() -> String {
    let socket = lab().builder().expect("builder").socket();
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let port = listener.local_addr().expect("address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let builder = UnixStream::connect(&socket).expect("builder");
            let (mut asked, mut answered) = (client.try_clone().expect("clone"), builder.try_clone().expect("clone"));
            let (mut asking, mut answering) = (builder, client);
            thread::spawn(move || io::copy(&mut asked, &mut asking));
            thread::spawn(move || io::copy(&mut answered, &mut answering));
        }
    });
    format!("tcp://lab:{port}")
}

#[test]
fn logins_and_secrets_are_not_sent_to_another_machine_in_plain_text() {
    let address = elsewhere();
    let (variable, _) = lab().builder().expect("builder").variable();
    for (fact, more, kept) in [
        ("exposed-login", "", "the login of `123456789012.dkr.ecr."),
        (
            "exposed-secret",
            "      secrets: {token: s3cr3t-t0ken}\n",
            "secret `token` is not sent",
        ),
    ] {
        let project = Project::with_image(fact, more);
        let dev = project.stack("dev");
        let run = refused(&dev.with(variable, &address)).says(kept).says(&address);
        run.says("ssh://USER@HOST").never_says("s3cr3t-t0ken");
        recovers(&dev);
    }
}

#[test]
fn a_wrong_aws_secret_is_named_with_the_call() {
    let project = Project::with_image("aws-secret", "");
    let dev = project.stack("dev");
    let run = refused(&dev.with("AWS_SECRET_ACCESS_KEY", "not-the-key")).says("ecr:BatchGetImage");
    run.says("AWS refuses the credentials")
        .says("AWS_PROFILE")
        .never_says("not-the-key");
    recovers(&dev);
}

#[test]
fn a_wrong_password_of_a_registry_is_named_with_the_host() {
    let (project, dev) = on_plain_registry("password", "not-the-password");
    let run = refused(&dev)
        .says(&lab().plain_registry())
        .says("the credentials were refused");
    run.says("`registries` in the provider's configuration")
        .never_says("not-the-password");
    plain_program(&project, fastcontainer_lab::PLAIN_PASSWORD);
    recovers(&dev);
}

#[test]
fn a_repository_that_does_not_exist_is_named_with_the_command_that_makes_it() {
    let project = Project::with_image("no-repository", "");
    let program = std::fs::read_to_string(project.at("Pulumi.yaml")).expect("program");
    let missing = format!("{}-missing", project.repository("api"));
    project.write("Pulumi.yaml", &program.replace(&project.repository("api"), &missing));
    let dev = project.stack("dev");
    refused(&dev)
        .says("there is no repository")
        .says("api-missing")
        .says("aws ecr create-repository");
    admin("PUT", &format!("repository?repository={missing}"));
    recovers(&dev);
}

#[test]
fn a_registry_that_fails_is_named_with_its_status() {
    let (project, dev) = on_plain_registry("status", fastcontainer_lab::PLAIN_PASSWORD);
    order_fault(&project, "status");
    refused(&dev)
        .says(&lab().plain_registry())
        .says("the registry failed with status 503")
        .says("then run again");
    recovers(&dev);
}

#[test]
fn a_registry_that_drops_connections_is_named() {
    let (project, dev) = on_plain_registry("dropped", fastcontainer_lab::PLAIN_PASSWORD);
    order_fault(&project, "drop_before");
    refused(&dev)
        .says(&lab().plain_registry())
        .says("no complete answer")
        .says("can be reached from here");
    recovers(&dev);
}
