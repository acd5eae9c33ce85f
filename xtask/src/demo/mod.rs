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
    /// Build on AWS CodeBuild, with no builder on this machine.
    #[arg(long, conflicts_with = "endpoint")]
    codebuild: bool,
    /// Set by the command itself inside the lab.
    #[arg(long, hide = true)]
    inside: bool,
}

impl Demo {
    pub(crate) fn run(&self) -> Outcome {
        if self.inside {
            story::tell(self.place());
            return Ok(());
        }
        setup::for_demo()?;
        run(self.place())
    }

    fn place(&self) -> Place {
        match self.codebuild {
            true => Place::CodeBuild,
            false => Place::Here(self.endpoint),
        }
    }
}

/// Where the images are built.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// On a builder of this machine.
    Here(Endpoint),
    /// On AWS CodeBuild; the lab's builder is stopped.
    CodeBuild,
}

/// Opens a lab and tells the story in it.
pub(crate) fn run(place: Place) -> Outcome {
    // Not this program's own file: a build in between may have replaced it.
    let program = build_program("xtask", "xtask", Profile::Debug)?.into_os_string();
    let mut command = vec![program, "demo".into(), "--inside".into()];
    let endpoint = match place {
        Place::Here(endpoint) => {
            say(&format!("demo on {endpoint}"));
            endpoint
        }
        Place::CodeBuild => {
            say("demo on CodeBuild");
            command.push("--codebuild".into());
            Endpoint::Buildkitd
        }
    };
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
