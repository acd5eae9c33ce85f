//! The way to package registries for programs and RUN steps in a lab, and the only way out of it.
//!
//! `pypi.org`, `registry.npmjs.org` and their like answer over TLS inside a lab as they do outside. A *relay* in the lab hands each
//! connection through a Unix socket to the process that started the lab; there a server with a certificate of the lab's own
//! *authority* answers from a *store* on disk, or asks the registry that this machine's own package managers ask (*upstream*).
//! Nothing but GET and HEAD for the [`NAMES`] gets through; nothing is ever sent in a body.

mod authority;
mod mirrors;
mod relay;
mod server;
mod store;
mod upstream;

pub(crate) use authority::{CERTIFICATE, FILES as AUTHORITY_FILES, create as create_authority};
pub(crate) use relay::start as start_relay;
pub(crate) use server::Gateway;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// The names that lead to the gateway.
pub(crate) const NAMES: &[&str] = &[
    "pypi.org",
    "files.pythonhosted.org",
    "registry.npmjs.org",
    "proxy.golang.org",
    "sum.golang.org",
    "index.crates.io",
    "static.crates.io",
    "repo1.maven.org",
    "repo.maven.apache.org",
];

/// Where they lead to in a lab, and where containers find the name server: builders take loopback addresses for their own.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The socket between the inside and the outside of the lab in `directory`.
pub(crate) fn socket(directory: &Path) -> PathBuf {
    directory.join("run/gateway.sock")
}
