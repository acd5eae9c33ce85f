//! Which backend builds an image: the only place that chooses.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastcontainer_buildkit::{Endpoint, Environment, ResolvedAddress, connect, resolve};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::buildkit::BuildKit;
use super::{BackendError, BuildBackend};
use crate::registries::Registries;

/// No endpoint at all is reported in less than two seconds.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1500);

/// The endpoints that this process has met, each connected once.
pub struct Endpoints {
    registries: Arc<Registries>,
    records: PathBuf,
    connected: Mutex<HashMap<String, Arc<OnceCell<Arc<Endpoint>>>>>,
}

impl Endpoints {
    /// Endpoints whose send records live in `records`.
    #[must_use]
    pub fn new(registries: Arc<Registries>, records: PathBuf) -> Self {
        Self {
            registries,
            records,
            connected: Mutex::default(),
        }
    }

    /// Chooses the builder; nothing is contacted.
    ///
    /// # Errors
    /// When an address cannot be used.
    pub fn select(self: &Arc<Self>, address: Option<&str>) -> Result<Builder, BackendError> {
        let resolved = resolve(address, &Environment::of_this_process())?;
        Ok(Builder {
            endpoints: self.clone(),
            resolved,
        })
    }
}

/// A chosen builder that may not have been contacted yet.
pub struct Builder {
    endpoints: Arc<Endpoints>,
    resolved: ResolvedAddress,
}

impl Builder {
    /// Where it is.
    #[must_use]
    pub fn address(&self) -> String {
        self.resolved.address.to_string()
    }

    /// Contacts it, once per process. A failed attempt is tried again by the next image.
    ///
    /// # Errors
    /// When nothing answers there.
    pub async fn connect(&self, cancel: &CancellationToken) -> Result<Arc<dyn BuildBackend>, BackendError> {
        let cell = {
            let mut connected = self.endpoints.connected.lock().unwrap_or_else(PoisonError::into_inner);
            connected.entry(self.address()).or_default().clone()
        };
        let connecting =
            cell.get_or_try_init(|| async { connect(&self.resolved, CONNECT_TIMEOUT).await.map(Arc::new) });
        let endpoint = tokio::select! {
            endpoint = connecting => endpoint?.clone(),
            () = cancel.cancelled() => return Err(BackendError::Cancelled),
        };
        Ok(Arc::new(BuildKit::new(
            endpoint,
            self.endpoints.registries.clone(),
            self.endpoints.records.clone(),
        )))
    }
}
