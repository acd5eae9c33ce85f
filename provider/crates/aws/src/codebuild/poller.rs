//! One poller for all builds that are watched in a region.
//!
//! Asks for up to a hundred builds in one call, and never more often than every two seconds, however many builds there
//! are. Slows down while all of them wait in the queue and nothing changes. A failed call slows it down too and loses no
//! build; only a failure that lasts is told to the watchers. Ends when nobody watches.
//!
//! Knows too whether the account has slots for more builds, because it sees builds end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_sdk_codebuild::Client;
use aws_sdk_codebuild::types::{AutoRetryConfig, Build};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::build::{BuildStatus, BuildUpdate, BuildView};
use super::{SHORT, one_attempt};
use crate::aws::Aws;
use crate::error::{ApiCall, AwsError};
use crate::random;

/// Time between two calls while builds run.
const FAST: Duration = Duration::from_secs(2);

/// Time between two calls while nothing happens.
const SLOW: Duration = Duration::from_secs(10);

/// Time between two calls at most, after failures.
const SLOWEST: Duration = Duration::from_secs(30);

/// How long a build may be invisible.
const INVISIBLE: Duration = Duration::from_secs(60);

/// How long calls may fail in ways that pass.
const FAILING: Duration = Duration::from_secs(300);

/// How long calls may fail in ways that do not pass by themselves, such as a right that is missing.
const REFUSED: Duration = Duration::from_secs(15);

/// How long a failed build of a project with automatic retries may be without its successor.
const SUCCESSOR: Duration = Duration::from_secs(10);

/// Builds that one call may ask for.
const CALL_MAX: usize = 100;

/// The shared poller of a region.
#[derive(Default)]
pub(crate) struct BuildPoller {
    state: Mutex<State>,
    added: Notify,
    slots: Slots,
}

#[derive(Default)]
struct State {
    builds: HashMap<String, Watched>,
    running: bool,
    failing_since: Option<Instant>,
}

/// A build, under the id with which watching began.
struct Watched {
    sender: watch::Sender<BuildUpdate>,
    /// Its own id, or that of its latest retry.
    id: String,
    asked: Instant,
    seen: Instant,
    failed: Option<Instant>,
}

impl BuildPoller {
    /// Begins to watch.
    pub(super) fn watch(self: &Arc<Self>, client: &Client, aws: &Aws, id: &str) -> watch::Receiver<BuildUpdate> {
        let mut state = self.state();
        let now = Instant::now();
        let watched = state.builds.entry(id.to_owned()).or_insert_with(|| Watched {
            sender: watch::Sender::new(BuildUpdate::NotVisible),
            id: id.to_owned(),
            asked: now,
            seen: now,
            failed: None,
        });
        let receiver = watched.sender.subscribe();
        if !std::mem::replace(&mut state.running, true) {
            state.failing_since = None;
            tokio::spawn(self.clone().run(client.clone(), aws.clone()));
        }
        self.added.notify_one();
        receiver
    }

    pub(super) fn slots(&self) -> &Slots {
        &self.slots
    }

    async fn run(self: Arc<Self>, client: Client, aws: Aws) {
        // What is started together is asked for together.
        sleep(aws.wait(FAST / 2)).await;
        let mut pause = FAST;
        while let Some(ids) = self.next() {
            let began = Instant::now();
            let call = client.batch_get_builds().set_ids(Some(ids.clone())).customize();
            let changed = match call.config_override(one_attempt(SHORT)).send().await {
                Ok(answer) => self.take(&aws, &ids, answer.builds()),
                Err(error) => {
                    self.fail(&aws, AwsError::of(ApiCall::BatchGetBuilds, error));
                    pause = (pause * 2).min(SLOWEST);
                    self.rest(&aws, began, pause, random::up_to(pause / 2)).await;
                    continue;
                }
            };
            pause = if changed { FAST } else { (pause * 3 / 2).min(SLOW) };
            self.rest(&aws, began, pause, random::up_to(FAST / 10)).await;
        }
    }

    /// Waits for the next call; not longer than the fast pace when somebody begins to watch.
    async fn rest(&self, aws: &Aws, began: Instant, pause: Duration, jitter: Duration) {
        let at = began + aws.wait(pause + jitter);
        tokio::select! {
            () = sleep_until(at) => {}
            () = self.added.notified() => sleep_until(at.min(began + aws.wait(FAST + random::up_to(FAST / 10)))).await,
        }
    }

