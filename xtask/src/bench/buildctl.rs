//! `buildctl build` on the lab's daemon: what a build costs without a provider.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use serde_json::Value;

/// What one build took.
#[derive(Debug, Clone, Copy)]
pub(super) struct Build {
    /// Seconds of the whole process.
    pub(super) seconds: f64,
    /// Bytes of the context as the daemon counts them, metadata included.
    pub(super) bytes: f64,
}

/// Builds `context` and pushes it as `image`; another `label` is another image of the same files.
pub(super) fn build(context: &Path, image: &str, label: usize) -> Build {
    let begun = Instant::now();
    let output = command(context, image, label).output().expect("buildctl");
    let seconds = begun.elapsed().as_secs_f64();
    Build {
        seconds,
        bytes: transferred(&text(&output)),
    }
}

/// Builds several at the same time; the answer is how long all of them took, in seconds. `None` when one failed: a busy
/// machine makes `buildctl` give up on a build that the daemon has finished.
pub(super) fn build_together<'a>(builds: impl Iterator<Item = (&'a Path, &'a str)>) -> Option<f64> {
    let begun = Instant::now();
    let running: Vec<_> = builds
        .map(|(context, image)| {
            let mut command = command(context, image, 0);
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
            command.spawn().expect("buildctl")
        })
        .collect();
    let ended = running
        .into_iter()
        .map(|child| child.wait_with_output().expect("buildctl"));
    let failed = ended.filter(|output| !output.status.success()).count();
    (failed == 0).then(|| begun.elapsed().as_secs_f64())
}

/// Seconds that the program takes to start and end.
pub(super) fn start() -> f64 {
    let begun = Instant::now();
    let output = Command::new("buildctl").arg("--version").output().expect("buildctl");
    text(&output);
    begun.elapsed().as_secs_f64()
}

fn command(context: &Path, image: &str, label: usize) -> Command {
    let mut command = Command::new("buildctl");
    command
        .args(["build", "--progress", "rawjson", "--frontend", "dockerfile.v0"])
        .args(["--opt", "platform=linux/amd64", "--opt"])
        .arg(format!("label:run={label}"))
        .arg("--local")
        .arg(format!("context={}", context.display()))
        .arg("--local")
        .arg(format!("dockerfile={}", context.display()))
        .arg("--output")
        .arg(format!(
            "type=image,name={image},push=true,oci-mediatypes=true,compression=gzip"
        ))
        .stdin(Stdio::null());
    command
}

fn text(output: &Output) -> String {
    let text = String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned();
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    assert!(output.status.success(), "buildctl failed: {}", last.unwrap_or_default());
    text
}

/// The highest count that the daemon gave for the transfer of the context.
fn transferred(progress: &str) -> f64 {
    let statuses = progress
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["statuses"].as_array().cloned())
        .flatten();
    statuses
        .filter(|status| {
            status["id"]
                .as_str()
                .is_some_and(|id| id.starts_with("transferring context"))
        })
        .filter_map(|status| status["current"].as_f64())
        .fold(0.0, f64::max)
}
