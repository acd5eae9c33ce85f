//! `cargo xtask test`: everything that guards a change, from a fresh machine.
//!
//! The order is cheap to expensive: lint, unit tests, fuzz targets, the binary over gRPC, the real CLI on each kind of endpoint, the
//! demo. The last line sums up what all test runners counted.

mod clock;
mod count;
mod labs;

use std::process::Command;

use clap::{Args, ValueEnum};
use fastcontainer_lab::{Endpoint, Profile, build_program, cargo};
use serde_json::Value;

use crate::demo::{self, Place};
use crate::lint::lint;
use crate::setup;
use crate::shell::{Outcome, output, run};
use clock::Clock;
use count::Count;
use labs::Job;

/// Parts of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    Lint,
    Unit,
    Fuzz,
    Wire,
    E2e,
    Demo,
}

/// Run all tests; installs what they need.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Run one suite only.
    #[arg(long)]
    only: Option<Suite>,
    /// Run end-to-end tests on one kind of endpoint only.
    #[arg(long)]
    endpoint: Option<Endpoint>,
    /// Run only tests whose name contains this text.
    filter: Option<String>,
}

impl Test {
    pub(crate) fn run(self) -> Outcome {
        let (mut clock, mut count) = (Clock::default(), Count::default());
        let wanted = |suite| self.only.is_none_or(|only| only == suite);
        clock.timed("setup", setup::for_tests)?;
        if wanted(Suite::Lint) {
            clock.timed("lint", lint)?;
        }
        if wanted(Suite::Unit) {
            let mut command = cargo_test(&["--workspace", "--exclude", "e2e", "--exclude", "wire"]);
            clock.timed("unit tests", || count.of(command.args(self.filter.iter())))?;
        }
        if wanted(Suite::Fuzz) {
            clock.timed("fuzz targets, a short run each", || count.fuzz())?;
        }
        clock.timed("programs of the tests", build_programs)?;
        if wanted(Suite::Wire) {
            let mut command = cargo_test(&["--package", "wire"]);
            clock.timed("the binary over gRPC", || count.of(command.args(self.filter.iter())))?;
        }
        if wanted(Suite::E2e) {
            self.end_to_end(&mut clock, &mut count)?;
        }
        if wanted(Suite::Demo) && is_root() {
            clock.timed("demo", || demo::run(Place::Here(Endpoint::Buildkitd)))?;
            clock.timed("demo on CodeBuild", || demo::run(Place::CodeBuild))?;
            count.passed += 2;
        }
        clock.sum_up();
        count.close()
    }

    /// Tests that need a lab: labs themselves, the BuildKit client, the real CLI.
    fn end_to_end(&self, clock: &mut Clock, count: &mut Count) -> Outcome {
        if !is_root() {
            return count.skip("end-to-end tests need root for their private namespaces");
        }
        let mut labs = cargo_test(&["--package", "fastcontainer-lab"]);
        clock.timed("labs", || count.of(labs.arg("--ignored").args(self.filter.iter())))?;
        let lab = build_program("fastcontainer-lab", "lab", Profile::Debug)?;
        let programs = [
            test_programs(&["--package", "fastcontainer-buildkit", "--test", "real_endpoints"])?,
            test_programs(&["--package", "e2e", "--test", "*"])?,
            test_programs(&["--package", "conformance", "--test", "*"])?,
        ]
        .concat();
        clock.timed("programs in labs", || {
            labs::run(&self.jobs(&programs), &lab, self.filter.as_deref(), count)
        })
    }

    /// Every program on every endpoint that is wanted, without those to which an endpoint is nothing new. The first of them
    /// runs every program.
    fn jobs(&self, programs: &[String]) -> Vec<Job> {
        let wanted = |one: &Endpoint| self.endpoint.is_none_or(|only| only == *one);
        let endpoints = Endpoint::ALL.into_iter().filter(wanted).enumerate();
        let mut jobs = Vec::new();
        for (number, endpoint) in endpoints {
            let here = programs
                .iter()
                .filter(|program| number == 0 || is_needed(program, endpoint));
            jobs.extend(here.map(|program| Job {
                endpoint,
                program: program.clone(),
            }));
        }
        jobs
    }
}

/// Test programs about the engine, the schema and the lab, where one kind of builder is as good as another, and those
/// that compare with BuildKit as it is today.
const ONE_ENDPOINT: [&str; 10] = [
    "codebuild",
    "engine",
    "schema",
    "host_mode",
    "dockerfile_reads",
    "dockerfile_steps",
    "first_step",
    "ignore_files",
    "named_cases",
    "refresh_import",
];

/// Test programs about what a BuildKit of today and one of long ago do differently. Docker with the containerd store has
/// the one that buildkitd has.
const OLD_AND_NEW: [&str; 3] = ["bad_input", "compilers", "fingerprint"];

fn is_needed(program: &str, endpoint: Endpoint) -> bool {
    let name = labs::name_of(program);
    let new = endpoint == Endpoint::DockerContainerd;
    !(ONE_ENDPOINT.contains(&name) || new && OLD_AND_NEW.contains(&name))
}

/// Whether this process may make namespaces.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn build_programs() -> Outcome {
    run(cargo().args(["build", "--quiet", "--workspace", "--bins"]))
}

fn cargo_test(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command
        .args(["test", "--quiet", "--all-targets"])
        .args(arguments)
        .arg("--");
    command
}

/// The compiled test programs that cargo selects by `arguments`.
fn test_programs(arguments: &[&str]) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let messages = output(
        cargo()
            .args(["test", "--no-run", "--message-format", "json"])
            .args(arguments),
    )?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let tests = messages.filter(|message| message["profile"]["test"] == true);
    Ok(tests
        .filter_map(|message| message["executable"].as_str().map(str::to_owned))
        .collect())
}
