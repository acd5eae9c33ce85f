//! `cargo xtask`: the commands of this project's developers.
//!
//! Each command is a module of its own; this file only reads the command line and renders what went wrong. What a command shares with
//! the end-to-end tests (tools, base images, labs) is in the crate `fastcontainer-lab`.

mod bench;
mod demo;
mod dist;
mod docs;
mod fuzz;
mod lint;
mod sdk;
mod setup;
mod shell;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fastcontainer_lab::{render, say};

/// Developer commands of pulumi-fastcontainer.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install tools and base images for tests and demo into the user's cache; whatever is there stays.
    Setup(setup::Setup),
    Demo(demo::Demo),
    Bench(bench::Bench),
    /// Everything about the code that a machine can judge.
    Lint,
    Test(test::Test),
    Fuzz(fuzz::Fuzz),
    Sdk(sdk::Sdk),
    Dist(dist::Dist),
    Docs(docs::Docs),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Setup(setup) => setup.run(),
        Command::Demo(demo) => demo.run(),
        Command::Bench(bench) => bench.run(),
        Command::Lint => lint::lint(),
        Command::Test(test) => test.run(),
        Command::Fuzz(fuzz) => fuzz.run(),
        Command::Sdk(sdk) => sdk.run(),
        Command::Dist(dist) => dist.run(),
        Command::Docs(docs) => docs.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("error: {}", render(error.as_ref())));
            ExitCode::FAILURE
        }
    }
}
