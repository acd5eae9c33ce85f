//! What the operations of one process share by name: answers that are asked for once, locks that one holds at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The operation that waited was cancelled.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// Answers by name, each asked for once.
pub struct OncePerKey<T>(Mutex<HashMap<String, Arc<OnceCell<T>>>>);

impl<T> Default for OncePerKey<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> OncePerKey<T> {
    /// The place of the answer for `key`.
    #[must_use]
    pub fn of(&self, key: &str) -> Arc<OnceCell<T>> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(key.to_owned()).or_default().clone()
    }
}

/// Something held until dropped, and whether it had to be waited for.
pub struct Held<G> {
    _guard: G,
    waited: bool,
}

impl<G> Held<G> {
    /// Whether time has passed since it was asked for.
    #[must_use]
    pub fn waited(&self) -> bool {
        self.waited
    }

    fn at_once(guard: G) -> Self {
        let waited = false;
        Self { _guard: guard, waited }
    }

    fn after_a_wait(guard: G) -> Self {
        let waited = true;
        Self { _guard: guard, waited }
    }
}

/// Mutexes by name, forgotten when nobody holds them.
#[derive(Default)]
pub struct KeyedLocks(Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>);

impl KeyedLocks {
    /// Locks `key`.
    ///
    /// # Errors
    /// When the operation is cancelled first.
    pub async fn lock(&self, key: &str, cancel: &CancellationToken) -> Result<Held<OwnedMutexGuard<()>>, Cancelled> {
        let lock = {
            let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            locks.entry(key.to_owned()).or_default().clone()
        };
        if let Ok(guard) = lock.clone().try_lock_owned() {
            return Ok(Held::at_once(guard));
        }
        tokio::select! {
            guard = lock.lock_owned() => Ok(Held::after_a_wait(guard)),
            () = cancel.cancelled() => Err(Cancelled),
        }
    }
}

/// One of the places that `places` has.
///
/// # Errors
/// When the operation is cancelled first.
pub async fn permit(
    places: Arc<Semaphore>,
    cancel: &CancellationToken,
) -> Result<Held<OwnedSemaphorePermit>, Cancelled> {
    if let Ok(permit) = places.clone().try_acquire_owned() {
        return Ok(Held::at_once(permit));
    }
    tokio::select! {
        permit = places.acquire_owned() => permit.map(Held::after_a_wait).map_err(|_| Cancelled),
        () = cancel.cancelled() => Err(Cancelled),
    }
}
