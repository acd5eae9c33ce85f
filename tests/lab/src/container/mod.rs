//! Runs images from a lab's registries, to prove that what was built really works.
//!
//! An image is pulled anew for every container (by tag or digest, with the login its registry wants), unpacked layer by layer and run
//! by Debian's runc on the lab's own network. No builder and no image store of a daemon takes part, so a builder cannot vouch
//! for itself.

mod bundle;
mod config;
mod layers;
mod pull;

pub use bundle::{ContainerOptions, RunningContainer};
pub use pull::PulledImage;

pub(crate) use bundle::{Place, run, start, stop};
pub(crate) use pull::{Login, ecr_password, manifest, pull};
