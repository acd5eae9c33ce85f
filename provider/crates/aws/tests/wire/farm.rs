//! A CodeBuild whose builds take a fixed time, with a limit on how many it takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::response::Response;
use fastcontainer_aws::{Aws, BuildUpdate, BuildView, CodeBuild};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::scripted::{Scripted, Seen, refuse, respond};

pub(crate) const REGION: &str = "eu-west-1";

/// A build: when it began and how long it takes.
#[derive(Clone, Copy)]
pub(crate) struct Going {
    pub(crate) began: Instant,
    pub(crate) takes: Duration,
}

/// What the farm knows, for tests to look at and change.
pub(crate) struct Farm {
    pub(crate) builds: Mutex<BTreeMap<String, Going>>,
    pub(crate) takes: Duration,
    pub(crate) limit: usize,
}

impl Farm {
    pub(crate) fn new(takes: Duration) -> Arc<Self> {
        Self::limited(takes, usize::MAX)
    }

    pub(crate) fn limited(takes: Duration, limit: usize) -> Arc<Self> {
        Arc::new(Self {
            builds: Mutex::default(),
            takes,
            limit,
        })
    }

    pub(crate) fn add(&self, id: &str, takes: Duration) {
        let began = Instant::now();
        self.builds
            .lock()
            .unwrap()
            .insert(id.to_owned(), Going { began, takes });
    }

    pub(crate) fn answer(&self, seen: &Seen) -> Option<Response> {
        match seen.call.as_str() {
            "StartBuild" => self.start(&seen.input),
            "BatchGetBuilds" => self.states(&seen.input),
            "StopBuild" => respond(200, &json!({"build": {"id": seen.input["id"], "buildComplete": true}})),
            other => refuse(400, "UnknownOperationException", other),
        }
    }

    fn start(&self, input: &Value) -> Option<Response> {
        let mut builds = self.builds.lock().unwrap();
        let id = format!("app:{}", input["idempotencyToken"].as_str().unwrap());
        let running = builds
            .values()
            .filter(|build| build.began.elapsed() < build.takes)
            .count();
        if running >= self.limit && !builds.contains_key(&id) {
            let message = "Cannot have more than 1 builds in queue for the account";
            return refuse(400, "AccountLimitExceededException", message);
        }
        let (began, takes) = (Instant::now(), self.takes);
        builds.entry(id.clone()).or_insert(Going { began, takes });
        respond(
            200,
            &json!({"build": {"id": id, "arn": format!("arn:aws:codebuild:::build/{id}")}}),
        )
    }

    fn states(&self, input: &Value) -> Option<Response> {
        let ids: Vec<&str> = input["ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap())
            .collect();
        assert!((1..=100).contains(&ids.len()), "{} ids", ids.len());
        let builds = self.builds.lock().unwrap();
        let found = ids
            .iter()
            .filter_map(|id| builds.get(*id).map(|going| state(id, *going)));
        let missing = ids.iter().filter(|id| !builds.contains_key(**id));
        respond(
            200,
            &json!({"builds": found.collect::<Vec<_>>(), "buildsNotFound": missing.collect::<Vec<_>>()}),
        )
    }
}

fn state(id: &str, going: Going) -> Value {
    if going.began.elapsed() < going.takes {
        build(
            id,
            json!({"buildStatus": "IN_PROGRESS", "currentPhase": "BUILD", "buildComplete": false}),
        )
    } else {
        let exported = json!([{"name": "DIGEST", "value": "sha256:1"}]);
        let done = json!({"buildStatus": "SUCCEEDED", "currentPhase": "COMPLETED", "buildComplete": true});
        let mut build = build(id, done);
        build["exportedEnvironmentVariables"] = exported;
        build
    }
}

/// A build record with these members.
pub(crate) fn build(id: &str, members: Value) -> Value {
    let mut build = json!({"id": id, "arn": format!("arn:aws:codebuild:eu-west-1:123456789012:build/{id}")});
    build
        .as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    build
}

/// A handle whose waiting is `haste` times as short.
pub(crate) fn codebuild(server: &Scripted, haste: u32) -> CodeBuild {
    Aws::with_config(server.config()).hastened(haste).code_build(REGION)
}

/// How many calls of this name came.
pub(crate) fn count(server: &Scripted, call: &str) -> usize {
    server.seen().iter().filter(|seen| seen.call == call).count()
}

/// What a watcher sees last.
pub(crate) async fn end(mut updates: watch::Receiver<BuildUpdate>) -> BuildUpdate {
    while updates.changed().await.is_ok() {}
    updates.borrow().clone()
}

pub(crate) fn view(update: BuildUpdate) -> Arc<BuildView> {
    assert!(matches!(update, BuildUpdate::Seen(_)), "{update:?}");
    let BuildUpdate::Seen(view) = update else {
        unreachable!()
    };
    view
}
