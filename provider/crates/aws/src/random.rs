//! Random numbers: names that nobody else has, and waiting times that do not march in step.
//!
//! From the system's source, so that two processes that start together differ.

use std::time::Duration;

/// A number that nobody guesses and nobody else draws, as 32 hexadecimal digits.
pub(crate) fn token() -> String {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    hex::encode(bytes)
}

/// Anything between nothing and `most`.
pub(crate) fn up_to(most: Duration) -> Duration {
    let mut bytes = [0; 4];
    fill(&mut bytes);
    most.mul_f64(f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX))
}

/// Without the system's source, the clock and the process have to do.
fn fill(bytes: &mut [u8]) {
    if getrandom::fill(bytes).is_ok() {
        return;
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let seed = now.map_or(0, |time| time.as_nanos()) ^ (u128::from(std::process::id()) << 64);
    for (byte, from) in bytes.iter_mut().zip(seed.to_le_bytes()) {
        *byte = from;
    }
}
