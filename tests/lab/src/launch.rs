//! The outside of a lab: prepares its folder, starts its inside in namespaces of its own, and tidies up after it.
//!
//! The inside is the `lab` program once more, as process 1 of new network, mount and PID namespaces: when it ends, or this process
//! does, the kernel ends everything in them. Only control groups and the folder have to be removed here.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::blocking::on_own_thread;
use crate::endpoint::Endpoint;
use crate::error::{LabError, Result, cannot};
use crate::gateway::{self, Gateway};
use crate::inside;
use crate::lab::install_plugin;
use crate::progress::say;
use crate::settings::{ACCESS_KEY, PROFILE, SECRET_KEY, Settings};
use crate::tools::Tools;
use crate::workspace::{Profile, build_program};

/// Port of the plain listener; a lab with a network of its own can always have the same.
const PLAIN_PORT: u16 = 5000;

/// Sockets are in `<folder>/run`, and the longest name there has to fit into the kernel's 107 bytes.
const LONGEST_DIRECTORY: usize = 80;

/// Control groups of a lab are named so, with the id of the process that will remove them.
const CGROUP_PREFIX: &str = "fastcontainer-lab-";

/// What kind of lab to start.
#[derive(Debug, Clone, Default)]
pub struct LabOptions {
    /// Which builder; `None` is host mode: no namespaces, no root, the Docker that the machine has.
    pub endpoint: Option<Endpoint>,
    /// Folder to use and keep; without one a temporary folder is removed at the end.
    pub directory: Option<PathBuf>,
    /// Serve the big image with compilers too.
    pub toolchain: bool,
    /// Install the provider into the lab's Pulumi, compiled so.
    pub plugin: Option<Profile>,
}

/// Starts a lab, runs `command` in it and waits for both to end.
///
/// # Errors
/// When the machine lacks something or the lab does not start; not when the command fails.
pub fn run_in_lab(options: &LabOptions, command: &[OsString]) -> Result<i32> {
    let temporary;
    let directory = match &options.directory {
        Some(directory) => std::path::absolute(directory).map_err(cannot("find", directory))?,
        None => {
            let parent = std::env::temp_dir();
            temporary = tempfile::Builder::new()
                .prefix("fc-lab-")
                .tempdir_in(&parent)
                .map_err(cannot("create", &parent))?;
            temporary.path().to_owned()
        }
    };
    if options.endpoint.is_some() {
        check_machine(&directory)?;
    }
    let emulator = build_program("aws-emulator", "aws-emulator", Profile::Debug)?;
    let settings = prepare(options, &directory, emulator)?;
    let _lock = lock(&directory)?;
    if let Some(profile) = options.plugin {
        install_plugin(&directory, profile)?;
    }
    if options.endpoint.is_none() {
        return inside::run_on_host(&directory, command);
    }
    sweep_cgroups();
    let status = on_own_thread(run_inside(&directory, command));
    remove_cgroups(&settings.cgroup);
    status.map(|status| inside::exit_code(&status))
}

fn check_machine(directory: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(LabError::missing(
            "root",
            "a lab makes network and mount namespaces; run it as root, or use `lab run --host` with the Docker of this machine",
        ));
    }
    for program in ["unshare", "setpriv", "mount", "umount"] {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|path| path.join(program).is_file());
        if !found {
            return Err(LabError::missing(
                format!("`{program}`"),
                "install util-linux, or use `lab run --host`",
            ));
        }
    }
    let length = directory.as_os_str().len();
    if length > LONGEST_DIRECTORY {
        let reason = format!("{length} bytes; sockets in it need a path of at most {LONGEST_DIRECTORY}");
        return Err(LabError::malformed(format!("`{}`", directory.display()), reason));
    }
    Ok(())
}

