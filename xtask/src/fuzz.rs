//! `cargo xtask fuzz`: inputs that nobody thought of, guided by coverage.
//!
//! The targets are the programs of `tests/fuzz`; each states what must hold for every input. They are a workspace of
//! their own, because everything in it is compiled with counters for libFuzzer. A short run starts from the corpus in the
//! repository and a fixed seed, and makes as many attempts as fit in a moment: nearly the same ones everywhere, but what
//! follows from an attempt depends on addresses and hash seeds, so that a short run, too, may find something new. A long
//! one goes on from what earlier long runs found, which stays in `target/`; `--keep` adds what covers new code to the
//! corpus.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use fastcontainer_lab::say;
use serde_json::Value;

use crate::shell::{Outcome, workspace_root};

/// Attempts of a short run.
const ATTEMPTS: u32 = 20_000;
/// The end of a short run of a target that works with files, in seconds.
const PATIENCE: u32 = 3;
/// Longest input that is kept in the repository, in bytes.
const LONGEST_KEPT: u32 = 128;
/// How many lines of a failed run are shown.
const SHOWN: usize = 40;

/// Run the fuzz targets, all of them or one; a short run each unless told otherwise.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// A program of `tests/fuzz`.
    target: Option<String>,
    /// Run each target so long, from a random seed and from what earlier long runs found.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u32>,
    /// Add what covers new code to `tests/fuzz/corpus` afterwards.
    #[arg(long, requires = "seconds")]
    keep: bool,
}

impl Fuzz {
    pub(crate) fn run(&self) -> Outcome {
        if let Some(why) = missing() {
            return Err(why.into());
        }
        let only = self.target.as_deref();
        let Some(seconds) = self.seconds else {
            return short(only).map(drop);
        };
        for target in targets(only)? {
            target.long(seconds)?;
            if self.keep {
                target.keep()?;
            }
        }
        Ok(())
    }
}

/// Why there can be no fuzzing on this machine; nothing if there can.
pub(crate) fn missing() -> Option<&'static str> {
    if !cfg!(target_os = "linux") {
        return Some("fuzz targets run on Linux only");
    }
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "c++".into());
    let mut version = Command::new(compiler);
    version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
    let works = version.status().is_ok_and(|status| status.success());
    (!works).then_some("fuzz targets need a C++ compiler, which builds libFuzzer")
}

/// A short run of every target, or of one. Says how many there were.
pub(crate) fn short(only: Option<&str>) -> Result<u32, Box<dyn Error>> {
    let mut passed = 0;
    for target in targets(only)? {
        target.short()?;
        passed += 1;
    }
    Ok(passed)
}

/// Formatting and clippy of the targets, which checks of the main workspace do not see.
pub(crate) fn lint() -> Outcome {
    succeed(cargo("fmt").arg("--check"))?;
    succeed(cargo("clippy").args(["--release", "--quiet", "--", "--deny", "warnings"]))
}

/// A compiled target.
struct Target {
    name: String,
    program: PathBuf,
}

impl Target {
    /// Attempts from the corpus on, with a fixed seed. What they find is not kept, unless it breaks something.
    fn short(&self) -> Outcome {
        let scratch = work("short", &self.name)?;
        std::fs::remove_dir_all(&scratch)?;
        std::fs::create_dir_all(&scratch)?;
        let mut command = self.command()?;
        command.args([
            &format!("-runs={ATTEMPTS}"),
            &format!("-max_total_time={PATIENCE}"),
            "-seed=1",
        ]);
        self.report(command.arg(scratch).arg(self.corpus()))
    }

    fn long(&self, seconds: u32) -> Outcome {
        say(&format!("fuzz {}: {seconds} s", self.name));
        let mut command = self.command()?;
        command.arg(format!("-max_total_time={seconds}"));
        self.report(command.arg(work("found", &self.name)?).arg(self.corpus()))
    }

    /// Adds the fewest inputs to the corpus that cover what has been found; how often code ran does not count.
    fn keep(&self) -> Outcome {
        let mut command = self.command()?;
        command.args(["-set_cover_merge=1", "-use_counters=0", "-use_cmp=0"]);
        command.arg(format!("-max_len={LONGEST_KEPT}"));
        self.report(command.arg(self.corpus()).arg(work("found", &self.name)?))
    }

    /// The program with its limits: no input may take two seconds or half a gigabyte.
    fn command(&self) -> Result<Command, Box<dyn Error>> {
        let mut command = Command::new(&self.program);
        command.args(["-timeout=2", "-rss_limit_mb=512"]);
        let artifacts = work("broken", &self.name)?;
        command.arg(format!("-artifact_prefix={}/", artifacts.display()));
        let subject = self.name.split('_').next().unwrap_or_default();
        let words = package().join("dictionaries").join(format!("{subject}.dict"));
        if words.is_file() {
            command.arg(format!("-dict={}", words.display()));
        }
        Ok(command)
    }

    fn corpus(&self) -> PathBuf {
        package().join("corpus").join(&self.name)
    }

    /// Runs libFuzzer; one line if nothing was found, else the end of what it said.
    fn report(&self, command: &mut Command) -> Outcome {
        let output = command.stdin(Stdio::null()).stdout(Stdio::null()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            let counts = said
                .lines()
                .rfind(|line| line.contains(" cov: ") || line.starts_with("MERGE"));
            say(&format!("fuzz {}: {}", self.name, counts.unwrap_or("nothing to do")));
            return Ok(());
        }
        let lines: Vec<&str> = said.lines().collect();
        let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
        Err(format!(
            "{end}\nfuzz {}: found something; {command:?} FILE repeats it",
            self.name
        )
        .into())
    }
}

fn package() -> PathBuf {
    workspace_root().join("tests/fuzz")
}

/// A directory of a target below the build output, made if it is not there.
fn work(purpose: &str, target: &str) -> std::io::Result<PathBuf> {
    let directory = workspace_root().join("target/fuzz").join(purpose).join(target);
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// Cargo in the package of the targets, without settings of the caller that would replace the package's own.
fn cargo(command: &str) -> Command {
    let mut cargo = fastcontainer_lab::cargo();
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET",
    ] {
        cargo.env_remove(variable);
    }
    cargo.current_dir(package()).arg(command);
    cargo
}

fn succeed(command: &mut Command) -> Outcome {
    let status = command.status()?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {status}").into())
}

/// Compiles the targets, or one of them.
fn targets(only: Option<&str>) -> Result<Vec<Target>, Box<dyn Error>> {
    let mut build = cargo("build");
    build.args([
        "--release",
        "--quiet",
        "--locked",
        "--message-format",
        "json-render-diagnostics",
    ]);
    match only {
        Some(name) => build.args(["--bin", name]),
        None => build.arg("--bins"),
    };
    let output = build.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{build:?} failed: {}", output.status).into());
    }
    let messages = String::from_utf8(output.stdout)?;
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let targets = messages.filter_map(|message| {
        let program = Path::new(message["executable"].as_str()?).to_owned();
        let name = message["target"]["name"].as_str()?.to_owned();
        Some(Target { name, program })
    });
    let mut targets: Vec<Target> = targets.collect();
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}
