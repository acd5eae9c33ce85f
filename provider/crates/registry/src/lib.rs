//! Access to OCI registries: what is under a tag or digest, and the writes that we do ourselves: pointing a tag at a
//! manifest, and the index of an image for several platforms.
//!
//! The crate is built from the outside in. A [`Repository`], a [`Tag`] and a [`Digest`] are names that were checked when
//! they were made, so nothing below has to check them again. A [`RegistryClient`] asks questions about such names. It
//! answers with a [`Manifest`] whose bytes were compared with their digest, with a definite "there is none", or with a
//! [`RegistryError`] whose [kind](RegistryErrorKind) says what a caller can do about it. "Cannot tell" is never "there is
//! none": only a registry that speaks the distribution protocol and names the manifest as unknown is believed.
//!
//! Passwords come from a [`CredentialSource`] at the time of use, go to the host that they belong to, over TLS unless the
//! host is this machine, and appear in no message.
//!
//! Layers are none of this crate's business: builders push them. Of blobs only the configuration of an image is read.

mod answer;
mod authorization;
mod challenge;
mod client;
mod credentials;
mod docker_config;
mod error;
mod host;
mod http;
mod index;
mod manifest;
mod reference;
mod repository;
mod request;
mod retry;

pub use client::{Put, RegistryClient};
pub use credentials::{Chain, Credential, CredentialError, CredentialSource, StaticCredentials};
pub use docker_config::DockerConfigCredentials;
pub use error::{Call, Diagnostics, RegistryError, RegistryErrorKind};
pub use host::registry_host;
pub use manifest::{Manifest, ManifestKind};
pub use reference::{Digest, Reference, ReferenceError, Tag};
pub use repository::Repository;
pub use request::Action;
pub use retry::Timing;
