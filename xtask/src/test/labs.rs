//! Test programs that need a lab: each in a lab of its own, several at the same time.
//!
//! Labs know nothing of each other, so as many programs run side by side as there are cores. What a program says is shown
//! when it ends, in one piece; a sign of life names what is running until then.

use std::collections::VecDeque;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use fastcontainer_lab::{Endpoint, say};

use super::count::Count;
use super::programs::Program;
use crate::shell::{Outcome, workspace_root};

/// Time between two signs of life.
const ALIVE: Duration = Duration::from_secs(5);

/// One test program on one kind of endpoint.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) endpoint: Endpoint,
    pub(super) program: Program,
}

impl Job {
    fn label(&self) -> String {
        format!("{} on {}", self.program.name(), self.endpoint)
    }
}

/// What the workers share.
#[derive(Default)]
struct Work {
    waiting: VecDeque<Job>,
    running: Vec<String>,
    count: Count,
}

/// Runs all jobs, also after a failure, and adds up what they counted.
pub(super) fn run(jobs: &[Job], lab: &Path, filter: Option<&str>, count: &mut Count) -> Outcome {
    let work = Mutex::new(Work {
        waiting: jobs.iter().cloned().collect(),
        running: Vec::new(),
        count: std::mem::take(count),
    });
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        let threads: Vec<_> = (0..workers)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(job) = next(&work) {
                        let begun = Instant::now();
                        let output = command(lab, &job, filter).output();
                        finish(&mut locked(&work), &job, begun.elapsed(), output);
                    }
                })
            })
            .collect();
        let mut spoken = Instant::now();
        while !threads.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(100));
            if spoken.elapsed() >= ALIVE {
                let work = locked(&work);
                say(&format!(
                    "  running {}; {} to go",
                    work.running.join(", "),
                    work.waiting.len()
                ));
                spoken = Instant::now();
            }
        }
    });
    *count = work.into_inner().unwrap_or_else(PoisonError::into_inner).count;
    Ok(())
}

fn locked(work: &Mutex<Work>) -> MutexGuard<'_, Work> {
    work.lock().unwrap_or_else(PoisonError::into_inner)
}

fn next(work: &Mutex<Work>) -> Option<Job> {
    let mut work = locked(work);
    let job = work.waiting.pop_front()?;
    work.running.push(job.label());
    Some(job)
}

/// Tests that are ignored elsewhere are those that need a lab.
fn command(lab: &Path, job: &Job, filter: Option<&str>) -> Command {
    let mut command = Command::new(lab);
    command
        .current_dir(workspace_root())
        .args(["run", "--toolchain", "--plugin", "debug", "--endpoint"])
        .args([job.endpoint.name(), "--"])
        .arg(job.program.path())
        .args(["--include-ignored", "--test-threads", "4"])
        .args(filter);
    command
}

fn finish(work: &mut Work, job: &Job, took: Duration, output: std::io::Result<Output>) {
    let label = job.label();
    work.running.retain(|running| *running != label);
    let (success, text) = match output {
        Ok(output) => (
            output.status.success(),
            [output.stderr, output.stdout]
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .concat(),
        ),
        Err(error) => (false, error.to_string()),
    };
    say(&format!("== {label}: {:.0} s", took.as_secs_f64()));
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.iter().for_each(|line| say(line));
    work.count.program(&label, &lines, success);
}
