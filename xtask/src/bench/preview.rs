//! The preview of a program in which nothing changed: twenty images on one context, over a program without resources.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use e2e::{Project, Stack, lab};
use serde_json::json;

use super::figures::{Figures, Goal, median};
use super::{peer, trees};

const ROUNDS: usize = 5;
const IMAGES: usize = 20;
const FILES: usize = 5000;
const PEER_VERSION: &str = "0.0.22";
const PEER_BUILDER: &str = "lab";

pub(super) fn measure(figures: &mut Figures) {
    let bare = Project::new("bench-empty", "resources: {}\n");
    let empty = bare.stack("dev");
    empty.up(&[]).ok();
    let project = Project::new("bench-preview", "");
    trees::plant(&project, "app", FILES);
    let ours = our_stack(&project);
    let other = Project::new("bench-preview-peer", "");
    let peer = peer().map(|program| peer_stack(&program, &other, &project.at("app")));
    let (mut without, mut with, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(unchanged(&empty));
        with.push(unchanged(&ours));
        beside.extend(peer.as_ref().map(unchanged));
    }
    let base = median(without);
    figures.add(
        ("unchanged preview, 20 images, 5,000 files: added", ("s", 2)),
        median(with) - base,
        (!beside.is_empty()).then(|| median(beside) - base),
        Goal::AtMost(1.0),
    );
}

fn unchanged(stack: &Stack) -> f64 {
    stack.preview(&["--expect-no-changes"]).ok().took.as_secs_f64()
}

fn our_stack(project: &Project) -> Stack {
    let repository = project.repository("image");
    let image = |number: usize| {
        format!(
            "  image{number}:\n    type: fastcontainer:FastContainerImage\n    properties:\n      repository: \
             {repository}\n      context: ./app\n"
        )
    };
    program(project, image)
}

/// The other provider builds without pushing; an unchanged preview asks no registry on either side.
fn peer_stack(peer: &Path, project: &Project, context: &Path) -> Stack {
    install(peer);
    let image = |number: usize| {
        format!(
            "  image{number}:\n    type: docker-build:Image\n    properties:\n      push: false\n      context: \
             {{location: {}}}\n      exports: [{{cacheonly: {{}}}}]\n      builder: {{name: {PEER_BUILDER}}}\n    \
             options: {{version: {PEER_VERSION}}}\n",
            context.display()
        )
    };
    program(project, image)
}

fn program(project: &Project, image: impl Fn(usize) -> String) -> Stack {
    let images: String = (0..IMAGES).map(image).collect();
    project.program(&format!("resources:\n{images}"));
    let stack = project.stack("dev");
    stack.up(&[]).ok();
    stack
}

/// Puts the other provider where the CLI finds it, and names it the lab's builder.
fn install(peer: &Path) {
    let lab = lab();
    let folder = lab
        .pulumi_home()
        .join("plugins")
        .join(format!("resource-docker-build-v{PEER_VERSION}"));
    let program = folder.join("pulumi-resource-docker-build");
    fs::create_dir_all(&folder).expect("the folder of the plugin");
    fs::copy(peer, &program).expect("the plugin");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("the plugin's mode");
    let (_, address) = lab.builder().expect("a builder").variable();
    let builder = json!({
        "Name": PEER_BUILDER, "Driver": "remote", "Dynamic": false,
        "Nodes": [{ "Name": format!("{PEER_BUILDER}0"), "Endpoint": address, "Platforms": null,
            "DriverOpts": null, "Flags": null, "Files": null }],
    });
    let config = std::env::var_os("DOCKER_CONFIG").expect("a lab sets DOCKER_CONFIG");
    let instances = Path::new(&config).join("buildx/instances");
    fs::create_dir_all(&instances).expect("the folder of builders");
    fs::write(instances.join(PEER_BUILDER), builder.to_string()).expect("the builder's entry");
}
