//! Runs many cases on all cores, and says how many.
//!
//! Refuses to stop at the first finding: the number of findings tells a wrong rule from an odd one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Which seeds a run tries.
#[derive(Debug, Clone, Copy)]
pub struct Cases {
    first: u64,
    count: u64,
}

impl Cases {
    /// `count` seeds from 1 on, unless `CONFORMANCE_CASES` and `CONFORMANCE_SEED` say otherwise.
    #[must_use]
    pub fn or(count: u64) -> Self {
        let number = |name: &str| std::env::var(name).ok()?.parse().ok();
        Self {
            first: number("CONFORMANCE_SEED").unwrap_or(1),
            count: number("CONFORMANCE_CASES").unwrap_or(count),
        }
    }

    /// Tries every seed, two at a time for each core: a build waits about as long as it works. The answers come in the
    /// order of the seeds.
    ///
    /// # Panics
    /// When `try_one` does.
    pub fn each<T: Send>(self, try_one: impl Fn(u64) -> T + Sync) -> Vec<T> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        self.on_threads(cores * 2, try_one)
    }

    /// Tries every seed, one after the other: builds at the same time share steps, and then both say that they ran.
    ///
    /// # Panics
    /// When `try_one` does.
    pub fn one_by_one<T: Send>(self, try_one: impl Fn(u64) -> T + Sync) -> Vec<T> {
        self.on_threads(1, try_one)
    }

    fn on_threads<T: Send>(self, threads: usize, try_one: impl Fn(u64) -> T + Sync) -> Vec<T> {
        let next = AtomicU64::new(self.first);
        let answers = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= self.first + self.count {
                            return;
                        }
                        let answer = try_one(seed);
                        answers
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push((seed, answer));
                    }
                });
            }
        });
        let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
        answers.sort_by_key(|(seed, _)| *seed);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }
}
