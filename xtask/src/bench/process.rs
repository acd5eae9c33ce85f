//! What the provider's process costs before it does anything: time to the port line, memory, size on disk.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::figures::{Figures, Goal, median};
use super::{peer, provider};

const ROUNDS: usize = 11;
/// How long a process may settle before its memory counts.
const SETTLE: Duration = Duration::from_millis(300);
const MEBIBYTE: f64 = 1024.0 * 1024.0;

/// Milliseconds to the port line, and mebibytes resident when idle, of each start.
#[derive(Default)]
struct Starts {
    milliseconds: Vec<f64>,
    resident: Vec<f64>,
}

pub(super) fn measure(figures: &mut Figures) {
    let (ours, peer) = (provider(), peer::program());
    let (mut our_starts, mut peer_starts) = (Starts::default(), Starts::default());
    for _ in 0..ROUNDS {
        our_starts.add(&ours);
        if let Some(peer) = &peer {
            peer_starts.add(peer);
        }
    }
    let beside = |values: &[f64]| (!values.is_empty()).then(|| median(values.to_vec()));
    figures.add(
        ("process start to port line", ("ms", 1)),
        median(our_starts.milliseconds),
        beside(&peer_starts.milliseconds),
        Goal::AtMost(20.0),
    );
    figures.add(
        ("resident memory, idle", ("MiB", 1)),
        median(our_starts.resident),
        beside(&peer_starts.resident),
        Goal::AtMost(25.0),
    );
    figures.add(
        ("binary", ("MiB", 1)),
        size(&ours),
        peer.as_deref().map(size),
        Goal::AtMost(30.0),
    );
}

fn size(program: &Path) -> f64 {
    let metadata = std::fs::metadata(program).unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    metadata.len() as f64 / MEBIBYTE
}

impl Starts {
    fn add(&mut self, program: &Path) {
        // An engine that never answers: neither provider needs it to start.
        let engine = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = engine.local_addr().expect("an address").to_string();
        let begun = Instant::now();
        let mut child = Command::new(program)
            .arg(address)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut output = BufReader::new(child.stdout.take().expect("standard output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("the port line");
        self.milliseconds.push(begun.elapsed().as_secs_f64() * 1000.0);
        line.trim()
            .parse::<u16>()
            .unwrap_or_else(|_| panic!("{} printed no port but `{line}`", program.display()));
        std::thread::sleep(SETTLE);
        self.resident.push(resident(child.id()));
        child.kill().expect("the provider ends");
        child.wait().expect("the provider ends");
    }
}

fn resident(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the state of a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kibibytes.expect("resident memory") / 1024.0
}
