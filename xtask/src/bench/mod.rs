//! `cargo xtask bench`: what the provider costs, beside what else does the same work on the same machine at the same time.
//!
//! Only ratios of one run mean anything: each figure is the median of several rounds in which both sides take turns. The
//! provider is a release build; beside it stand the provider of `docker-build` resources and `buildctl`, in a lab with
//! buildkitd. A missed goal is printed and fails nothing: a measurement is not a test.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a measurement that cannot be made ends with what the CLI said"
)]

mod buildctl;
mod figures;
mod images;
mod preview;
mod process;
mod trees;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;
use e2e::lab;
use fastcontainer_lab::{Endpoint, LabOptions, Profile, Tool, run_in_lab, say};

use crate::setup;
use crate::shell::Outcome;
use figures::Figures;

/// Measure start, memory, previews and builds beside others; installs what is missing.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Write the figures here as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure the parts whose name contains this text only: process, preview, images.
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
        if let Some(file) = &self.json {
            command.extend(["--json".into(), std::path::absolute(file)?.into()]);
        }
        if let Some(only) = &self.only {
            command.extend(["--only".into(), only.into()]);
        }
        Ok(command)
    }

    fn measure(&self) -> Outcome {
        let mut figures = Figures::default();
        let wanted = |part: &str| self.only.as_deref().is_none_or(|only| part.contains(only));
        lab().log_in()?;
        if wanted("process") {
            process::measure(&mut figures);
        }
        if wanted("preview") {
            preview::measure(&mut figures);
        }
        if wanted("images") {
            images::measure(&mut figures);
        }
        figures.print();
        if let Some(file) = &self.json {
            std::fs::write(file, figures.json().to_string())?;
        }
        Ok(())
    }
}

/// The other provider's program, when it could be installed.
fn peer() -> Option<PathBuf> {
    let folder = lab().tools().require(Tool::DockerBuildPeer).ok()?;
    Some(folder.join("pulumi-resource-docker-build"))
}
