//! What a build is, whether it is needed, and why: pure code without I/O, clock or environment.
//!
//! The image module gathers facts, this module decides and gives its reasons, a backend acts. What was built leaves a
//! [`record`] in the state; the next time [`explain`] compares it with today's content, and [`forecast`] says from which
//! step on a build will run.

pub mod cache;
pub mod content_tag;
pub mod decision;
pub mod explain;
pub mod file_changes;
pub mod fingerprint;
pub mod forecast;
pub mod needs;
pub mod options;
pub mod plan;
pub mod platform_steps;
pub mod reason;
pub mod record;
pub mod secrets;
