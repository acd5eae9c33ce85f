//! Unguessable values: tokens, upload ids, signing keys.
//!
//! Nothing here is derived from time or counters, so no test can come to rely on a predictable token.

/// Returns `length` random bytes as `2 * length` hexadecimal digits.
pub(crate) fn hex(length: usize) -> String {
    let mut bytes = vec![0; length];
    fill(&mut bytes);
    hex::encode(bytes)
}

/// Returns a random 256-bit key.
pub(crate) fn key() -> [u8; 32] {
    let mut bytes = [0; 32];
    fill(&mut bytes);
    bytes
}

#[expect(
    clippy::expect_used,
    reason = "a system without a random source cannot run this program"
)]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the operating system gives random bytes");
}