fn prepare(options: &LabOptions, directory: &Path, emulator: PathBuf) -> Result<Settings> {
    // Process ids of an earlier lab in the same folder mean other processes now.
    let _ = fs::remove_dir_all(directory.join("run"));
    for folder in [
        "run",
        "logs",
        "home",
        "docker-config",
        "pulumi-home",
        "state",
        "tls",
        "emulator",
    ] {
        let path = directory.join(folder);
        fs::create_dir_all(&path).map_err(cannot("create", &path))?;
    }
    let profile = format!("[{PROFILE}]\naws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}\n");
    for (file, text) in [("home/aws-config", ""), ("home/aws-credentials", &profile)] {
        let path = directory.join(file);
        fs::write(&path, text).map_err(cannot("write", &path))?;
    }
    let settings = Settings {
        endpoint: options.endpoint,
        plain_port: if options.endpoint.is_some() { PLAIN_PORT } else { 0 },
        cgroup: format!("{CGROUP_PREFIX}{}", std::process::id()),
        emulator,
        toolchain: options.toolchain,
    };
    settings.write(directory)?;
    Ok(settings)
}

fn lock(directory: &Path) -> Result<File> {
    let path = directory.join("lock");
    let file = File::create(&path).map_err(cannot("create", &path))?;
    file.try_lock().map_err(|_| {
        LabError::missing(
            format!("a free folder (`{}` is in use)", directory.display()),
            "choose another --dir",
        )
    })?;
    Ok(file)
}

/// `setpriv` ties the namespaces' life to this process, `unshare` ties everything inside to them.
async fn run_inside(directory: &Path, command: &[OsString]) -> Result<ExitStatus> {
    let program = lab_program()?;
    Gateway::open(&Tools::locate()?)?.serve_on(&gateway::socket(directory))?;
    let mut child = Command::new("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "unshare",
            "-n",
            "-m",
            "-p",
            "--fork",
            "--kill-child=KILL",
            "--mount-proc",
        ])
        .arg(program)
        .arg("inside")
        .arg("--dir")
        .arg(directory)
        .arg("--")
        .args(command)
        .spawn()
        .map_err(|source| LabError::NotStarted {
            program: "setpriv".to_owned(),
            source,
        })?;
    let failed = cannot("wait for", directory);
    let listen = |kind| signal(kind).map_err(cannot("listen for signals in", directory));
    let mut interrupts = listen(SignalKind::interrupt())?;
    let (mut terminations, mut hang_ups) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let mut interrupted = false;
    loop {
        tokio::select! {
            status = child.wait() => return status.map_err(failed),
            // The terminal has told the command too; a second time is for who does not want to wait for it.
            _ = interrupts.recv() => {
                if interrupted {
                    let _ = child.start_kill();
                }
                interrupted = true;
            }
            _ = terminations.recv() => { let _ = child.start_kill(); }
            _ = hang_ups.recv() => { let _ = child.start_kill(); }
        }
    }
}

/// This program, if it is `lab`; otherwise the one of the workspace.
fn lab_program() -> Result<PathBuf> {
    match std::env::current_exe() {
        Ok(path) if path.file_name().is_some_and(|name| name == "lab") => Ok(path),
        _ => build_program(env!("CARGO_PKG_NAME"), "lab", Profile::Debug),
    }
}

/// Folders in which control groups can be: the one hierarchy of version 2, or the many of version 1.
fn hierarchies() -> impl Iterator<Item = PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let below = fs::read_dir(root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    std::iter::once(root.to_owned()).chain(below)
}

/// Removes control groups of labs whose outside was killed before it could.
fn sweep_cgroups() {
    let entries = hierarchies()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .flatten();
    for entry in entries {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(CGROUP_PREFIX));
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove_group(&entry.path());
        }
    }
}

/// Removes the lab's control groups once its processes are gone.
fn remove_cgroups(name: &str) {
    let groups: Vec<PathBuf> = hierarchies()
        .map(|folder| folder.join(name))
        .filter(|group| group.is_dir())
        .collect();
    for _ in 0..20 {
        groups.iter().for_each(|group| remove_group(group));
        if !groups.iter().any(|group| group.exists()) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    say(&format!("control groups named {name} could not be removed"));
}

/// Control groups hold files that go with their folder, so only folders are removed, innermost first.
fn remove_group(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}
