//! The wildcards of one name, for those who match names outside an ignore file.
//!
//! Responsible for the same bounded matching that patterns of ignore files get. Refuses names that hold what the
//! daemon's matcher reads as something else than a wildcard.

use super::glob::compile;
use super::program::Program;

/// A name with wildcards, compiled.
#[derive(Debug)]
pub(crate) struct Wildcards(Program);

impl Wildcards {
    /// None if it is invalid or not modelled.
    pub(crate) fn compile(name: &str) -> Option<Self> {
        compile(name).ok().map(Self)
    }

    /// Whether the whole name matches.
    pub(crate) fn matches(&self, name: &[u8]) -> bool {
        self.0.matches(name)
    }
}
