//! The emulator of AWS and of public registries, as a daemon of the lab and through its admin plane.
//!
//! Starts the program of the package `aws-emulator`, serves base images through it, and lets tests ask and arrange
//! (counters, faults, tags). What it emulates and how is that package's business.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::build_image;
use crate::error::{LabError, Result};
use crate::gateway;
use crate::http::{Address, Body, request};
use crate::images::BaseImage;
use crate::process::{Daemon, tail};
use crate::settings::{ACCOUNT, PLAIN_PASSWORD, PLAIN_USER, REGION, Settings};
use crate::tools::Tools;

/// Handle of a running emulator.
#[derive(Debug, Clone)]
pub struct Emulator {
    http: SocketAddr,
}

impl Emulator {
    /// The emulator whose plain listener is on `port`.
    pub(crate) fn on_port(port: u16) -> Self {
        Self {
            http: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        }
    }

    /// Starts the emulator for the lab in `directory` and waits until it serves. With tools it is also on port 443 and a
    /// name server, and its CodeBuild has machines with those tools.
    pub(crate) fn start(settings: &Settings, directory: &Path, tools: Option<&Tools>) -> Result<Self> {
        let daemon = Daemon::new("aws-emulator", directory);
        // In a folder that was used before, an old log would say that it listens already.
        let _ = std::fs::remove_file(daemon.log());
        let mut command = Command::new(&settings.emulator);
        command
            .args([
                "--http",
                &format!("127.0.0.1:{}", settings.plain_port),
                "--account",
                ACCOUNT,
            ])
            .args([
                "--user",
                PLAIN_USER,
                "--password",
                PLAIN_PASSWORD,
                "--region",
                REGION,
                "--region",
                "us-east-1",
            ])
            .arg("--data")
            .arg(directory.join("emulator"));
        if let Some(tools) = tools {
            command
                .args(["--https", "127.0.0.1:443", "--dns", "127.0.0.1:53"])
                .arg("--tls-dir")
                .arg(tls_directory(directory));
            command.arg("--dns").arg(format!("{}:53", gateway::ADDRESS));
            for name in gateway::NAMES {
                command.arg("--name").arg(format!("{name}={}", gateway::ADDRESS));
            }
            add_build_host(&mut command, (directory, tools), &settings.cgroup)?;
        }
        daemon.start(&mut command)?;
        daemon.wait_until(Duration::from_secs(30), || listening_port(daemon.log()).is_some())?;
        let port = listening_port(daemon.log()).ok_or_else(|| LabError::malformed("the emulator's log", "no port"))?;
        Ok(Self::on_port(port))
    }

    /// Ends the emulator of the lab in `directory`.
    pub(crate) fn stop(&self, directory: &Path) {
        Daemon::new("aws-emulator", directory).stop(Duration::from_secs(5));
    }

    /// Port of the plain listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.http.port()
    }

    /// Base URL of the plain listener; the admin plane is below `/_admin/`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Imports an OCI layout archive under a public name such as `docker.io/library/busybox:1.36`.
    ///
    /// # Errors
    /// When the emulator refuses the archive.
    pub fn seed(&self, reference: &str, archive: &Path) -> Result<()> {
        let path = format!("/_admin/seed?reference={reference}");
        request(&Address::Tcp(self.http), "POST", &path, &Body::File(archive)).map(drop)
    }

    /// Imports a base image from the tools' cache.
    ///
    /// # Errors
    /// When it has not been made yet, or the emulator refuses it.
    pub fn seed_base_image(&self, image: BaseImage, tools: &Tools) -> Result<()> {
        self.seed(image.reference(), &tools.image_archive(image)?)
    }

    /// Asks the admin plane, for example `GET` `counters`; the answer is JSON.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub fn admin(&self, method: &str, path: &str) -> Result<Value> {
        self.send(method, path, &Body::Empty)
    }

    /// Orders something with a JSON body, for example `POST` `faults`.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub fn admin_with(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        self.send(method, path, &Body::Json(&body.to_string()))
    }

    /// Appends the lines of a file, of 4 MiB at most, to a stream of CloudWatch Logs.
    ///
    /// # Errors
    /// When the file cannot be read, or the emulator refuses it.
    pub fn append_log(&self, (group, stream): (&str, &str), lines: &Path) -> Result<()> {
        let path = format!("/_admin/logs?group={group}&stream={stream}");
        request(&Address::Tcp(self.http), "POST", &path, &Body::File(lines)).map(drop)
    }

    fn send(&self, method: &str, path: &str, body: &Body<'_>) -> Result<Value> {
        let answer = request(&Address::Tcp(self.http), method, &format!("/_admin/{path}"), body)?;
        serde_json::from_slice(&answer)
            .map_err(|error| LabError::malformed(format!("the answer to {method} {path}"), error))
    }
}

/// Lends the tools to builds of CodeBuild.
fn add_build_host(command: &mut Command, (directory, tools): (&Path, &Tools), cgroup: &str) -> Result<()> {
    let programs = directory.join("build-programs");
    for folder in build_image::prepare(&programs, tools)? {
        command.arg("--build-visible").arg(folder);
    }
    command.arg("--build-programs").arg(programs);
    command
        .arg("--build-ca-bundle")
        .arg(tls_directory(directory).join("bundle.pem"));
    command.args(["--build-network", "--build-cgroup", cgroup]);
    Ok(())
}

/// Where the emulator keeps its certificates.
pub(crate) fn tls_directory(directory: &Path) -> PathBuf {
    directory.join("tls")
}

/// The port in the last `listening http=HOST:PORT https=…` line of the log.
fn listening_port(log: &Path) -> Option<u16> {
    let text = tail(log);
    let line = text.lines().rev().find(|line| line.starts_with("listening "))?;
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("http="))?;
    address.parse::<SocketAddr>().ok().map(|address| address.port())
}
