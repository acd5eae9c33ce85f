//! The program for a platform, compiled on this machine: the same sources give the same bytes, wherever they stand.
//!
//! C code is zig's, which brings the headers of every platform; programs are linked with Rust's own linker and libraries. Programs for
//! macOS are linked with libraries that only a Mac has.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use fastcontainer_lab::{Tool, Tools, cargo};

use super::PROGRAM;
use super::platform::Platform;
use crate::setup;
use crate::shell::{Outcome, run};

/// Between two flags of the compiler in cargo's variable.
const SEPARATOR: &str = "\x1f";

/// A checkout and where its output goes.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) sources: PathBuf,
    pub(super) target: PathBuf,
}

/// Compiles the program; the answer is where it is.
pub(super) fn compile(platform: Platform, place: &Place) -> Result<PathBuf, Box<dyn Error>> {
    let Some(zig) = platform.zig() else {
        return Err(format!(
            "programs for {} are compiled on a Mac, with `cargo build --release`; pack them here with `--program {0}=FILE`",
            platform.name()
        )
        .into());
    };
    add_target(platform)?;
    setup::for_release()?;
    let tools = place.target.join("dist-tools");
    fs::create_dir_all(&tools)?;
    let (compiler, name) = (compiler(platform, zig, &tools)?, platform.rust().replace('-', "_"));
    let mut build = cargo();
    build
        .args(["build", "--release", "--locked", "--package", PROGRAM])
        .args(["--target", platform.rust()])
        .env("CARGO_TARGET_DIR", &place.target)
        .env("CARGO_ENCODED_RUSTFLAGS", flags(place)?)
        .env("ZIG_GLOBAL_CACHE_DIR", tools.join("zig"))
        .env(format!("CC_{}", name), &compiler)
        .env(format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()), "rust-lld");
    let status = build.current_dir(&place.sources).status()?;
    if !status.success() {
        return Err(format!("{build:?} failed: {status}").into());
    }
    Ok(place.target.join(platform.rust()).join("release").join(PROGRAM))
}

/// Rust's library for the platform, from rustup when it is not there.
fn add_target(platform: Platform) -> Outcome {
    let mut ask = Command::new("rustc");
    ask.args(["--print", "target-libdir", "--target", platform.rust()]);
    let folder = crate::shell::output(&mut ask)?;
    if Path::new(folder.trim()).is_dir() {
        return Ok(());
    }
    run(Command::new("rustup").args(["target", "add", platform.rust()]))
        .map_err(|error| format!("Rust's library for {} is not installed: {error}", platform.rust()).into())
}

/// Messages name files by fixed places instead of this machine's.
fn flags(place: &Place) -> Result<OsString, Box<dyn Error>> {
    let home = env::home_dir().ok_or("HOME is not set")?;
    let registry = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let mut flags = OsString::new();
    // The last match counts: the output may stand inside the sources.
    for (from, to) in [
        (&place.sources, "/source"),
        (&place.target, "/target"),
        (&registry, "/cargo"),
    ] {
        if !flags.is_empty() {
            flags.push(SEPARATOR);
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    Ok(flags)
}

/// A program that is zig's C compiler for the platform. Cargo and build scripts add a name of the platform that zig does not know.
fn compiler(platform: Platform, zig: &str, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let python = Tools::locate()?.require(Tool::Zig)?.join("bin/python");
    let script = folder.join(format!("cc-{}", platform.name()));
    let text = format!(
        "#!/bin/sh\nfor word; do\n  shift\n  case \"$word\" in --target=*) ;; *) set -- \"$@\" \"$word\" ;; esac\ndone\n\
         exec '{}' -m ziglang cc -target {} \"$@\"\n",
        python.display(),
        zig
    );
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(script)
}
