//! Containers: a bundle folder per container, run in the foreground or left running in the background.
//!
//! A container in the background is known by its id, a name in the lab's folder; any process of the lab can stop it. Nothing outlives
//! the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::container::config::runtime_config;
use crate::container::layers;
use crate::container::pull::PulledImage;
use crate::error::{LabError, Result, cannot};
use crate::process::{Daemon, capture, not_started, tail};
use crate::tools::Tools;

/// What to run instead of what the image says.
#[derive(Debug, Clone, Default)]
pub struct ContainerOptions {
    /// Program to run in place of the image's entrypoint.
    pub entrypoint: Option<String>,
    /// Arguments in place of the image's command.
    pub arguments: Vec<String>,
    /// Variables on top of the image's.
    pub environment: Vec<(String, String)>,
}

/// A container in the background.
#[derive(Debug)]
pub struct RunningContainer {
    id: String,
    directory: PathBuf,
    tools: Tools,
}

/// Where containers of one lab live.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) directory: &'a Path,
    pub(crate) tools: &'a Tools,
    pub(crate) cgroup: &'a str,
}

impl RunningContainer {
    /// The handle that `lab image stop` takes.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The last lines that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        tail(daemon(&self.id, &self.directory).log())
    }

    /// True while its process lives.
    #[must_use]
    pub fn is_running(&self) -> bool {
        daemon(&self.id, &self.directory).pid().is_some()
    }

    /// Ends it and removes its files.
    ///
    /// # Errors
    /// When its files cannot be removed.
    pub fn stop(self) -> Result<()> {
        stop(&self.id, &self.directory, &self.tools)
    }
}

/// Runs an image to its end. Output is captured, or goes to the caller's own with `inherit`.
pub(crate) fn run(place: Place<'_>, image: &PulledImage, options: &ContainerOptions, inherit: bool) -> Result<Output> {
    let id = create(place, image, options)?;
    let mut command = runc(place.tools, place.directory)?;
    command
        .args(["run", "--bundle"])
        .arg(bundle(&id, place.directory))
        .arg(&id)
        .stdin(Stdio::null());
    if inherit {
        command
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit());
    }
    let output = command.output().map_err(not_started(&command));
    stop(&id, place.directory, place.tools)?;
    output
}

/// Starts an image in the background.
pub(crate) fn start(place: Place<'_>, image: &PulledImage, options: &ContainerOptions) -> Result<RunningContainer> {
    let id = create(place, image, options)?;
    let mut command = runc(place.tools, place.directory)?;
    command
        .args(["run", "--bundle"])
        .arg(bundle(&id, place.directory))
        .arg(&id);
    daemon(&id, place.directory).start(&mut command)?;
    Ok(RunningContainer {
        id,
        directory: place.directory.to_owned(),
        tools: place.tools.clone(),
    })
}

/// Ends a container and removes its files.
pub(crate) fn stop(id: &str, directory: &Path, tools: &Tools) -> Result<()> {
    let bundle = bundle(id, directory);
    if !id.chars().all(char::is_alphanumeric) || !bundle.is_dir() {
        return Err(LabError::missing(
            format!("container `{id}`"),
            "it was never started here, or is stopped already",
        ));
    }
    // A container that has ended by itself is unknown to runc already; what counts is that it is gone.
    let _ = capture("runc delete", runc(tools, directory)?.args(["delete", "--force", id]));
    daemon(id, directory).stop(Duration::from_secs(5));
    fs::remove_dir_all(&bundle).map_err(cannot("remove", &bundle))
}

fn create(place: Place<'_>, image: &PulledImage, options: &ContainerOptions) -> Result<String> {
    let nanoseconds = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos());
    let id = format!("c{nanoseconds:x}");
    let bundle = bundle(&id, place.directory);
    let root = bundle.join("rootfs");
    layers::unpack(&image.layers, &root)?;
    let cgroup = format!("/{}/{id}", place.cgroup);
    let config = runtime_config(&image.config, options, &root, &cgroup)?;
    let path = bundle.join("config.json");
    fs::write(&path, config.to_string()).map_err(cannot("write", &path))?;
    Ok(id)
}

fn bundle(id: &str, directory: &Path) -> PathBuf {
    directory.join("containers").join(id)
}

fn daemon(id: &str, directory: &Path) -> Daemon {
    Daemon::new(id, directory)
}

fn runc(tools: &Tools, directory: &Path) -> Result<Command> {
    let mut command = Command::new(tools.debian_root()?.join("usr/sbin/runc"));
    command
        .envs(tools.debian_environment()?)
        .arg("--root")
        .arg(directory.join("run/runc"));
    Ok(command)
}
