//! What the documentation of this repository is made of: pages, their blocks of code, their links, and the sentences of the
//! provider's sources that they quote.
//!
//! Reads files and takes them apart. Refuses to judge: what a block has to satisfy is said by the tests of this package.

#![expect(clippy::panic, reason = "a harness for tests: a panic is a finding")]

mod markdown;
mod page;
mod sentences;

pub use markdown::{Block, Link, anchors, blocks, code_spans, links, prose};
pub use page::{Page, files, pages};
pub use sentences::{Sentences, literals};
