//! What a test turns and asks, below `/_admin/codebuild/`.
//!
//! | request | does |
//! |---|---|
//! | `GET knobs`, `PUT knobs[?project=NAME]` | read, replace (JSON body; members left out get their defaults) |
//! | `GET faults`, `POST faults`, `DELETE faults` | list, order, cancel trouble of builds |
//! | `GET builds[?project=NAME]` | every build with status, phase and description, whether visible or not |
//!
//! A project with knobs of its own is limited by itself, so that tests side by side do not meet in one queue.

use http::request::Parts;
use hyper::body::Incoming;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::state::{BuildFault, Knobs};
use crate::emulator::Emulator;
use crate::reply::{self, BodyRefused};

const PREFIX: &str = "/_admin/codebuild/";

/// Why a knob was not turned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KnobError {
    #[error("no such request; see the documentation of the admin plane")]
    Unknown,
    #[error("`{0}` is out of range")]
    Range(&'static str),
    #[error(transparent)]
    Body(#[from] BodyRefused),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Tells whether a path of the admin plane is one of these.
pub(crate) fn is_admin_path(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// Answers a request of the admin plane.
pub(crate) async fn answer(emulator: &Emulator, parts: &Parts, body: Incoming) -> Result<Value, KnobError> {
    let body = reply::read(body, 1024 * 1024).await?;
    let path = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let mut state = emulator.codebuild.lock();
    match (parts.method.as_str(), path) {
        ("GET", "knobs") => {
            let name = project(parts).unwrap_or_default();
            return Ok(json!(state.knobs_of(&name)));
        }
        ("PUT", "knobs") => {
            let knobs: Knobs = serde_json::from_slice(&body)?;
            if !(knobs.time_scale > 0.0 && knobs.time_scale <= 100.0) {
                return Err(KnobError::Range("time_scale"));
            }
            if !knobs
                .fixed
                .as_ref()
                .is_none_or(|fixed| (0.0..1e6).contains(&fixed.seconds))
            {
                return Err(KnobError::Range("fixed.seconds"));
            }
            match project(parts) {
                Some(name) => drop(state.knobs_of_projects.insert(name, knobs)),
                None => state.knobs = knobs,
            }
            emulator.codebuild.changed.notify_waiters();
        }
        ("GET", "faults") => return Ok(json!({ "faults": state.faults })),
        ("POST", "faults") => state.faults.push(serde_json::from_slice::<BuildFault>(&body)?),
        ("DELETE", "faults") => state.faults.clear(),
        ("GET", "builds") => {
            let project = project(parts);
            let wanted = |build: &&super::Build| project.as_ref().is_none_or(|name| build.project == *name);
            let builds: Vec<_> = state
                .builds
                .values()
                .filter(wanted)
                .map(super::Build::describe)
                .collect();
            return Ok(json!({"builds": builds, "running": state.running, "queued": state.queue}));
        }
        _ => return Err(KnobError::Unknown),
    }
    Ok(json!({}))
}

/// Whose knobs are meant, if not everybody's.
fn project(parts: &Parts) -> Option<String> {
    let mut query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    query
        .find(|(name, _)| name == "project")
        .map(|(_, value)| value.into_owned())
}
