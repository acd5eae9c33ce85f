//! The provider binary over gRPC, for everything that needs neither a builder nor a registry.
//!
//! One module for each promise of the wire: how the process lives, what it says about itself, and what Check, Diff and
//! the previews answer. Times are upper bounds with a wide margin, never measurements.
#![cfg(test)]

mod check;
mod config;
mod diff;
mod fingerprint;
mod handshake;
mod life;
mod platforms;
mod preview;
mod refusals;
mod secrets;
mod serialiser;
mod sources;
