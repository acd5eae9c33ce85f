//! `cargo xtask test`: everything that guards a change, from a fresh machine.
//!
//! The order is cheap to expensive: lint, unit tests, fuzz targets, the binary over gRPC, the real CLI on each kind of endpoint, the
//! demo. The last line sums up what all test runners counted.

mod clock;
mod count;
mod labs;
mod programs;

use clap::{Args, ValueEnum};
use fastcontainer_lab::{Endpoint, Profile, build_program};

use crate::demo::{self, Place};
use crate::docs;
use crate::lint::lint;
use crate::sdk;
use crate::setup;
use crate::shell::Outcome;
use clock::Clock;
use count::Count;
use labs::Job;
use programs::Program;

/// Parts of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Suite {
    Lint,
    Unit,
    Fuzz,
    Sdk,
    Docs,
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

/// Packages whose programs are suites of their own.
const SUITES: [&str; 4] = ["docs", "e2e", "sdk", "wire"];

impl Test {
    pub(crate) fn run(self) -> Outcome {
        let (mut clock, mut count) = (Clock::default(), Count::default());
        let wanted = |suite| self.only.is_none_or(|only| only == suite);
        clock.timed("setup", setup::for_tests)?;
        if wanted(Suite::Lint) {
            clock.timed("lint", lint)?;
        }
        let mut programs = Vec::new();
        clock.timed("compiling the tests", || {
            programs = programs::compile()?;
            Ok(())
        })?;
        let mut suite = |name, chosen: &dyn Fn(&Program) -> bool, arguments: &[&str]| {
            let chosen = programs.iter().filter(|program| chosen(program));
            clock.timed(name, || self.run_all(chosen, arguments, &mut count))
        };
        if wanted(Suite::Unit) {
            suite("unit tests", &|program| !program.is_in(&SUITES), &[])?;
        }
        if wanted(Suite::Sdk) {
            suite("the SDKs as packages", &|program| program.is_in(&["sdk"]), &[])?;
        }
        if wanted(Suite::Docs) {
            suite("the documentation", &|program| program.is_in(&["docs"]), &[])?;
        }
        if wanted(Suite::Wire) {
            suite("the binary over gRPC", &|program| program.is_in(&["wire"]), &[])?;
        }
        let has_labs = wanted(Suite::E2e) && is_root();
        if has_labs {
            suite("labs", &|program| program.is_in(&["fastcontainer-lab"]), &["--ignored"])?;
        }
        let mut check = |name, run: fn() -> Outcome| clock.timed(name, || count.one(name, run));
        if wanted(Suite::Sdk) {
            check("the SDKs are current", sdk::current)?;
        }
        if wanted(Suite::Docs) {
            check("the reference is current", docs::current)?;
        }
        if wanted(Suite::Fuzz) {
            let name = "fuzz targets, a short run each";
            clock.timed(name, || count.fuzz(name))?;
        }
        if has_labs {
            clock.timed("the SDKs, installed for programs in labs", || Ok(::sdk::install()?))?;
            clock.timed("programs in labs", || self.in_labs(&programs, &mut count))?;
        }
        if wanted(Suite::Demo) && is_root() {
            let mut check = |name, place| clock.timed(name, || count.one(name, || demo::run(place)));
            check("demo", Place::Here(Endpoint::Buildkitd))?;
            check("demo on CodeBuild", Place::CodeBuild)?;
        }
        if !is_root() {
            count.skip("labs and demos need root for their private namespaces")?;
        }
        clock.sum_up();
        count.close()
    }

    /// Runs programs one after the other, also after a failure.
    fn run_all<'a>(
        &self,
        programs: impl Iterator<Item = &'a Program>,
        arguments: &[&str],
        count: &mut Count,
    ) -> Outcome {
        for program in programs {
            count.of(program, arguments, self.filter.as_deref())?;
        }
        Ok(())
    }

    /// Tests that need a lab with a builder: the BuildKit client, the real CLI, comparisons with BuildKit.
    fn in_labs(&self, programs: &[Program], count: &mut Count) -> Outcome {
        let lab = build_program("fastcontainer-lab", "lab", Profile::Debug)?;
        let programs: Vec<_> = programs.iter().filter(|program| program.needs_lab()).cloned().collect();
        labs::run(&self.jobs(&programs), &lab, self.filter.as_deref(), count)
    }

    /// Every program on every endpoint that is wanted, without those to which an endpoint is nothing new. The first of them
    /// runs every program.
    fn jobs(&self, programs: &[Program]) -> Vec<Job> {
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
const ONE_ENDPOINT: &[&str] = &[
    "codebuild",
    "compilers",
    "engine",
    "install",
    "examples",
    "schema",
    "host_mode",
    "languages",
    "dockerfile_reads",
    "dockerfile_steps",
    "first_step",
    "ignore_files",
    "named_cases",
    "refresh_import",
];

/// Test programs about what a BuildKit of today and one of long ago do differently. Docker with the containerd store has
/// the one that buildkitd has.
const OLD_AND_NEW: &[&str] = &["bad_input", "fingerprint"];

fn is_needed(program: &Program, endpoint: Endpoint) -> bool {
    let name = program.name();
    let new = endpoint == Endpoint::DockerContainerd;
    !(ONE_ENDPOINT.contains(&name) || new && OLD_AND_NEW.contains(&name))
}

/// Whether this process may make namespaces.
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}
