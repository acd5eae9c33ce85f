//! The preview of a thousand unchanged images of one monorepo, each of which reads its own folder of the common context.
//!
//! Beside it stands the same program with a provider that does nothing. Nobody waits for a thousand builds: the provider
//! tells the content tags, the registry look-alike gives them to one small image that was pushed, and `up` adopts them.

use e2e::{Project, Stack, admin, install_plugin};
use serde_json::json;
use tokio::runtime::Runtime;

use super::figures::{Figures, Goal, median};
use super::rpc::{Running, bag, text};
use super::suite::built;
use super::trees::{content, settle};
use super::{KIND, provider};

/// The provider that does nothing.
pub(super) const IDLE_PROVIDER: &str = "pulumi-resource-idle";

const ROUNDS: usize = 5;
const IMAGES: usize = 1000;
/// Files of a service, beside its Dockerfile.
const FILES: usize = 49;
/// Bytes of a file; they differ from file to file.
const SIZES: std::ops::Range<usize> = 400..8000;

pub(super) fn measure(figures: &mut Figures) {
    let project = Project::new("bench-monorepo", "");
    for service in 0..IMAGES {
        plant(&project, service);
    }
    settle();
    let ours = adopted(&project);
    let floor_project = Project::new("bench-monorepo-idle", "");
    let floor = idle(&floor_project);
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        with.push(unchanged(&ours));
        without.push(unchanged(&floor));
    }
    figures.add(
        ("unchanged preview, 1,000 images, 50,000 files", ("s", 2)),
        median(with),
        Some(median(without)),
        Goal::OverBeside(2.0),
    );
}

fn unchanged(stack: &Stack) -> f64 {
    stack.preview(&["--expect-no-changes"]).ok().took.as_secs_f64()
}

fn plant(project: &Project, service: usize) {
    let folder = format!("services/{service:03}");
    let dockerfile = format!("FROM scratch\nCOPY {folder} /app\n");
    project.write(&format!("{folder}/Dockerfile"), &dockerfile);
    for file in 0..FILES {
        let number = service * FILES + file;
        let size = SIZES.start + number * 7919 % SIZES.len();
        project.write(&format!("{folder}/file{file:02}.txt"), &content(number, size));
    }
}

/// A program with `count` images of the resource type `kind`.
fn program(kind: &str, repository: &str, count: usize) -> String {
    let image = |service: usize| {
        format!(
            "  service{service:03}:\n    type: {kind}\n    properties:\n      repository: {repository}\n      context: .\n      \
             dockerfile: services/{service:03}/Dockerfile\n"
        )
    };
    let images: String = (0..count).map(image).collect();
    format!("resources:\n{images}")
}

fn idle(project: &Project) -> Stack {
    install_plugin(&built(IDLE_PROVIDER), "0.1.0");
    project.program(&program("idle:Image", &project.repository("service"), IMAGES));
    let stack = project.stack("dev");
    stack.up(&[]).ok();
    stack
}

fn adopted(project: &Project) -> Stack {
    let repository = project.repository("service");
    project.program(&program(KIND, &repository, 1));
    // The engine asks for more than a few resources at a time only when it is told to.
    let stack = project.stack("dev");
    let hasty = stack.with("PULUMI_PARALLEL", "64");
    hasty.up(&[]).ok();
    let pushed = stack.resource("service000").expect("the first image")["outputs"]["digest"].clone();
    let digest = pushed.as_str().expect("its digest");
    project.program(&program(KIND, &repository, IMAGES));
    let runtime = Runtime::new().expect("threads");
    for tag in runtime.block_on(content_tags(project, &repository)) {
        admin("PUT", &format!("tag?reference={repository}:{tag}&digest={digest}"));
    }
    hasty.up(&[]).ok().never_says("built in");
    stack
}

/// The content tags of all images of the program; the engine's own preview keeps them to itself.
async fn content_tags(project: &Project, repository: &str) -> Vec<String> {
    let mut tags = Vec::with_capacity(IMAGES);
    let mut running = Running::start(&provider(), &json!({})).await;
    for service in 0..IMAGES {
        let dockerfile = project.at(&format!("services/{service:03}/Dockerfile"));
        let inputs = json!({ "repository": repository, "context": project.path(), "dockerfile": dockerfile });
        let checked = running.check(KIND, None, bag(&inputs)).await;
        let promised = running.preview(KIND, checked).await;
        tags.push(text(&promised, "contentTag").expect("a content tag").to_owned());
    }
    running.end().await;
    tags
}
