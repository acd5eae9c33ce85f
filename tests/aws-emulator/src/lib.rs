//! A stand-in for Amazon ECR, for STS, and for the public registries that Dockerfiles name.
//!
//! Tests point the real host names at it and trust its test CA, or talk to its plain listener; nothing in the
//! product needs to know. It is stricter than what it stands for: signatures and digests are verified, names, ranges
//! and references checked, tokens expire, immutable tags stay.
//!
//! [`Server::start`] opens the listeners. A request is classified by its host and path (`route`), counted (`traffic`),
//! possibly spoilt (`faults`) and answered by one of:
//!
//! - `ecr`: the control plane, AWS JSON with Signature Version 4 (`aws`);
//! - `aws`: STS, access keys, denied actions;
//! - `registry`: the registry API at ECR, at public registries and at a plain one, and the bucket that ECR's blobs
//!   come from;
//! - `admin`: what a test reads and arranges, only on the plain listener; images enter through `seed`.
//!
//! `store` keeps contents and repositories on disk, so that a restart keeps the images. Uploads, tokens, counters and
//! faults end with the process.

mod admin;
mod aws;
mod clock;
mod digest;
mod ecr;
mod emulator;
mod faults;
mod manifest;
mod random;
mod registry;
mod reply;
mod route;
mod seed;
mod server;
mod store;
mod tls;
mod traffic;

pub use emulator::Settings;
pub use server::{Addresses, Server, StartError};
pub use tls::TlsError;
