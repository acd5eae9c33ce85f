//! A sandbox for one build: namespaces with a root of their own, in which commands run and daemons may stay.
//!
//! Its first process is a shell script (`first-process.sh`) that lives until the emulator lets go of its standard
//! input, by wish or by dying; the kernel then ends every process in the sandbox. A build sees the machine's `/usr`, the
//! programs it was given, and folders of its own, no other build and no home directory. Root is needed for a network of
//! its own and for Docker; without root a user namespace carries the rest.

mod network;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};

pub(super) use network::{open_tcp, open_udp, relay};

const SCRIPT: &str = include_str!("first-process.sh");
const START_LIMIT: Duration = Duration::from_secs(30);
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The same behind the folder of the build's own `sh`.
const SYSTEM_PATH_INSIDE: &str = "/codebuild/sh:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the machine lends to builds.
#[derive(Clone, Debug, Default)]
pub struct BuildHost {
    /// Folder of the programs on the builds' `PATH`; without one they see the system's.
    pub programs: Option<PathBuf>,
    /// Folders that those programs need and that a sandbox would hide otherwise.
    pub visible: Vec<PathBuf>,
    /// Certificates that builds trust instead of the machine's.
    pub ca_bundle: Option<PathBuf>,
    /// Whether each build has a network of its own, in which the real names of AWS lead to the emulator.
    pub own_network: bool,
    /// Control group, relative to each hierarchy, below which builds get theirs.
    pub cgroup: Option<String>,
}

/// Why there is no sandbox.
#[derive(Debug, thiserror::Error)]
pub(super) enum SandboxError {
    #[error("`{0}` did not start")]
    NotStarted(&'static str, #[source] io::Error),
    #[error("the sandbox did not become ready: {0}")]
    NotReady(String),
    #[error("the sandbox has no network")]
    Network(#[source] io::Error),
}

/// A running sandbox. Dropping it ends every process in it and removes its files.
pub(super) struct Sandbox {
    child: Option<Child>,
    hold: Option<ChildStdin>,
    pid: u32,
    work: PathBuf,
    path: &'static str,
    own_network: bool,
    cgroup: Option<String>,
    output: pipe::Receiver,
    input: OwnedFd,
}

impl Sandbox {
    /// Starts the first process and waits until the root is laid out; a network of its own has these `addresses`.
    pub(super) async fn start(
        host: &BuildHost,
        (work, name): (PathBuf, &str),
        addresses: &BTreeSet<Ipv4Addr>,
    ) -> Result<Self, SandboxError> {
        std::fs::create_dir_all(&work).map_err(|error| SandboxError::NotStarted("mkdir", error))?;
        let cgroup = host
            .cgroup
            .as_ref()
            .filter(|_| is_root())
            .map(|group| format!("{group}/{name}"));
        let mut command = first_process(host, &work, cgroup.as_deref().unwrap_or_default());
        let addresses: Vec<_> = addresses.iter().map(Ipv4Addr::to_string).collect();
        command.env("ADDRESSES", addresses.join(" "));
        let mut child = command
            .spawn()
            .map_err(|error| SandboxError::NotStarted("unshare", error))?;
        let pipes = || SandboxError::NotReady("no pipes".to_owned());
        let hold = child.stdin.take().ok_or_else(pipes)?;
        let (sender, output) = pipe::pipe().map_err(SandboxError::Network)?;
        let sandbox = Self {
            pid: child.id().ok_or_else(pipes)?,
            hold: Some(hold),
            work,
            path: if host.programs.is_some() {
                "/codebuild/sh:/codebuild/bin"
            } else {
                SYSTEM_PATH_INSIDE
            },
            own_network: host.own_network,
            cgroup,
            output,
            input: sender.into_blocking_fd().map_err(SandboxError::Network)?,
            child: None,
        };
        sandbox.await_ready(child).await
    }

    async fn await_ready(mut self, mut child: Child) -> Result<Self, SandboxError> {
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        self.child = Some(child);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            // A first process that says nothing in time is as good as one that failed.
            let _ = tokio::time::timeout(START_LIMIT, BufReader::new(stdout).read_line(&mut line)).await;
        }
        if line.trim() == "ready" {
            return Ok(self);
        }
        let mut reason = String::new();
        if let Some(stderr) = stderr {
            let _ = tokio::time::timeout(Duration::from_secs(1), stderr.take(4096).read_to_string(&mut reason)).await;
        }
        Err(SandboxError::NotReady(reason.trim().to_owned()))
    }

    /// Lets `sh` be the program of this name, as in some image; without such a program it stays the machine's.
    pub(super) fn let_sh_be(&self, shell: &'static str) -> Result<(), SandboxError> {
        let places = ["/usr/bin", "/bin"].map(|place| Path::new(place).join(shell));
        let Some(program) = places.iter().find(|place| place.exists()) else {
            return Ok(());
        };
        let folder = self.codebuild().join("sh");
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::os::unix::fs::symlink(program, folder.join("sh")))
            .map_err(|error| SandboxError::NotStarted(shell, error))
    }

