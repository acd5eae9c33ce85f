//! Programs in Node.js, Python, Go and Java with the SDKs of this checkout, installed as packages: previewed, built for real, left
//! alone when nothing changed, and destroyed. And what a user reads when program, SDK and plugin do not fit together.
//!
//! The programs are the examples that the documentation of the SDKs shows.

#![expect(clippy::expect_used, reason = "tests: a panic is a finding")]

mod automation;
mod foreign_plugins;
mod lifecycles;
mod other_versions;
mod program;
mod wrong_types;
