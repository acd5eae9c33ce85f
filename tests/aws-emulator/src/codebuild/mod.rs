//! CodeBuild: projects and builds that really execute their buildspecs.
//!
//! Control plane: `projects`, `start`, `builds` over one `state`; `configuration` knows what may be asked for, `record`
//! what is answered. A build is a task (`lifecycle`) that waits in the queue, gets a machine (`machine`: a `sandbox`
//! with credentials, names and perhaps Docker), runs the phases of its `buildspec` (`phases`, `script`) with its
//! `variables` and writes its log (`output`). `knobs` is what a test turns. Not offered: sources but NO_SOURCE, batches,
//! reports, webhooks, artifacts, caches, fleets as more than a name. Follows the API model `CodeBuild_20161006`.

mod builds;
mod buildspec;
mod configuration;
mod error;
mod knobs;
mod lifecycle;
mod machine;
mod output;
mod phases;
mod projects;
mod record;
mod sandbox;
mod script;
mod start;
mod state;
mod variables;

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use http::request::Parts;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use error::CodeBuildError;
pub(crate) use knobs::{KnobError, answer as answer_admin, is_admin_path};
pub(crate) use machine::{CREDENTIALS, answer_credentials};
use record::Build;
pub use sandbox::BuildHost;
use state::State;

use crate::aws::{CallError, Caller, Identity, JsonService};
use crate::emulator::Emulator;
use crate::reply::Reply;

/// How CodeBuild is spoken to.
pub(crate) const SERVICE: JsonService = JsonService {
    name: "codebuild",
    target_prefix: "CodeBuild_20161006.",
    longest_request: 1024 * 1024,
};

/// How builds reach the emulator.
pub(crate) struct Entrance {
    /// The plain listener.
    pub(crate) http: Option<SocketAddr>,
    /// What serves TLS.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Names that builds know besides those of AWS; their addresses answer builds on port 443.
    pub(crate) names: HashMap<String, Ipv4Addr>,
}

impl Entrance {
    /// The addresses of the names, each once; loopback addresses are the emulator's in every build.
    fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        let all = self.names.values().copied();
        all.filter(|address| !address.is_loopback()).collect()
    }
}

/// State of the service.
pub(crate) struct CodeBuild {
    state: Mutex<State>,
    /// Something about the queue has changed.
    changed: Notify,
    /// Ends every build.
    ending: CancellationToken,
    entrance: OnceLock<Entrance>,
    host: BuildHost,
    /// Folder of the builds' files.
    work: PathBuf,
    /// Whose credentials a path hands out.
    roles: Mutex<HashMap<String, Identity>>,
}

impl CodeBuild {
    /// Builds run on `host`, with their files below `work`, until `ending`.
    pub(crate) fn new(host: BuildHost, work: PathBuf, ending: CancellationToken) -> Self {
        Self {
            state: Mutex::default(),
            changed: Notify::new(),
            ending,
            entrance: OnceLock::new(),
            host,
            work,
            roles: Mutex::default(),
        }
    }

    /// Says how builds reach the emulator, once that is known.
    pub(crate) fn open_to(&self, entrance: Entrance) {
        // Told twice, the first stays true: listeners do not move.
        let _ = self.entrance.set(entrance);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes a build that is not complete; tells whether it was one.
    fn change(&self, id: &str, change: impl FnOnce(&mut Build)) -> bool {
        let mut state = self.lock();
        let build = state.builds.get_mut(id).filter(|build| !build.is_complete());
        build.map(change).is_some()
    }
}

/// Answers a request for `operation` that was sent to `host`.
pub(crate) async fn answer(emulator: &Arc<Emulator>, request: (&Parts, Incoming), call: (&str, &str)) -> Reply {
    let operate = |caller: &Caller<'_>, operation: &str, body: &[u8]| operate(emulator, caller, (operation, body));
    SERVICE.answer(emulator, request, call, operate).await
}

fn operate(emulator: &Arc<Emulator>, caller: &Caller<'_>, call: (&str, &[u8])) -> Result<Value, CodeBuildError> {
    let codebuild = &emulator.codebuild;
    let (operation, body) = call;
    let mut state = codebuild.lock();
    match operation {
        "CreateProject" => projects::create(caller, &mut state.projects, body),
        "UpdateProject" => projects::update(caller, &mut state.projects, body),
        "DeleteProject" => projects::delete(caller, &mut state.projects, body),
        "BatchGetProjects" => projects::batch_get(caller, &state.projects, body),
        "ListProjects" => projects::list(caller, &state.projects),
        "StartBuild" => {
            let (answer, new) = start::start(caller, &mut state, (body, &codebuild.ending))?;
            if let Some(id) = new {
                tokio::spawn(lifecycle::live(Arc::clone(emulator), id));
            }
            Ok(answer)
        }
        "BatchGetBuilds" => builds::batch_get(caller, &state, body),
        "StopBuild" => builds::stop(caller, &mut state, body),
        "ListBuildsForProject" => builds::list(caller, &state, body),
        "BatchDeleteBuilds" => builds::batch_delete(caller, &mut state, body),
        _ => Err(CallError::UnknownOperation.into()),
    }
}
