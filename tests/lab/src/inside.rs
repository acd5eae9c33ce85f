//! The inside of a lab: process 1 of its namespaces. Brings up the network, the emulator and the builder, then runs the command.
//!
//! Names of AWS and of public registries lead to the emulator through a hosts file that only this mount namespace sees, names of
//! package registries to the gateway; there is no way to any other network. As process 1 it is not ended by Ctrl-C, the command is.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus};

use crate::emulator::{Emulator, tls_directory};
use crate::environment::Environment;
use crate::error::{LabError, Result, cannot};
use crate::gateway;
use crate::images::BaseImage;
use crate::lab::Lab;
use crate::process::{capture, not_started};
use crate::progress::{Activity, say};
use crate::settings::{HOSTS, Settings};
use crate::tools::Tool;

/// Where distributions keep the certificates that they trust.
const SYSTEM_ROOTS: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];

/// Runs `command` in the lab of `directory`, whose namespaces this process is in already.
///
/// # Errors
/// When a part of the lab does not start.
pub fn run_as_first_process(directory: &Path, command: &[OsString]) -> Result<i32> {
    let activity = Activity::begin("lab");
    let settings = Settings::read(directory)?;
    let lab = Lab::open(directory)?;
    bring_up_network(&lab)?;
    let emulator = Emulator::start(&settings, directory, Some(lab.tools()))?;
    gateway::start_relay(&gateway::socket(directory))?;
    trust_gateway(&lab)?;
    install_language_hosts(&lab)?;
    let builder = lab.builder()?;
    builder.launch()?;
    seed(&emulator, &lab, settings.toolchain)?;
    builder.await_ready()?;
    let name = lab.endpoint().map_or("host", |endpoint| endpoint.name());
    say(&format!(
        "lab with {name} ready in {:.1} s: {}",
        activity.elapsed().as_secs_f64(),
        directory.display()
    ));
    let environment = Environment::of(directory, lab.tools(), &emulator, Some(&builder))?;
    run(command, &environment, name)
}

/// Runs `command` beside an emulator, with the machine's own network and Docker.
pub(crate) fn run_on_host(directory: &Path, command: &[OsString]) -> Result<i32> {
    let mut settings = Settings::read(directory)?;
    let emulator = Emulator::start(&settings, directory, None)?;
    settings.plain_port = emulator.port();
    settings.write(directory)?;
    let lab = Lab::open(directory)?;
    let environment = Environment::of(directory, lab.tools(), &emulator, None)?;
    say(&format!(
        "lab in host mode, registry {}: {}",
        lab.plain_registry(),
        directory.display()
    ));
    let code = run(command, &environment, "host");
    emulator.stop(directory);
    code
}

fn run(command: &[OsString], environment: &Environment, name: &str) -> Result<i32> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| LabError::missing("a command", "give one after `--`"))?;
    let mut command = Command::new(program);
    for variable in &environment.remove {
        command.env_remove(variable);
    }
    command
        .args(arguments)
        .envs(environment.set.iter().cloned())
        .env("FASTCONTAINER_LAB", name);
    let status = command.status().map_err(not_started(&command))?;
    Ok(exit_code(&status))
}

/// The code that a shell would show: 128 and the number of the signal, for a command ended by one.
pub(crate) fn exit_code(status: &ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

fn bring_up_network(lab: &Lab) -> Result<()> {
    let busybox = lab.tools().debian_root()?.join("bin/busybox");
    let own = gateway::ADDRESS.to_string();
    for arguments in [&["link", "set", "lo", "up"][..], &["addr", "add", &own, "dev", "lo"]] {
        capture("ip", Command::new(&busybox).arg("ip").args(arguments))?;
    }
    let names: String = HOSTS.iter().map(|host| format!("127.0.0.1 {host}\n")).collect();
    let packages: String = gateway::NAMES
        .iter()
        .map(|host| format!("{} {host}\n", gateway::ADDRESS))
        .collect();
    let hosts = format!("127.0.0.1 localhost lab\n::1 localhost\n{names}{packages}");
    cover(Path::new("/etc/hosts"), &lab.directory().join("hosts"), &hosts)?;
    cover(
        Path::new("/etc/resolv.conf"),
        &lab.directory().join("resolv.conf"),
        "nameserver 127.0.0.1\noptions timeout:1\n",
    )
}

/// Adds the gateway's authority to the certificates that everything in the lab trusts.
fn trust_gateway(lab: &Lab) -> Result<()> {
    let own = lab.tools().require(Tool::Authority)?.join(gateway::CERTIFICATE);
    let own = fs::read_to_string(&own).map_err(cannot("read", &own))?;
    let path = tls_directory(lab.directory()).join("bundle.pem");
    let bundle = fs::read_to_string(&path).map_err(cannot("read", &path))?;
    let bundle = if bundle.contains(&own) { bundle } else { bundle + &own };
    // Not every program asks the environment, and the user's settings may name the system's file.
    let system = SYSTEM_ROOTS.iter().map(Path::new).find(|path| path.exists());
    match system {
        Some(system) => cover(system, &path, &bundle),
        None => fs::write(&path, bundle).map_err(cannot("write", &path)),
    }
}

/// Puts the language hosts where the CLI looks without being told to look everywhere.
fn install_language_hosts(lab: &Lab) -> Result<()> {
    let tool = Tool::LanguageHosts;
    let hosts = lab.tools().require(tool)?;
    for language in ["nodejs", "python", "go"] {
        let name = format!("pulumi-language-{language}");
        let folder = format!("plugins/language-{language}-{}", tool.recipe().version);
        let folder = lab.pulumi_home().join(folder);
        fs::create_dir_all(&folder).map_err(cannot("create", &folder))?;
        let link = folder.join(&name);
        if !link.exists() {
            symlink(hosts.join(&name), &link).map_err(cannot("create", &link))?;
        }
    }
    Ok(())
}

/// Mounts a file with `text` over `place`, in this mount namespace only.
fn cover(place: &Path, file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(cannot("write", file))?;
    if !place.exists() {
        return Err(LabError::missing(
            format!("`{}`", place.display()),
            "create an empty file there",
        ));
    }
    capture("mount --bind", Command::new("mount").arg("--bind").args([file, place])).map(drop)
}

fn seed(emulator: &Emulator, lab: &Lab, toolchain: bool) -> Result<()> {
    for image in BaseImage::ALL
        .into_iter()
        .filter(|image| !image.is_optional() || (toolchain && *image == BaseImage::Toolchain))
    {
        emulator.seed_base_image(image, lab.tools())?;
    }
    Ok(())
}
