//! One RPC about one resource: who it is, whom it tells, how it ends early.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic::Code;

use super::content::{Content, Reading};
use super::error::ImageError;
use super::inputs::ImageInputs;
use crate::report::Report;
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
    /// Set when the user's time-out has ended the operation.
    pub timed_out: Arc<AtomicBool>,
}

impl Operation {
    /// Ends the operation after `seconds`; zero means that the user set no time-out.
    #[must_use]
    pub fn with_timeout(self, seconds: f64) -> Self {
        if seconds <= 0.0 {
            return self;
        }
        let (cancel, flag) = (self.cancel.child_token(), self.timed_out.clone());
        let (ended, late) = (cancel.clone(), Duration::from_secs_f64(seconds.min(1e9)));
        tokio::spawn(async move {
            if tokio::time::timeout(late, ended.cancelled()).await.is_err() {
                flag.store(true, Ordering::Relaxed);
                ended.cancel();
            }
        });
        Self { cancel, ..self }
    }

    /// Reads content from disk with what is known of its stats.
    #[must_use]
    pub fn reading(&self) -> Reading<'_> {
        Reading {
            stats: &self.session.stats,
            cancel: &self.cancel,
        }
    }

    /// The content that `inputs` name, read off the disk on a thread that may block.
    ///
    /// # Errors
    /// Everything that is wrong on disk, or the cancellation.
    pub async fn gather(&self, inputs: &ImageInputs) -> Result<Content, ImageError> {
        let (op, inputs) = (self.clone(), inputs.clone());
        let gathered = tokio::task::spawn_blocking(move || op.reading().gather(&inputs)).await;
        Ok(gathered.map_err(|_| ImageError::Cancelled)??)
    }

    /// What to say about `error`: a cancellation by the user's time-out is told apart from one by the user.
    #[must_use]
    pub fn report(&self, error: &ImageError) -> Report {
        if error.is_cancelled() && self.timed_out.load(Ordering::Relaxed) {
            return Report::say(Code::DeadlineExceeded, "the operation took longer than its time-out")
                .hint("raise `customTimeouts` of the resource");
        }
        Report::from(error)
    }
}
