//! A private place to build, push and run images in, with everything a user would have and nothing of the machine's own.
//!
//! A *lab* is a set of Linux namespaces in which `123456789012.dkr.ecr.eu-central-1.amazonaws.com`, Docker Hub and their like are real names that
//! lead, over TLS, to an emulator on the loopback address, and in which a real buildkitd or dockerd builds. It has no way to any
//! other network but one: `pypi.org`, `registry.npmjs.org` and other package registries lead to a gateway in the process that
//! started the lab, which reads packages from a store on disk or from the registries that this machine uses, and publishes nothing.
//! When the command that a lab was started for ends, the kernel ends everything in it. Any number of labs can run at once.
//!
//! Two sides use this crate:
//!
//! - **Outside**, [`run_in_lab`] starts a lab around a command; that is all `lab run` does. [`Tools`] is the cache that `cargo xtask setup`
//!   fills with pinned third-party programs and base images.
//! - **Inside**, [`Lab::current`] gives tests and the demo a handle: the [`Builder`] can be stopped, crashed and reset, the [`Emulator`]
//!   counts requests and injects faults, and images that were pushed can be pulled by digest and run by runc, or called as functions
//!   of Lambda, so that "it builds" is proven by an answer of the container.
//!
//! Environment inside a lab: `FASTCONTAINER_LAB` (name of the endpoint), `FASTCONTAINER_LAB_DIR`, `FASTCONTAINER_ECR`,
//! `FASTCONTAINER_EMULATOR` (URL of the admin plane's listener), `FASTCONTAINER_PLAIN_REGISTRY` with `_PLAIN_USER` and `_PLAIN_PASSWORD`,
//! `FASTCONTAINER_SECRETS_PROVIDER` (for `pulumi stack init`), `BUILDKIT_HOST` or `DOCKER_HOST`, `SSL_CERT_FILE`, AWS and Pulumi
//! variables, and a `HOME` of its own.
//!
//! Everything is synchronous; calls that talk to registries may be made from any thread, async runtimes included.

mod blocking;
mod build_image;
mod builder;
mod container;
mod emulator;
mod endpoint;
mod environment;
mod error;
mod gateway;
mod http;
mod images;
mod inside;
mod lab;
mod lambda;
mod launch;
mod process;
mod progress;
mod settings;
mod tools;
mod workspace;

pub use builder::Builder;
pub use container::{ContainerOptions, PulledImage, RunningContainer};
pub use emulator::Emulator;
pub use endpoint::Endpoint;
pub use error::{LabError, Result, render};
pub use images::BaseImage;
pub use inside::run_as_first_process;
pub use lab::{DIRECTORY_VARIABLE, Lab};
pub use lambda::Invocation;
pub use launch::{LabOptions, run_in_lab};
pub use process::{Daemon, tail};
pub use progress::{Activity, say};
pub use settings::{ACCOUNT, ECR_HOST, PLAIN_PASSWORD, PLAIN_USER, REGION};
pub use tools::{Installed, Recipe, Tool, Tools};
pub use workspace::{Profile, build_program, cargo, workspace_root};
