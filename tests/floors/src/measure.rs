//! The measures: which two things take turns, and what is printed about them.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use fastcontainer_build_context::StatCache;
use serde_json::json;
use tempfile::TempDir;

use crate::check::{check, files};
use crate::plain::{Work, tour};

const ROUNDS: usize = 15;

type Attempt<T> = Result<T, Box<dyn Error>>;

/// Prints all measures of `tree`.
pub(crate) fn all(tree: &Path) -> Attempt<()> {
    let stored = TempDir::new()?;
    let cache = StatCache::new(stored.path());
    let (ours, plain) = (files(tree, &cache)?, tour(tree, Work::Stat)?);
    if ours as u64 != plain.files {
        return Err(format!("a check covers {ours} files, but there are {}", plain.files).into());
    }
    cache.persist();
    let stat = || tour(tree, Work::Stat).map(drop).map_err(Into::into);
    let hash = || tour(tree, Work::Hash).map(drop).map_err(Into::into);
    compare("warm", || timed(|| Ok(check(tree, &cache)?)), || timed(stat))?;
    let from_disk = || {
        let cache = StatCache::new(stored.path());
        timed(|| Ok(check(tree, &cache)?))
    };
    compare("warm, cache read from disk", from_disk, || timed(stat))?;
    let cold = || {
        let empty = TempDir::new()?;
        let cache = StatCache::new(empty.path());
        timed(|| Ok(check(tree, &cache)?))
    };
    compare("cold", cold, || timed(hash))
}

/// Lets two sides take turns, after one turn each that does not count, and prints their medians.
fn compare(
    measure: &str,
    mut ours: impl FnMut() -> Attempt<f64>,
    mut beside: impl FnMut() -> Attempt<f64>,
) -> Attempt<()> {
    ours()?;
    beside()?;
    let (mut our_times, mut other_times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        our_times.push(ours()?);
        other_times.push(beside()?);
    }
    let line = json!({
        "measure": measure, "ours": median(our_times), "beside": median(other_times), "rounds": ROUNDS,
    });
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}

/// Milliseconds that `work` takes.
fn timed<T>(work: impl FnOnce() -> Attempt<T>) -> Attempt<f64> {
    let begun = Instant::now();
    let done = work()?;
    let milliseconds = begun.elapsed().as_secs_f64() * 1000.0;
    drop(done);
    Ok(milliseconds)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
