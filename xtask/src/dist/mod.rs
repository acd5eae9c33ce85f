//! `cargo xtask dist`: what a release consists of.
//!
//! For each platform an archive with the program at its root, named as the Pulumi CLI asks for it, and a bill of materials; for
//! all of them `SHA256SUMS`. The same sources give the same bytes. Archives never hold PulumiPlugin.yaml: with it, the CLI would
//! start a language host instead of the program.

mod archive;
mod bill;
mod compile;
mod platform;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum as _};
use fastcontainer_lab::say;
use sha2::{Digest as _, Sha256};

use crate::shell::{Outcome, run, workspace_root};
use archive::Entry;
use compile::Place;
use platform::Platform;

const PROGRAM: &str = "pulumi-resource-fastcontainer";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const SUMS: &str = "SHA256SUMS";

/// Make the archives of a release, their bills of materials and checksums.
#[derive(Debug, Args)]
pub(crate) struct Dist {
    /// Only this platform; may be repeated. Without it, all that can be compiled here and those of `--program`.
    #[arg(long, value_enum)]
    platform: Vec<Platform>,
    /// Pack a program that is there instead of compiling one for its platform; may be repeated.
    #[arg(long, value_name = "PLATFORM=FILE", value_parser = compiled_elsewhere)]
    program: Vec<(Platform, PathBuf)>,
    /// Compile the commit at hand once more in another place, and demand the same bytes.
    #[arg(long)]
    verify: bool,
    /// Where the files go; what an earlier run left there is removed.
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
}

impl Dist {
    pub(crate) fn run(&self) -> Outcome {
        let out = workspace_root().join(&self.out);
        clear(&out)?;
        for platform in self.platforms() {
            match self.program.iter().find(|(of, _)| *of == platform) {
                Some((_, program)) => add(platform, program, &out)?,
                None => self.compile(platform, &out)?,
            }
        }
        sum(&out)
    }

    fn platforms(&self) -> Vec<Platform> {
        if !self.platform.is_empty() {
            return self.platform.clone();
        }
        let given = self.program.iter().map(|(platform, _)| *platform);
        let compiled = Platform::COMPILED_HERE.into_iter();
        let compiled = compiled.filter(|platform| self.program.iter().all(|(of, _)| of != platform));
        compiled.chain(given).collect()
    }

    fn compile(&self, platform: Platform, out: &Path) -> Outcome {
        say(&format!("compiling for {}", platform.name()));
        let program = compile::compile(platform, &here())?;
        add(platform, &program, out)?;
        if self.verify {
            verify(platform, &program)?;
        }
        Ok(())
    }
}

/// Reads `PLATFORM=FILE`.
fn compiled_elsewhere(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text.split_once('=').ok_or("there is no `=` in it")?;
    Ok((Platform::from_str(platform, false)?, file.into()))
}

fn here() -> Place {
    let root = workspace_root();
    Place {
        target: root.join("target"),
        sources: root.to_owned(),
    }
}

/// Removes what an earlier run left.
fn clear(out: &Path) -> Outcome {
    fs::create_dir_all(out)?;
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_ours(&name) || name == SUMS {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file is one of a release; the program that is to be packed may stand beside them.
fn is_ours(name: &str) -> bool {
    name.starts_with(PROGRAM) && name != PROGRAM
}

/// Adds the files of one platform.
fn add(platform: Platform, program: &Path, out: &Path) -> Outcome {
    let name = format!("{PROGRAM}-v{VERSION}-{}", platform.name());
    let entry = |name: &str, from: PathBuf, executable| Entry {
        name: name.to_owned(),
        from,
        executable,
    };
    let entries = vec![
        entry(PROGRAM, program.to_owned(), true),
        entry("LICENSE", workspace_root().join("LICENSE"), false),
    ];
    let archive = out.join(format!("{name}.tar.gz"));
    archive::pack(entries, &archive).map_err(|error| format!("{}: {error}", program.display()))?;
    let bill = serde_json::to_string_pretty(&bill::of(platform)?)?;
    fs::write(out.join(format!("{name}.cdx.json")), bill + "\n")?;
    say(&format!(
        "{}: {} bytes",
        archive.display(),
        fs::metadata(&archive)?.len()
    ));
    Ok(())
}

/// Writes `SHA256SUMS`, as `sha256sum --check` reads it.
fn sum(out: &Path) -> Outcome {
    let mut lines = Vec::new();
    for entry in fs::read_dir(out)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_ours(&name) {
            lines.push(format!("{name}\n{}", digest(&entry.path())?));
        }
    }
    lines.sort();
    let lines = lines.iter().filter_map(|line| line.split_once('\n'));
    let text: String = lines.map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    Ok(fs::write(out.join(SUMS), text)?)
}

fn digest(path: &Path) -> Result<String, Box<dyn Error>> {
    Ok(hex::encode(Sha256::digest(fs::read(path)?)))
}

/// Compiles the commit at hand in a checkout elsewhere, from nothing, and compares.
fn verify(platform: Platform, program: &Path) -> Outcome {
    let place = tempfile::tempdir()?;
    let sources = place.path().join("sources");
    run(Command::new("git")
        .args(["worktree", "add", "--detach", "--quiet"])
        .arg(&sources))?;
    let again = Place {
        target: place.path().join("target"),
        sources: sources.clone(),
    };
    let compiled = compile::compile(platform, &again).and_then(|other| same(program, &other));
    run(Command::new("git")
        .args(["worktree", "remove", "--force"])
        .arg(&sources))?;
    compiled?;
    say(&format!("{}: the same bytes from another place", platform.name()));
    Ok(())
}

fn same(one: &Path, other: &Path) -> Outcome {
    let (left, right) = (digest(one)?, digest(other)?);
    if left == right {
        return Ok(());
    }
    Err(format!(
        "two builds of the same commit differ: {} has {left}, the other {right}; is everything committed?",
        one.display()
    )
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_from_elsewhere_are_packed_beside_those_that_are_compiled() {
        let given = compiled_elsewhere("darwin-arm64=programs/arm").unwrap();
        assert_eq!(given, (Platform::DarwinArm64, PathBuf::from("programs/arm")));
        let dist = Dist {
            platform: Vec::new(),
            program: vec![given],
            verify: false,
            out: PathBuf::new(),
        };
        let wanted = [Platform::LinuxAmd64, Platform::LinuxArm64, Platform::DarwinArm64];
        assert_eq!(dist.platforms(), wanted);
        assert!(compiled_elsewhere("windows-amd64=program.exe").is_err());
        assert!(compiled_elsewhere("program").is_err());
    }
}
