//! What a build is, whether it is needed, and why: pure code without I/O, clock or environment.
//!
//! The image module gathers facts, this module decides and gives its reasons, a backend acts.

pub mod content_tag;
pub mod decision;
pub mod fingerprint;
pub mod options;
pub mod plan;
pub mod reason;
