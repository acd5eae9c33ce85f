//! `cargo xtask demo`: the main job end to end, on real input, in a lab.
//!
//! Outside, the command installs what is missing and opens a lab; inside, it is the Pulumi CLI, a real builder and the
//! project's example services. Any deviation from what is promised makes it fail.

#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "the demo fails loudly: each panic is a broken promise"
)]

mod services;
mod story;
mod table;

use clap::Args;
use fastcontainer_lab::{Endpoint, LabOptions, Profile, build_program, run_in_lab, say};

use crate::setup;
use crate::shell::Outcome;

/// Run the main job end to end: real builds, real `pulumi up`; installs what is missing.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Which builder to use: buildkitd, docker-containerd or docker-classic.
    #[arg(long, default_value = "buildkitd")]
    endpoint: Endpoint,
    /// Set by the command itself inside the lab.
    #[arg(long, hide = true)]
    inside: bool,
}

impl Demo {
    pub(crate) fn run(&self) -> Outcome {
        if self.inside {
            story::tell();
            return Ok(());
        }
        setup::for_demo()?;
        run(self.endpoint)
    }
}

/// Opens a lab with `endpoint` and tells the story in it.
pub(crate) fn run(endpoint: Endpoint) -> Outcome {
    say(&format!("demo on {endpoint}"));
    let command = [
        // Not this program's own file: a build in between may have replaced it.
        build_program("xtask", "xtask", Profile::Debug)?.into_os_string(),
        "demo".into(),
        "--inside".into(),
    ];
    let options = LabOptions {
        endpoint: Some(endpoint),
        plugin: Some(Profile::Debug),
        ..LabOptions::default()
    };
    match run_in_lab(&options, &command)? {
        0 => Ok(()),
        code => Err(format!("the demo failed (exit code {code}); see above").into()),
    }
}
