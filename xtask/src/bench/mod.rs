//! `cargo xtask bench`: what the provider costs, beside what else does the same work on the same machine at the same time.
//!
//! Only ratios of one run mean anything: each figure is the median of several rounds in which both sides take turns. The
//! provider is a release build; beside it stand the provider of `docker-build` resources, `buildctl`, a provider that does
//! nothing, and bare system calls, in a lab with buildkitd. A missed goal is printed and fails nothing: a measurement is
//! not a test.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a measurement that cannot be made ends with what the CLI said"
)]

mod buildctl;
mod check;
mod codebuild;
mod figures;
mod floors;
mod images;
mod monorepo;
mod peer;
mod preview;
mod process;
mod rpc;
mod suite;
mod trees;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use e2e::lab;
use fastcontainer_lab::{Endpoint, LabOptions, Profile, run_in_lab, say};

use crate::setup;
use crate::shell::Outcome;
use suite::Suite;

/// Measure the provider beside others; installs what is missing.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// What to measure.
    #[arg(value_enum, default_value_t = Suite::General)]
    suite: Suite,
    /// Write the figures here as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the parts whose name contains this text only. general: process, preview, images; fingerprint: floors, check,
    /// preview, monorepo; codebuild: builds, upload, sparse.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Set by the command itself inside the lab.
    #[arg(long, hide = true)]
    inside: bool,
}

impl Bench {
    pub(crate) fn run(&self) -> Outcome {
        if self.inside {
            return self.measure();
        }
        setup::for_demo()?;
        if let Err(error) = setup::for_comparison() {
            say(&format!("measuring without the other provider: {error}"));
        }
        self.suite.build_programs()?;
        let options = LabOptions {
            endpoint: Some(Endpoint::Buildkitd),
            plugin: Some(Profile::Release),
            ..LabOptions::default()
        };
        match run_in_lab(&options, &self.command_inside()?)? {
            0 => Ok(()),
            code => Err(format!("the measurements ended early (exit code {code}); see above").into()),
        }
    }

    fn command_inside(&self) -> std::io::Result<Vec<OsString>> {
        let mut command = vec![std::env::current_exe()?.into(), "bench".into(), "--inside".into()];
        command.push(self.suite.to_string().into());
        if let Some(file) = &self.json {
            command.extend(["--json".into(), std::path::absolute(file)?.into()]);
        }
        if let Some(only) = &self.only {
            command.extend(["--only".into(), only.into()]);
        }
        Ok(command)
    }

    fn measure(&self) -> Outcome {
        lab().log_in()?;
        let figures = self.suite.measure(self.only.as_deref());
        if let Some(file) = &self.json {
            std::fs::write(file, figures.json().to_string())?;
        }
        Ok(())
    }
}

/// The type of our resource.
const KIND: &str = "fastcontainer:index:FastContainerImage";

/// The release build of our provider that the lab's Pulumi uses.
fn provider() -> PathBuf {
    let name = format!("resource-fastcontainer-v{}", env!("CARGO_PKG_VERSION"));
    let plugins = lab().pulumi_home().join("plugins");
    plugins.join(name).join("pulumi-resource-fastcontainer")
}