    /// The builds to ask for now: those that were not asked for longest. `None` ends the poller.
    fn next(&self) -> Option<Vec<String>> {
        let mut state = self.state();
        state.builds.retain(|_, watched| !watched.sender.is_closed());
        if state.builds.is_empty() {
            state.running = false;
            return None;
        }
        let mut all: Vec<&mut Watched> = state.builds.values_mut().collect();
        all.sort_by_key(|watched| watched.asked);
        let now = Instant::now();
        let next = all.into_iter().take(CALL_MAX).map(|watched| {
            watched.asked = now;
            watched.id.clone()
        });
        Some(next.collect())
    }

    /// Takes an answer in. Whether to stay at the fast pace: something changed, or runs.
    fn take(&self, aws: &Aws, ids: &[String], builds: &[Build]) -> bool {
        let mut state = self.state();
        state.failing_since = None;
        let mut lively = false;
        let mut over = Vec::new();
        for (key, watched) in state.builds.iter_mut().filter(|(_, watched)| ids.contains(&watched.id)) {
            let found = builds.iter().find(|build| build.id() == Some(&watched.id));
            let (stays, live) = match found {
                Some(build) => watched.see(aws, build),
                None => watched.miss(aws),
            };
            lively |= live;
            if !stays {
                over.push(key.clone());
            }
        }
        if !over.is_empty() {
            self.slots.freed.notify_one();
        }
        over.iter().for_each(|key| drop(state.builds.remove(key)));
        lively || state.builds.len() > CALL_MAX
    }

    fn fail(&self, aws: &Aws, error: AwsError) {
        tracing::debug!(%error, "builds could not be polled");
        let mut state = self.state();
        let now = Instant::now();
        let since = *state.failing_since.get_or_insert(now);
        let patience = if error.is_transient() { FAILING } else { REFUSED };
        if now - since >= aws.wait(patience) {
            for (_, watched) in state.builds.drain() {
                watched.sender.send_replace(BuildUpdate::Lost(error.clone()));
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// Takes a state in. Whether the build is watched further, and whether it is lively.
    fn see(&mut self, aws: &Aws, build: &Build) -> (bool, bool) {
        let now = Instant::now();
        self.seen = now;
        let view = BuildView::read(build);
        let retry = build.auto_retry_config();
        if view.complete && view.status != BuildStatus::Succeeded && view.status != BuildStatus::Stopped {
            if let Some(next) = retry.and_then(AutoRetryConfig::next_auto_retry) {
                self.id = next.rsplit_once("build/").map_or(next, |(_, id)| id).to_owned();
                self.failed = None;
                return (true, true);
            }
            let failed = *self.failed.get_or_insert(now);
            if retry.is_some_and(has_more) && now - failed < aws.wait(SUCCESSOR) {
                return (true, true);
            }
        }
        let (complete, running) = (view.complete, view.is_running());
        let changed = self.sender.send_if_modified(|last| {
            let same = matches!(last, BuildUpdate::Seen(seen) if **seen == view);
            if !same {
                *last = BuildUpdate::Seen(Arc::new(view));
            }
            !same
        });
        (!complete, running || changed)
    }

    /// CodeBuild does not show the build.
    fn miss(&mut self, aws: &Aws) -> (bool, bool) {
        if self.seen.elapsed() < aws.wait(INVISIBLE) {
            return (true, true);
        }
        let id = self.id.clone();
        self.sender
            .send_replace(BuildUpdate::Lost(AwsError::BuildMissing { id }));
        (false, false)
    }
}

fn has_more(retry: &AutoRetryConfig) -> bool {
    retry.auto_retry_limit().unwrap_or(0) > retry.auto_retry_number().unwrap_or(0)
}

/// Whether the account takes more builds.
#[derive(Default)]
pub(crate) struct Slots {
    short: AtomicBool,
    taken: Mutex<Option<Instant>>,
    line: tokio::sync::Mutex<()>,
    freed: Notify,
}

impl Slots {
    pub(super) fn are_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    pub(super) fn ran_out(&self) {
        self.short.store(true, Ordering::Relaxed);
    }

    pub(super) fn took_one(&self) {
        self.short.store(false, Ordering::Relaxed);
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// When a build has begun last.
    pub(super) fn last_taken(&self) -> Option<Instant> {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn of a caller; ends when it is dropped.
    pub(super) async fn line(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.line.lock().await
    }

    /// Ends when a watched build has ended.
    pub(super) async fn freed(&self) {
        self.freed.notified().await;
    }
}
