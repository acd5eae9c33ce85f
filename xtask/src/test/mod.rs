//! `cargo xtask test`: everything that guards a change, from a fresh machine.
//!
//! The order is cheap to expensive: lint, unit tests, fuzz targets, the binary over gRPC, the real CLI on each kind of endpoint, the
//! demo. The last line sums up what all test runners counted.

mod count;
mod labs;

use std::process::Command;
use std::time::Instant;

use clap::{Args, ValueEnum};
use fastcontainer_lab::{Endpoint, Profile, build_program, cargo, say};
use serde_json::Value;

use crate::demo::{self, Place};
use crate::lint::lint;
use crate::setup;
use crate::shell::{Outcome, output, run};
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
        let mut count = Count::default();
        let wanted = |suite| self.only.is_none_or(|only| only == suite);
        setup::for_tests()?;
        if wanted(Suite::Lint) {
            timed("lint", lint)?;
        }
        if wanted(Suite::Unit) {
            let mut command = cargo_test(&["--workspace", "--exclude", "e2e", "--exclude", "wire"]);
            timed("unit tests", || count.of(command.args(self.filter.iter())))?;
        }
        if wanted(Suite::Fuzz) {
            timed("fuzz targets, a short run each", || count.fuzz())?;
        }
        run(cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
        if wanted(Suite::Wire) {
            let mut command = cargo_test(&["--package", "wire"]);
            timed("the binary over gRPC", || count.of(command.args(self.filter.iter())))?;
        }
        if wanted(Suite::E2e) {
            self.end_to_end(&mut count)?;
        }
        if wanted(Suite::Demo) && is_root() {
            timed("demo", || demo::run(Place::Here(Endpoint::Buildkitd)))?;
            timed("demo on CodeBuild", || demo::run(Place::CodeBuild))?;
            count.passed += 2;
        }
        count.close()
    }

    /// Tests that need a lab: labs themselves, the BuildKit client, the real CLI.
    fn end_to_end(&self, count: &mut Count) -> Outcome {
        if !is_root() {
            return count.skip("end-to-end tests need root for their private namespaces");
        }
        let mut labs = cargo_test(&["--package", "fastcontainer-lab"]);
        timed("labs", || count.of(labs.arg("--ignored").args(self.filter.iter())))?;
        let lab = build_program("fastcontainer-lab", "lab", Profile::Debug)?;
        let programs = [
            test_programs(&["--package", "fastcontainer-buildkit", "--test", "real_endpoints"])?,
            test_programs(&["--package", "e2e", "--test", "*"])?,
            test_programs(&["--package", "conformance", "--test", "*"])?,
        ]
        .concat();
        labs::run(&self.jobs(&programs), &lab, self.filter.as_deref(), count)
    }

    /// Every program on every endpoint that is wanted, without what needs no more than one.
    fn jobs(&self, programs: &[String]) -> Vec<Job> {
        let wanted = |one: &Endpoint| self.endpoint.is_none_or(|only| only == *one);
        let endpoints = Endpoint::ALL.into_iter().filter(wanted).enumerate();
        let mut jobs = Vec::new();
        for (number, endpoint) in endpoints {
            let here = programs
                .iter()
                .filter(|program| number == 0 || !needs_one_endpoint(program));
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
const ONE_ENDPOINT: [&str; 9] = [
    "codebuild",
    "engine",
    "schema",
    "host_mode",
    "dockerfile_reads",
    "dockerfile_steps",
    "first_step",
    "ignore_files",
    "named_cases",
];

fn needs_one_endpoint(program: &str) -> bool {
    ONE_ENDPOINT.contains(&labs::name_of(program))
}

/// Whether this process may make namespaces.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn timed(name: &str, work: impl FnOnce() -> Outcome) -> Outcome {
    say(&format!("== {name}"));
    let started = Instant::now();
    let outcome = work();
    say(&format!("== {name}: {:.0} s", started.elapsed().as_secs_f64()));
    outcome
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
