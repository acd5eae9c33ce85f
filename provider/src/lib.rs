//! `pulumi-resource-fastcontainer`: container images declared in Pulumi programs, rebuilt only when their content changed.
//!
//! Layers, arrows point down only:
//!
//! ```text
//! main · rpc                     the gRPC edge: decode, delegate, render errors
//! image · functions · config     the resource: gather → decide → act
//! session · registries           composition: clients, locks, build slots
//! base_images                    what tags of base images point at, once per process
//! backend                        who builds
//! planning                       what a build is, whether and why it is needed (pure)
//! ```
//!
//! Start reading in `image::lifecycle`, which lists what the engine calls.

pub mod backend;
pub mod base_images;
pub mod command_line;
pub mod config;
pub mod functions;
pub mod image;
pub mod planning;
pub mod registries;
pub mod report;
pub mod reporter;
pub mod rpc;
pub mod schema;
pub mod session;
pub mod sharing;
pub mod untrusted;
pub mod urn;
