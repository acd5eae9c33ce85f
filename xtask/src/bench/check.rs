//! Check and Diff of an unchanged image over gRPC, ours with and without a stat cache beside the other provider.

use std::path::{Path, PathBuf};
use std::time::Instant;

use e2e::Project;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::figures::{Figures, Goal, median};
use super::rpc::{Running, State, bag};
use super::trees::{TREES, Tree, settle};
use super::{KIND, peer, provider};

const ROUNDS: usize = 5;

/// A provider with an image that it knows.
struct Side {
    program: PathBuf,
    kind: &'static str,
    inputs: Value,
    state: State,
}

pub(super) fn measure(figures: &mut Figures) {
    let project = Project::new("bench-check", "");
    let runtime = Runtime::new().expect("threads");
    let peer = peer::program();
    if peer.is_some() {
        peer::show_builder();
    }
    for tree in &TREES {
        let root = tree.plant(&project);
        settle();
        runtime.block_on(one_tree(figures, (tree, &root), &project.at("cache"), peer.as_deref()));
    }
}

/// `caches` is a folder for cache directories.
async fn one_tree(figures: &mut Figures, (tree, root): (&Tree, &Path), caches: &Path, peer: Option<&Path>) {
    let cache = |name: String| json!({ "cacheDir": caches.join(format!("{}-{name}", tree.label)) });
    let filled = cache("filled".to_owned());
    let ours = our_side(root, &filled).await;
    let other = match peer {
        Some(program) => Some(peer_side(program, root).await),
        None => None,
    };
    let (mut warm, mut cold, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        warm.push(ours.unchanged(&filled).await);
        if let Some(other) = &other {
            beside.push(other.unchanged(&json!({})).await);
        }
        cold.push(ours.unchanged(&cache(format!("cold{round}"))).await);
    }
    let beside = (!beside.is_empty()).then(|| median(beside));
    for (name, times, part) in [("warm", warm, 20.0), ("cold", cold, 4.0)] {
        figures.add(
            (&format!("Check + Diff, {}, {name}", tree.label), ("ms", 1)),
            median(times),
            beside,
            Goal::FractionOfBeside(part),
        );
    }
}

/// Its first Check also fills the stat cache of `configuration`.
async fn our_side(root: &Path, configuration: &Value) -> Side {
    let kind = KIND;
    let inputs = json!({ "repository": "localhost:1/app", "context": root });
    let program = provider();
    let mut running = Running::start(&program, configuration).await;
    let checked = running.check(kind, None, bag(&inputs)).await;
    running.end().await;
    let state = State {
        inputs: checked.clone(),
        outputs: checked,
    };
    Side {
        program,
        kind,
        inputs,
        state,
    }
}

/// Its image is really built, and not exported anywhere.
async fn peer_side(program: &Path, root: &Path) -> Side {
    let kind = "docker-build:index:Image";
    let inputs = json!({
        "push": false, "context": { "location": root }, "exports": [{ "cacheonly": {} }],
        "builder": { "name": peer::BUILDER },
    });
    let mut running = Running::start(program, &json!({})).await;
    let checked = running.check(kind, None, bag(&inputs)).await;
    let outputs = running.create(kind, checked.clone()).await;
    running.end().await;
    let state = State {
        inputs: checked,
        outputs,
    };
    Side {
        program: program.to_owned(),
        kind,
        inputs,
        state,
    }
}

impl Side {
    /// Milliseconds from the request for Check to the answer of Diff in a new process.
    async fn unchanged(&self, configuration: &Value) -> f64 {
        let mut running = Running::start(&self.program, configuration).await;
        let (olds, news) = (Some(self.state.inputs.clone()), bag(&self.inputs));
        let begun = Instant::now();
        let checked = running.check(self.kind, olds, news).await;
        running.diff(self.kind, &self.state, checked).await;
        begun.elapsed().as_secs_f64() * 1000.0
    }
}
