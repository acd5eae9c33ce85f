//! The `lab` program: starts labs, and controls the one it is called in.
//!
//! Reads the command line and renders errors; all work is the library's. Results go to standard output, progress to standard error.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fastcontainer_lab::{
    BaseImage, ContainerOptions, Endpoint, Invocation, Lab, LabOptions, Profile, Result, render, run_as_first_process,
    run_in_lab, say, tail,
};
use secrecy::ExposeSecret;

/// A private place to build, push and run images in.
#[derive(Parser)]
#[command(name = "lab")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start a lab, run a command in it, end it.
    Run(Run),
    /// Run as the first process of a lab's namespaces.
    #[command(hide = true)]
    Inside(Inside),
    /// Control the builder of the lab this is called in.
    Builder {
        #[command(subcommand)]
        action: BuilderAction,
    },
    /// Pull and run images from the lab's registries.
    Image {
        #[command(subcommand)]
        action: ImageAction,
    },
    /// Print a fresh password for user AWS of the lab's ECR.
    EcrPassword,
    /// Write logins for the lab's registries into its Docker configuration.
    Login,
}

#[derive(Args)]
struct Run {
    /// buildkitd, docker-containerd or docker-classic.
    #[arg(long, required_unless_present = "host")]
    endpoint: Option<Endpoint>,
    /// Use the Docker of this machine: no namespaces, no root, a plain registry only.
    #[arg(long, conflicts_with = "endpoint")]
    host: bool,
    /// Folder to use and keep.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Serve the image with compilers too.
    #[arg(long)]
    toolchain: bool,
    /// Install the provider into the lab's Pulumi.
    #[arg(long)]
    plugin: Option<PluginProfile>,
    /// What to run.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

#[derive(Clone, Copy, ValueEnum)]
enum PluginProfile {
    Debug,
    Release,
}

#[derive(Args)]
struct Inside {
    #[arg(long)]
    dir: PathBuf,
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

#[derive(Subcommand)]
enum BuilderAction {
    /// Start it and wait until it answers.
    Start,
    /// Stop it in good order.
    Stop,
    /// End it the way a crash does.
    Kill,
    /// Stop it, forget everything it built, start it.
    Reset,
    /// Print the end of its log.
    Log,
}

#[derive(Subcommand)]
enum ImageAction {
    /// Pull an image; prints its digest.
    Pull { reference: String },
    /// Run an image with runc on the lab's network.
    Run(ImageRun),
    /// End a container started with --detach.
    Stop { id: String },
    /// Call the handler in an image for Lambda; prints what it returns.
    Invoke {
        /// Image, by tag or digest.
        reference: String,
        /// The event, as JSON.
        #[arg(default_value = "{}", value_parser = event)]
        event: serde_json::Value,
    },
    /// Let the lab's registries serve one of the base images, for example `node:22-slim`.
    Serve { name: String },
}

#[derive(Args)]
struct ImageRun {
    /// Leave it running and print its id.
    #[arg(long)]
    detach: bool,
    /// Program in place of the image's entrypoint.
    #[arg(long)]
    entrypoint: Option<String>,
    /// NAME=VALUE on top of the image's variables; may be repeated.
    #[arg(long, value_parser = variable)]
    env: Vec<(String, String)>,
    /// Image, by tag or digest.
    reference: String,
    /// Arguments in place of the image's command.
    #[arg(last = true)]
    arguments: Vec<String>,
}

fn event(text: &str) -> serde_json::Result<serde_json::Value> {
    serde_json::from_str(text)
}

fn variable(text: &str) -> std::result::Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(run) => run_in_lab(&run.options(), &run.command),
        Command::Inside(inside) => run_as_first_process(&inside.dir, &inside.command),
        Command::Builder { action } => control_builder(&action),
        Command::Image { action } => control_image(action),
        Command::EcrPassword => Lab::current()
            .and_then(|lab| lab.ecr_password())
            .map(|password| print(password.expose_secret())),
        Command::Login => Lab::current().and_then(|lab| lab.log_in()).map(|()| 0),
    };
    match outcome {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(error) => {
            say(&format!("lab: {}", render(&error)));
            ExitCode::from(125)
        }
    }
}

impl Run {
    fn options(&self) -> LabOptions {
        LabOptions {
            endpoint: self.endpoint,
            directory: self.dir.clone(),
            toolchain: self.toolchain,
            plugin: self.plugin.map(|profile| match profile {
                PluginProfile::Debug => Profile::Debug,
                PluginProfile::Release => Profile::Release,
            }),
        }
    }
}

fn control_builder(action: &BuilderAction) -> Result<i32> {
    let builder = Lab::current()?.builder()?;
    match action {
        BuilderAction::Start => builder.start()?,
        BuilderAction::Stop => builder.stop(),
        BuilderAction::Kill => builder.kill(),
        BuilderAction::Reset => builder.reset()?,
        BuilderAction::Log => return Ok(print(&tail(&builder.log()))),
    }
    Ok(0)
}

fn control_image(action: ImageAction) -> Result<i32> {
    let lab = Lab::current()?;
    match action {
        ImageAction::Pull { reference } => Ok(print(&lab.pull(&reference)?.digest)),
        ImageAction::Stop { id } => lab.stop_container(&id).map(|()| 0),
        ImageAction::Invoke { reference, event } => Ok(report(&lab.invoke_function(&reference, &event)?)),
        ImageAction::Serve { name } => {
            let image = BaseImage::named(&name)?;
            lab.emulator().seed_base_image(image, lab.tools()).map(|()| 0)
        }
        ImageAction::Run(run) => {
            let options = ContainerOptions {
                entrypoint: run.entrypoint,
                arguments: run.arguments,
                environment: run.env,
            };
            if run.detach {
                return Ok(print(lab.start_image(&run.reference, &options)?.id()));
            }
            Ok(lab.run_image_here(&run.reference, &options)?.status.code().unwrap_or(1))
        }
    }
}

/// Prints what a function returned, or how it failed.
fn report(invocation: &Invocation) -> i32 {
    match invocation {
        Invocation::Returned(value) => print(&value.to_string()),
        Invocation::Failed(error) => {
            say(&format!("the handler failed: {error}"));
            1
        }
        Invocation::NotLoaded(error) => {
            say(&format!("the handler could not be loaded: {error}"));
            1
        }
    }
}

/// Prints a result; a reader that has gone away is no error of ours.
fn print(text: &str) -> i32 {
    let _ = writeln!(std::io::stdout(), "{text}");
    0
}
