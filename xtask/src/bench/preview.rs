//! The preview of a program in which nothing changed: twenty images on one context, over a program without resources.

use std::path::Path;

use e2e::{Project, Stack};

use super::figures::{Figures, Goal, median};
use super::{peer, trees};

const ROUNDS: usize = 5;
const IMAGES: usize = 20;
const FILES: usize = 5000;

/// The goal is the seconds that twenty images may add.
pub(super) fn measure(figures: &mut Figures, goal: f64) {
    let bare = Project::new("bench-empty", "resources: {}\n");
    let empty = bare.stack("dev");
    empty.up(&[]).ok();
    let project = Project::new("bench-preview", "");
    trees::plant(&project, "app", FILES);
    let ours = our_stack(&project);
    let other = Project::new("bench-preview-peer", "");
    let peer = peer::program().map(|program| peer_stack(&program, &other, &project.at("app")));
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
        Goal::AtMost(goal),
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
fn peer_stack(program_of_peer: &Path, project: &Project, context: &Path) -> Stack {
    peer::install(program_of_peer);
    peer::show_builder();
    let image = |number: usize| {
        format!(
            "  image{number}:\n    type: docker-build:Image\n    properties:\n      push: false\n      context: \
             {{location: {}}}\n      exports: [{{cacheonly: {{}}}}]\n      builder: {{name: {}}}\n    \
             options: {{version: {}}}\n",
            context.display(),
            peer::BUILDER,
            peer::VERSION
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
