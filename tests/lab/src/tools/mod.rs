//! Third-party tools and base images, kept in one versioned folder of the user's cache.
//!
//! Each tool lives in `<name>-<version>/` and carries a stamp, written last, with its recipe and the SHA-256 of its programs. A tool
//! whose stamp matches is never rebuilt; one that is half-built, damaged or made by another recipe is built anew beside the old one
//! and swapped in. Nothing is installed into the system.

mod catalogue;
mod debian;
mod go;
mod node;
mod python;
mod store;

pub(crate) use catalogue::Source;
pub use catalogue::{Recipe, Tool};
pub(crate) use debian::DebianPackages;
pub(crate) use go::{GoProgram, GoStub};
pub use store::{Installed, Tools};

pub(crate) use store::{CACHE_VARIABLE, sha256_of};
