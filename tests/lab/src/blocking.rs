//! The bridge from this crate's synchronous interface to asynchronous clients.
//!
//! Tests and commands call the lab from anywhere, an async runtime included; so each future gets a thread and a runtime of its own and
//! the caller waits. Not for anything that must be fast.

use std::future::Future;
use std::path::Path;

use crate::error::{LabError, Result, cannot};

/// Runs a future to its end on a new thread with a runtime of its own.
pub(crate) fn on_own_thread<T: Send, E: Send + From<LabError>>(
    future: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E> {
    let run = || -> Result<T, E> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map_err(cannot("start", Path::new("async runtime")))?
            .block_on(future)
    };
    std::thread::scope(|scope| scope.spawn(run).join())
        .unwrap_or_else(|_| Err(LabError::malformed("a background task", "it panicked").into()))
}
