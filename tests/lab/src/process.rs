//! Running other programs: watched ones that are waited for, and daemons that stay.
//!
//! A watched program writes to a log file whose end becomes part of the error. A daemon gets its own process group (Ctrl-C in the
//! terminal is for the lab's command, not for it), a log and a pid file, so that any later process of the lab can stop it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{LabError, Result, cannot};
use crate::progress::Activity;

const POLL: Duration = Duration::from_millis(50);
const TAIL_LINES: usize = 20;
const TAIL_BYTES: u64 = 16 * 1024;

/// Runs a command to its end, with signs of life; its output goes to `log`.
///
/// # Errors
/// When it cannot be started or ends without success; the end of the log is in the error.
pub(crate) fn run_watched(label: &str, command: &mut Command, log: &Path) -> Result<()> {
    let output = open_log(log)?;
    let errors = output.try_clone().map_err(cannot("open", log))?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .spawn()
        .map_err(not_started(command))?;
    let mut activity = Activity::begin(label);
    loop {
        if let Some(status) = child.try_wait().map_err(cannot("wait for", log))? {
            activity.end();
            if status.success() {
                return Ok(());
            }
            return Err(LabError::CommandFailed {
                what: label.to_owned(),
                status: status.to_string(),
                tail: tail(log),
            });
        }
        activity.tick();
        sleep(POLL);
    }
}

/// Runs a short command and returns its standard output as text.
///
/// # Errors
/// When it cannot be started or ends without success.
pub(crate) fn capture(what: &str, command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().map_err(not_started(command))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LabError::CommandFailed {
        what: what.to_owned(),
        status: output.status.to_string(),
        tail: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

pub(crate) fn not_started(command: &Command) -> impl FnOnce(std::io::Error) -> LabError + use<> {
    let program = command.get_program().to_string_lossy().into_owned();
    move |source| LabError::NotStarted { program, source }
}

/// The last lines of a log file; empty when there is none.
#[must_use]
pub fn tail(log: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = File::open(log) {
        let length = file.metadata().map_or(0, |meta| meta.len());
        let _ = file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)));
        let _ = file.read_to_end(&mut text);
    }
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

/// A long-running program known by its name: `<name>.pid` and `<name>.log` in the lab's folders.
#[derive(Debug, Clone)]
pub struct Daemon {
    name: String,
    pid_file: PathBuf,
    log: PathBuf,
}

impl Daemon {
    /// Names a daemon whose files are in `directory/run` and `directory/logs`.
    #[must_use]
    pub fn new(name: &str, directory: &Path) -> Self {
        Self {
            name: name.to_owned(),
            pid_file: directory.join("run").join(format!("{name}.pid")),
            log: directory.join("logs").join(format!("{name}.log")),
        }
    }

    /// The log file.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Process id while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let pid = fs::read_to_string(&self.pid_file).ok()?.trim().parse().ok()?;
        is_alive(pid).then_some(pid)
    }

    /// Starts the daemon; its output is appended to the log.
    ///
    /// # Errors
    /// When the program cannot be started or the files cannot be written.
    pub fn start(&self, command: &mut Command) -> Result<()> {
        let output = open_log(&self.log)?;
        let errors = output.try_clone().map_err(cannot("open", &self.log))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(not_started(command))?;
        fs::write(&self.pid_file, child.id().to_string()).map_err(cannot("write", &self.pid_file))
    }

    /// Waits until `ready` says yes.
    ///
    /// # Errors
    /// [`LabError::NotReady`] with the end of the log, after `limit` or as soon as the daemon ended.
    pub fn wait_until(&self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let mut activity = Activity::begin(format!("{} starts", self.name));
        while !ready() {
            activity.tick();
            if activity.elapsed() >= limit || self.pid().is_none() {
                return Err(LabError::NotReady {
                    service: self.name.clone(),
                    seconds: activity.elapsed().as_secs(),
                    tail: tail(&self.log),
                });
            }
            sleep(POLL);
        }
        activity.end();
        Ok(())
    }

    /// Asks the daemon to end, and makes it end after `patience`. Does nothing when it is not running.
    pub fn stop(&self, patience: Duration) {
        self.signal(Signal::TERM);
        let begun = Instant::now();
        while self.pid().is_some() && begun.elapsed() < patience {
            sleep(POLL);
        }
        self.kill();
        let _ = fs::remove_file(&self.pid_file);
    }

    /// Ends the daemon without a chance to tidy up, as a crash would.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
        while self.pid().is_some() {
            sleep(POLL);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.pid().and_then(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
    }
}

/// True for a process that exists and is no zombie.
fn is_alive(pid: i32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim_start().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

fn open_log(log: &Path) -> Result<File> {
    if let Some(parent) = log.parent() {
        fs::create_dir_all(parent).map_err(cannot("create", parent))?;
    }
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .map_err(cannot("open", log))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("run")).unwrap();
        folder
    }

    #[test]
    fn failure_of_a_watched_command_shows_the_end_of_its_log() {
        let folder = folder();
        let error = run_watched(
            "listing",
            Command::new("sh").args(["-c", "echo first; echo last >&2; exit 3"]),
            &folder.path().join("log"),
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "listing ended with exit status: 3; its last lines:\nfirst\nlast"
        );
    }

    #[test]
    fn daemon_that_ends_early_is_reported_at_once_with_its_log() {
        let folder = folder();
        let daemon = Daemon::new("short", folder.path());
        daemon
            .start(Command::new("sh").args(["-c", "echo no space; exit 1"]))
            .unwrap();
        let begun = Instant::now();
        let error = daemon.wait_until(Duration::from_secs(30), || false).unwrap_err();
        assert!(error.to_string().contains("no space"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn daemon_that_ignores_the_polite_signal_is_ended_all_the_same() {
        let folder = folder();
        let daemon = Daemon::new("stubborn", folder.path());
        daemon
            .start(Command::new("sh").args(["-c", "trap '' TERM; echo up; while :; do sleep 0.1; done"]))
            .unwrap();
        daemon
            .wait_until(Duration::from_secs(10), || tail(daemon.log()).contains("up"))
            .unwrap();
        daemon.stop(Duration::from_millis(200));
        assert_eq!(daemon.pid(), None);
    }
}
