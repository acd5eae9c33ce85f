//! The builder of a lab: buildkitd or a dockerd with its containerd, started, stopped and given a fresh root.
//!
//! Everything is below the lab's folder: roots, sockets, configuration. Containers get their network from the lab's own network
//! namespace: host networking for buildkitd, a bridge without firewall rules for dockerd; neither touches the machine's network.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::emulator::tls_directory;
use crate::endpoint::Endpoint;
use crate::error::{Result, cannot};
use crate::gateway;
use crate::http::{Address, Body, request};
use crate::process::{Daemon, capture};
use crate::settings::Settings;
use crate::tools::{Tool, Tools};

const START_LIMIT: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(15);

/// Handle of a lab's builder.
#[derive(Debug, Clone)]
pub struct Builder {
    endpoint: Endpoint,
    directory: PathBuf,
    tools: Tools,
    cgroup: String,
    plain_port: u16,
}

impl Builder {
    pub(crate) fn new(endpoint: Endpoint, directory: &Path, tools: &Tools, settings: &Settings) -> Self {
        Self {
            endpoint,
            directory: directory.to_owned(),
            tools: tools.clone(),
            cgroup: format!("/{}", settings.cgroup),
            plain_port: settings.plain_port,
        }
    }

    /// Socket of the builder.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.join("run").join(format!("{}.sock", self.program_name()))
    }

    /// Name and value of the environment variable that leads clients to it.
    #[must_use]
    pub fn variable(&self) -> (&'static str, String) {
        let name = if self.endpoint == Endpoint::Buildkitd {
            "BUILDKIT_HOST"
        } else {
            "DOCKER_HOST"
        };
        (name, format!("unix://{}", self.socket().display()))
    }

    /// The builder's log file.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.daemon().log().to_owned()
    }

    /// Process id of the builder while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        self.daemon().pid()
    }

    /// Starts the builder and waits until it answers. Does nothing when it runs.
    ///
    /// # Errors
    /// When a tool is missing or the builder does not become ready within a minute; the end of its log is in the error.
    pub fn start(&self) -> Result<()> {
        self.launch()?;
        self.await_ready()
    }

    /// Stops the builder. Does nothing when it does not run.
    pub fn stop(&self) {
        self.daemon().stop(PATIENCE);
        self.containerd().stop(PATIENCE);
    }

    /// Ends the builder the way a crash does.
    pub fn kill(&self) {
        self.daemon().kill();
    }

    /// Stops the builder, forgets all it has built and cached, and starts it again.
    ///
    /// # Errors
    /// When its root cannot be removed or it does not start.
    pub fn reset(&self) -> Result<()> {
        self.stop();
        unmount_below(&self.root())?;
        match fs::remove_dir_all(self.root()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(cannot("remove", &self.root())(error)),
            _ => self.start(),
        }
    }

    /// Starts the processes without waiting for the builder itself.
    pub(crate) fn launch(&self) -> Result<()> {
        if self.pid().is_some() {
            return Ok(());
        }
        fs::create_dir_all(self.root()).map_err(cannot("create", &self.root()))?;
        let _ = fs::remove_file(self.socket());
        match self.endpoint {
            Endpoint::Buildkitd => self.daemon().start(&mut self.buildkitd()?),
            Endpoint::DockerContainerd | Endpoint::DockerClassic => {
                self.start_containerd()?;
                self.daemon().start(&mut self.dockerd()?)
            }
        }
    }

    pub(crate) fn await_ready(&self) -> Result<()> {
        let socket = self.socket();
        self.daemon().wait_until(START_LIMIT, || match self.endpoint {
            Endpoint::Buildkitd => UnixStream::connect(&socket).is_ok(),
            _ => request(&Address::Unix(socket.clone()), "GET", "/_ping", &Body::Empty).is_ok(),
        })
    }

    fn program_name(&self) -> &'static str {
        if self.endpoint == Endpoint::Buildkitd {
            "buildkitd"
        } else {
            "dockerd"
        }
    }

    fn daemon(&self) -> Daemon {
        Daemon::new(self.program_name(), &self.directory)
    }

    fn containerd(&self) -> Daemon {
        Daemon::new("containerd", &self.directory)
    }

    fn root(&self) -> PathBuf {
        self.directory.join("builder")
    }

    /// A program that trusts the lab's certificate authority and finds Debian's programs.
    fn command(&self, program: &Path) -> Result<Command> {
        let mut command = Command::new(program);
        command
            .envs(self.tools.debian_environment()?)
            .env("SSL_CERT_FILE", tls_directory(&self.directory).join("bundle.pem"));
        Ok(command)
    }

    fn buildkitd(&self) -> Result<Command> {
        let runc = self.tools.debian_root()?.join("usr/sbin/runc");
        let config = format!(
            "insecure-entitlements = [\"network.host\", \"security.insecure\"]\n\
             [worker.containerd]\nenabled = false\n\
             [worker.oci]\nenabled = true\nsnapshotter = \"overlayfs\"\nnetworkMode = \"host\"\n\
             binary = \"{}\"\ndefaultCgroupParent = \"{}\"\n\
             [registry.\"localhost:{}\"]\nhttp = true\n\
             [dns]\nnameservers = [\"{}\"]\n",
            runc.display(),
            self.cgroup,
            self.plain_port,
            gateway::ADDRESS,
        );
        let mut command = self.command(&self.tools.require(Tool::BuildKit)?.join("buildkitd"))?;
        command
            .arg("--config")
            .arg(self.write_config("buildkitd.toml", &config)?);
        command.arg("--root").arg(self.root().join("buildkit"));
        command.arg("--addr").arg(self.variable().1);
        command
            .arg("--otel-socket-path")
            .arg(self.directory.join("run/otel.sock"));
        Ok(command)
    }

    fn dockerd(&self) -> Result<Command> {
        let config = json!({
            "iptables": false, "ip6tables": false, "ip-masq": false, "userland-proxy": false,
            "cgroup-parent": self.cgroup, "dns": [gateway::ADDRESS.to_string()],
        });
        let program = match self.endpoint {
            Endpoint::DockerClassic => self.tools.debian_root()?.join("usr/sbin/dockerd"),
            _ => self.tools.require(Tool::Dockerd)?.join("dockerd"),
        };
        let mut command = self.command(&program)?;
        command
            .arg("--config-file")
            .arg(self.write_config("dockerd.json", &config.to_string())?);
        command.arg("--data-root").arg(self.root().join("docker"));
        command.arg("--exec-root").arg(self.root().join("docker-exec"));
        command.arg("--pidfile").arg(self.root().join("dockerd.pid"));
        command.arg("--containerd").arg(self.containerd_socket());
        command.arg("--host").arg(self.variable().1);
        Ok(command)
    }

    fn containerd_socket(&self) -> PathBuf {
        self.directory.join("run/containerd.sock")
    }

    fn start_containerd(&self) -> Result<()> {
        let daemon = self.containerd();
        let socket = self.containerd_socket();
        if daemon.pid().is_none() {
            let config = format!(
                "version = 2\nroot = {:?}\nstate = {:?}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = {:?}\n",
                self.root().join("containerd"),
                self.root().join("containerd-state"),
                socket,
            );
            let mut command = self.command(&self.tools.debian_root()?.join("usr/bin/containerd"))?;
            command
                .arg("--config")
                .arg(self.write_config("containerd.toml", &config)?);
            let _ = fs::remove_file(&socket);
            daemon.start(&mut command)?;
        }
        daemon.wait_until(START_LIMIT, || UnixStream::connect(&socket).is_ok())
    }

    fn write_config(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        let mut file = fs::File::create(&path).map_err(cannot("create", &path))?;
        file.write_all(text.as_bytes()).map_err(cannot("write", &path))?;
        Ok(path)
    }
}

/// Unmounts what a stopped builder left mounted, innermost first.
fn unmount_below(root: &Path) -> Result<()> {
    let table =
        fs::read_to_string("/proc/self/mountinfo").map_err(cannot("read", Path::new("/proc/self/mountinfo")))?;
    let points = table
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .filter(|point| Path::new(point).starts_with(root));
    let mut points: Vec<&str> = points.collect();
    points.reverse();
    for point in points {
        capture("umount", Command::new("umount").args(["-l", point])).map(drop)?;
    }
    Ok(())
}
