//! A stand-in for AWS as far as container builds need it: ECR, CodeBuild, S3, CloudWatch Logs, SSM, Secrets
//! Manager, KMS, STS; and for the public registries that Dockerfiles name.
//!
//! Tests point the real host names at it and trust its test CA, or talk to its plain listener; nothing in the
//! product needs to know. It is stricter than what it stands for: signatures, checksums and digests are verified,
//! names, ranges and references checked, tokens expire, immutable tags stay; what it does not offer it refuses.
//!
//! [`Server::start`] opens the listeners. A request is classified by its host and path (`route`), counted (`traffic`),
//! possibly spoilt (`faults`, `spoil`) and answered by one of:
//!
//! - `ecr`: the control plane, AWS JSON with Signature Version 4 (`aws`);
//! - `s3`, `logs`, `ssm`, `secrets_manager`, `kms`: the other services, each with its store if it keeps anything;
//! - `codebuild`: projects, and builds that really execute in sandboxes; `dns` leads them to the names of AWS;
//! - `aws`: STS, access keys, denied actions, the JSON protocol;
//! - `registry`: the registry API at ECR, at public registries and at a plain one, and the bucket that ECR's blobs
//!   come from;
//! - `admin`: what a test reads and arranges, only on the plain listener; images enter through `seed`.
//!
//! `store` keeps images and repositories on disk, so that a restart keeps them. Objects, logs, parameters, uploads,
//! tokens, counters and faults end with the process.

mod admin;
mod aws;
mod clock;
mod codebuild;
mod digest;
mod dns;
mod ecr;
mod emulator;
mod faults;
mod kms;
mod logs;
mod manifest;
mod random;
mod registry;
mod reply;
mod route;
mod s3;
mod secrets_manager;
mod seed;
mod server;
mod spoil;
mod ssm;
mod store;
mod tls;
mod traffic;

pub use codebuild::BuildHost;
pub use emulator::Settings;
pub use server::{Addresses, Server, StartError};
pub use tls::TlsError;
