//! Drives the real provider binary over gRPC, as the Pulumi engine does, without the CLI.
//!
//! [`Engine`] is the engine's side: a log service that remembers what it was told. [`Provider`] is the process: started
//! with that engine's address, known by the port on its standard output, killed on drop. [`Image`] names one
//! `FastContainerImage` and makes its requests; answers come back as property values.
//!
//! Refuses to be kinder than an engine: requests carry what an engine sends, and nothing is retried. No builder and no
//! registry is started here. The binary comes from `FASTCONTAINER_PROVIDER`, else from `target/debug`.

mod engine;
mod image;
mod process;

use std::path::PathBuf;

pub use engine::Engine;
pub use image::{Checked, Diffed, Image, bag};
pub use process::{Options, Provider, provider_binary};

/// What can go wrong in the harness itself.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// There is no provider binary to test.
    #[error("no provider at `{}`; build it with `cargo build -p pulumi-resource-fastcontainer`", path.display())]
    NoProvider {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A socket, file or process failed.
    #[error("input or output failed")]
    Io(#[from] std::io::Error),
    /// The provider's first line is not a port.
    #[error("the provider announced `{line}` instead of a port; standard error: {stderr}")]
    NoPort {
        /// What it wrote.
        line: String,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The provider cannot be reached at its port.
    #[error("the provider does not answer at its port")]
    Unreachable(#[from] tonic::transport::Error),
    /// The provider answered something that is no property bag.
    #[error("the provider answered with malformed properties")]
    Malformed(#[from] fastcontainer_property::wire::WireError),
    /// The provider refused the call.
    #[error("the provider refused: {0}")]
    Refused(Box<tonic::Status>),
}

impl From<tonic::Status> for HarnessError {
    fn from(status: tonic::Status) -> Self {
        Self::Refused(Box::new(status))
    }
}

impl HarnessError {
    /// The gRPC status, if the provider refused the call.
    pub fn status(&self) -> Option<&tonic::Status> {
        match self {
            Self::Refused(status) => Some(status),
            _ => None,
        }
    }
}
