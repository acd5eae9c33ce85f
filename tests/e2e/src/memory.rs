//! How much memory the provider takes while a CLI works with it.
//!
//! Seen in `/proc`, because a lab has process ids of its own. A CLI may start the plugin more than once, to ask for its
//! schema: the largest counts.

use std::fs;
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

const OFTEN: Duration = Duration::from_millis(50);
const PLUGIN: &str = "pulumi-resource-fastcontainer";

/// A watch over the memory of a CLI's provider, in mebibytes.
pub struct Memory {
    over: Arc<AtomicBool>,
    watching: JoinHandle<(f64, f64)>,
}

impl Memory {
    /// Begins to watch; what the provider takes when it is first seen counts as idle.
    #[must_use]
    pub fn watch(cli: &Child) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (stop, parent) = (Arc::clone(&over), cli.id());
        let watching = std::thread::spawn(move || {
            let (mut idle, mut peak) = (None, 0.0_f64);
            while !stop.load(Ordering::Relaxed) {
                for process in plugins_of(parent) {
                    idle = idle.or_else(|| status(process, "VmRSS:"));
                    peak = peak.max(status(process, "VmHWM:").unwrap_or_default());
                }
                sleep(OFTEN);
            }
            (idle.unwrap_or_default(), peak)
        });
        Self { over, watching }
    }

    /// What it took when it was first seen, and the most that it ever took.
    ///
    /// # Panics
    /// When it was never seen.
    #[must_use]
    pub fn idle_and_peak(self) -> (f64, f64) {
        self.over.store(true, Ordering::Relaxed);
        let (idle, peak) = self.watching.join().expect("a watch over memory");
        assert!(idle > 0.0 && peak >= idle, "the provider was never seen: {idle} {peak}");
        (idle, peak)
    }
}

fn plugins_of(parent: u32) -> Vec<u32> {
    let folders = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = folders.filter_map(|folder| folder.file_name().to_str()?.parse().ok());
    let ours = |process: &u32| {
        let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(PLUGIN) && parent_of(*process) == Some(parent)
    };
    processes.filter(ours).collect()
}

fn parent_of(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// A member of a process's status, which is in kibibytes there.
fn status(process: u32, member: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(member))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
