//! Drives the real Pulumi CLI with real programs inside a lab.
//!
//! A [`Project`] is a throw-away directory with a YAML program and build contexts; a [`Stack`] runs the CLI on it and
//! keeps what it printed. The lab around them is [`lab`].
//!
//! Everything here panics with the CLI's output when something does not go as said: it serves tests and the demo only.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a harness for tests: a panic is a finding"
)]

mod account;
mod aws;
mod caller;
mod checkout;
mod cli;
mod codebuild;
mod farm;
mod knobs;
mod memory;
mod plugin;
mod project;

pub use account::{Identity, Place, policies, policies_with_key};
pub use aws::{aws, try_aws};
pub use caller::Caller;
pub use checkout::Checkout;
pub use cli::{Run, Stack};
pub use codebuild::{CodeBuild, cloudwatch_log, left_of, leftovers, parameters_of};
pub use farm::Farm;
pub use knobs::put_image;
pub use memory::Memory;
pub use plugin::install_plugin;
pub use project::Project;

use std::sync::atomic::{AtomicU16, Ordering};

use fastcontainer_lab::{ContainerOptions, Lab};
use serde_json::Value;

/// The lab that the tests run in.
///
/// # Panics
/// Outside a lab, with the command that opens one.
#[must_use]
pub fn lab() -> Lab {
    Lab::current().unwrap_or_else(|error| panic!("{error}: run this through `cargo xtask test`"))
}

/// A port on the lab's own network for a server of a test. No two calls return the same, and no outgoing connection has it:
/// those get ports of Linux's default range, which begins at 32768.
#[must_use]
pub fn port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Asks the admin plane of the registry look-alike.
pub fn admin(method: &str, path: &str) -> Value {
    lab()
        .emulator()
        .admin(method, path)
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

/// Runs a command in an image and returns what it wrote.
#[must_use]
pub fn run_in_image(reference: &str, command: &[&str]) -> String {
    let arguments = command.iter().map(|&word| word.to_owned()).collect();
    let options = ContainerOptions {
        arguments,
        ..ContainerOptions::default()
    };
    let output = lab()
        .run_image(reference, &options)
        .unwrap_or_else(|error| panic!("{reference}: {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} in {reference}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// What the file of [`Project::with_image`] holds in an image.
#[must_use]
pub fn image_content(reference: &str) -> String {
    run_in_image(reference, &["cat", "/app/src.txt"])
}