    /// The folder outside that is `/codebuild` inside.
    pub(super) fn codebuild(&self) -> PathBuf {
        self.work.join("codebuild")
    }

    /// `PATH` of programs in the sandbox.
    pub(super) fn path(&self) -> &'static str {
        self.path
    }

    /// Process id whose namespaces are the sandbox's.
    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// Prepares a program to run in the sandbox with exactly these variables.
    pub(super) fn command(&self, program: &str, variables: &BTreeMap<String, String>) -> Command {
        let mut command = Command::new("/usr/bin/nsenter");
        command.arg(format!("--target={}", self.pid));
        if !is_root() {
            command.args(["--user", "--preserve-credentials"]);
        }
        if self.own_network {
            command.arg("--net");
        }
        command
            .args(["--mount", "--ipc", "--uts"])
            .arg(format!("--pid=/proc/{}/ns/pid_for_children", self.pid))
            .arg("--")
            .arg(program)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null());
        command
    }

    /// Runs a program to its end; what it and those before it write goes to `heard` as it comes.
    pub(super) async fn run(&mut self, mut command: Command, mut heard: impl FnMut(&[u8])) -> io::Result<ExitStatus> {
        let mut child = command
            .stdout(Stdio::from(self.input.try_clone()?))
            .stderr(Stdio::from(self.input.try_clone()?))
            .spawn()?;
        let mut buffer = vec![0; 64 * 1024];
        let status = loop {
            tokio::select! {
                ready = self.output.readable() => {
                    ready?;
                    hear(&self.output, &mut buffer, &mut heard)?;
                }
                status = child.wait() => break status?,
            }
        };
        hear(&self.output, &mut buffer, &mut heard)?;
        Ok(status)
    }
}

/// The first process of a sandbox in namespaces of its own.
fn first_process(host: &BuildHost, work: &Path, cgroup: &str) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.arg("--map-root-user");
    }
    if host.own_network {
        command.arg("--net");
    }
    command.args([
        "--mount",
        "--pid",
        "--ipc",
        "--uts",
        "--fork",
        "--kill-child=KILL",
        "/bin/sh",
        "-c",
        SCRIPT,
    ]);
    let visible: Vec<_> = host.visible.iter().map(|folder| folder.to_string_lossy()).collect();
    command
        .env_clear()
        .env("PATH", SYSTEM_PATH)
        .env("WORK", work)
        .env("PROGRAMS", host.programs.clone().unwrap_or_default())
        .env("VISIBLE", visible.join("\n"))
        .env("CA_BUNDLE", host.ca_bundle.clone().unwrap_or_default())
        .env("CGROUP", cgroup)
        .env("OWN_NETWORK", if host.own_network { "1" } else { "" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.hold = None;
        let (child, work, cgroup) = (self.child.take(), self.work.clone(), self.cgroup.take());
        // Without a runtime the emulator is ending; the kernel still ends the processes.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { tidy_up(child, &work, cgroup).await });
        }
    }
}

/// Waits until the last process has gone, then removes what is left of the build.
async fn tidy_up(child: Option<Child>, work: &Path, cgroup: Option<String>) {
    if let Some(mut child) = child
        && tokio::time::timeout(Duration::from_secs(10), child.wait())
            .await
            .is_err()
    {
        let _ = child.kill().await;
    }
    // Nothing depends on these files any more; the data directory goes with its owner in any case.
    let _ = tokio::fs::remove_dir_all(work).await;
    for group in cgroup.iter().flat_map(|group| cgroup_folders(group)) {
        remove_group(&group);
    }
}

fn cgroup_folders(group: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let below = std::fs::read_dir(root).into_iter().flatten().flatten();
    let roots = std::iter::once(root.to_owned()).chain(below.map(|entry| entry.path()));
    roots
        .map(|root| root.join(group))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// Control groups hold files that go with their folder, so only folders are removed, innermost first.
fn remove_group(group: &Path) {
    for entry in std::fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = std::fs::remove_dir(group);
}

/// Passes on what is in the pipe now; a few reads empty it, and more would follow an endless writer for ever.
fn hear(output: &pipe::Receiver, buffer: &mut [u8], heard: &mut impl FnMut(&[u8])) -> io::Result<()> {
    for _ in 0..16 {
        match output.try_read(buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => heard(&buffer[..length]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Tells whether namespaces can be made without a user namespace.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
