//! One RPC about one resource: who it is, whom it tells, how it ends early.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::reporter::Reporter;
use crate::session::Session;
use crate::urn::Urn;

/// What every step of an operation needs.
#[derive(Clone)]
pub struct Operation {
    /// The resource.
    pub urn: Urn,
    /// Where its messages go.
    pub reporter: Arc<dyn Reporter>,
    /// Ends the operation early.
    pub cancel: CancellationToken,
    /// Settings, clients and shared state of the process.
    pub session: Arc<Session>,
}

impl Operation {
    /// Ends the operation after `seconds`; zero means that the user set no time-out.
    #[must_use]
    pub fn with_timeout(self, seconds: f64) -> Self {
        if seconds > 0.0 {
            let (cancel, timeout) = (self.cancel.child_token(), Duration::from_secs_f64(seconds.min(1e9)));
            let late = cancel.clone();
            tokio::spawn(async move {
                if tokio::time::timeout(timeout, late.cancelled()).await.is_err() {
                    late.cancel();
                }
            });
            return Self { cancel, ..self };
        }
        self
    }
}
