//! Differential tests: what the crates say about ignore files and Dockerfiles, against what the real BuildKit does.
//!
//! A seed makes a case, `buildctl` builds it on the lab's daemon with the daemon's own Dockerfile frontend and the
//! client's own matcher, and the exported file system is the truth. A case is small, so a failure is shrunk to a few
//! lines before it is reported, with the seed that makes it again.
//!
//! `CONFORMANCE_CASES` sets how many cases a run tries, `CONFORMANCE_SEED` the first seed. Refuses to run outside a
//! lab: the machine's own builders are not ours to use.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a harness for tests: a panic is a finding"
)]

mod builder;
mod chance;
pub mod ignore;
mod listing;
pub mod reads;
mod report;
mod run;
mod tree;

pub use builder::{Built, Order};
pub use chance::Chance;
pub use listing::{Item, Listing};
pub use report::{Origin, Report};
pub use run::Cases;
pub use tree::{Node, Tree};
