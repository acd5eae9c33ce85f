//! The handle of a lab for whoever works inside: tests, demo, and the `lab` program's own commands.
//!
//! Everything it knows is in the lab's folder, so that any process inside gets an equal handle with [`Lab::current`].

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::builder::Builder;
use crate::container::{self, ContainerOptions, Login, Place, PulledImage, RunningContainer};
use crate::emulator::Emulator;
use crate::endpoint::Endpoint;
use crate::error::{LabError, Result, cannot};
use crate::lambda::{self, Invocation};
use crate::settings::{PLAIN_PASSWORD, PLAIN_USER, Settings};
use crate::tools::Tools;
use crate::workspace::{Profile, build_program};

/// The environment variable that holds a lab's folder.
pub const DIRECTORY_VARIABLE: &str = "FASTCONTAINER_LAB_DIR";

const PLUGIN: &str = "pulumi-resource-fastcontainer";
const PLUGIN_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A running lab.
#[derive(Debug, Clone)]
pub struct Lab {
    directory: PathBuf,
    settings: Settings,
    tools: Tools,
}

impl Lab {
    /// The lab that this process runs in.
    ///
    /// # Errors
    /// [`LabError::Missing`] outside of a lab.
    pub fn current() -> Result<Self> {
        let directory = env::var_os(DIRECTORY_VARIABLE).ok_or_else(|| {
            LabError::missing(
                "a lab",
                "run this inside one: `cargo run -p fastcontainer-lab -- run --endpoint buildkitd -- …`",
            )
        })?;
        Self::open(Path::new(&directory))
    }

    /// The lab whose folder is `directory`.
    pub(crate) fn open(directory: &Path) -> Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
            settings: Settings::read(directory)?,
            tools: Tools::locate()?,
        })
    }

    /// The lab's folder.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The installed tools.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// Which builder it has; `None` in host mode.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.settings.endpoint
    }

    /// The builder.
    ///
    /// # Errors
    /// [`LabError::Missing`] in host mode, where the machine's own Docker builds.
    pub fn builder(&self) -> Result<Builder> {
        let endpoint = self.settings.endpoint;
        let endpoint =
            endpoint.ok_or_else(|| LabError::missing("a builder of its own", "this lab runs in host mode"))?;
        Ok(Builder::new(endpoint, &self.directory, &self.tools, &self.settings))
    }

    /// The emulator of AWS and of public registries.
    #[must_use]
    pub fn emulator(&self) -> Emulator {
        Emulator::on_port(self.settings.plain_port)
    }

    /// Host of the plain registry, which wants user [`crate::PLAIN_USER`] and password [`crate::PLAIN_PASSWORD`].
    #[must_use]
    pub fn plain_registry(&self) -> String {
        format!("localhost:{}", self.settings.plain_port)
    }

    /// The folder that the lab's Pulumi CLI calls home.
    #[must_use]
    pub fn pulumi_home(&self) -> PathBuf {
        pulumi_home(&self.directory)
    }

    /// Builds the provider and puts it where the lab's Pulumi CLI finds it without a warning.
    ///
    /// # Errors
    /// When it does not compile or cannot be copied.
    pub fn install_plugin(&self, profile: Profile) -> Result<PathBuf> {
        install_plugin(&self.directory, profile)
    }

    /// A fresh password for user `AWS` of the lab's ECR.
    ///
    /// # Errors
    /// When ECR refuses or cannot be reached.
    pub fn ecr_password(&self) -> Result<SecretString> {
        container::ecr_password()
    }

    /// Writes the login for the lab's ECR and plain registries into the Docker configuration that clients inside read.
    ///
    /// # Errors
    /// When ECR refuses or the file cannot be written; [`LabError::Missing`] in host mode, which has no ECR.
    pub fn log_in(&self) -> Result<()> {
        use base64::Engine as _;
        let encode =
            |user: &str, password: &str| base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.builder()?;
        let ecr = encode("AWS", self.ecr_password()?.expose_secret());
        let plain = encode(PLAIN_USER, PLAIN_PASSWORD);
        let config = serde_json::json!({ "auths": {
            crate::settings::ECR_HOST: { "auth": ecr },
            self.plain_registry(): { "auth": plain },
        }});
        let path = docker_config(&self.directory).join("config.json");
        fs::write(&path, config.to_string()).map_err(cannot("write", &path))
    }

    /// Pulls an image into the lab's folder.
    ///
    /// # Errors
    /// When the registry refuses, or serves something else than the digests promise.
    pub fn pull(&self, reference: &str) -> Result<PulledImage> {
        let login = self.login_for(reference)?;
        let plain = self.plain_host(reference);
        container::pull(reference, login.as_ref(), &plain, &self.directory.join("pulled"))
    }

    /// Reads the manifest or index that a reference names, as the registry stores it.
    ///
    /// # Errors
    /// When the registry refuses.
    pub fn manifest(&self, reference: &str) -> Result<Value> {
        let login = self.login_for(reference)?;
        container::manifest(reference, login.as_ref(), &self.plain_host(reference))
    }

    /// Runs an image to its end and returns what it wrote.
    ///
    /// # Errors
    /// When it cannot be pulled, unpacked or started; not when its program ends with an error.
    pub fn run_image(&self, reference: &str, options: &ContainerOptions) -> Result<Output> {
        container::run(self.place(), &self.pull(reference)?, options, false)
    }

    /// Runs an image to its end with this process's own standard streams.
    ///
    /// # Errors
    /// Those of [`Self::run_image`].
    pub fn run_image_here(&self, reference: &str, options: &ContainerOptions) -> Result<Output> {
        container::run(self.place(), &self.pull(reference)?, options, true)
    }

    /// Starts an image in the background, on the lab's network.
    ///
    /// # Errors
    /// When it cannot be pulled, unpacked or started.
    pub fn start_image(&self, reference: &str, options: &ContainerOptions) -> Result<RunningContainer> {
        container::start(self.place(), &self.pull(reference)?, options)
    }

    /// Calls the handler in a function's image with `event`, in a container of its own.
    ///
    /// # Errors
    /// When it cannot be started, or ends without an answer; not when the handler fails.
    pub fn invoke_function(&self, reference: &str, event: &Value) -> Result<Invocation> {
        lambda::invoke(self, reference, event)
    }

    /// Ends a container in the background, known by its id.
    ///
    /// # Errors
    /// [`LabError::Missing`] when there is none.
    pub fn stop_container(&self, id: &str) -> Result<()> {
        container::stop(id, &self.directory, &self.tools)
    }

    fn place(&self) -> Place<'_> {
        Place {
            directory: &self.directory,
            tools: &self.tools,
            cgroup: &self.settings.cgroup,
        }
    }

    /// The registry that is asked without TLS: the reference's own when it is on this machine, as clients do.
    fn plain_host(&self, reference: &str) -> String {
        let host = host_of(reference);
        if host.starts_with("localhost:") {
            return host.to_owned();
        }
        self.plain_registry()
    }

    fn login_for(&self, reference: &str) -> Result<Option<Login>> {
        let host = host_of(reference);
        if host.contains(".dkr.ecr.") {
            return Ok(Some(Login {
                user: "AWS".to_owned(),
                password: self.ecr_password()?,
            }));
        }
        let is_plain = host == self.plain_registry();
        Ok(is_plain.then(|| Login {
            user: PLAIN_USER.to_owned(),
            password: SecretString::from(PLAIN_PASSWORD),
        }))
    }
}

/// The registry in a reference that names one.
fn host_of(reference: &str) -> &str {
    reference.split('/').next().unwrap_or_default()
}

pub(crate) fn pulumi_home(directory: &Path) -> PathBuf {
    directory.join("pulumi-home")
}

pub(crate) fn docker_config(directory: &Path) -> PathBuf {
    directory.join("docker-config")
}

/// Builds the provider and copies it into the plugin folder of the lab in `directory`.
pub(crate) fn install_plugin(directory: &Path, profile: Profile) -> Result<PathBuf> {
    let program = build_program(PLUGIN, PLUGIN, profile)?;
    let plugins = pulumi_home(directory).join("plugins");
    let folder = plugins.join(format!("resource-fastcontainer-v{PLUGIN_VERSION}"));
    fs::create_dir_all(&folder).map_err(cannot("create", &folder))?;
    let target = folder.join(PLUGIN);
    // A running plugin cannot be written over, but its name can be given to another file.
    let fresh = folder.join(".fresh");
    fs::copy(&program, &fresh).map_err(cannot("copy", &program))?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).map_err(cannot("change the mode of", &fresh))?;
    fs::rename(&fresh, &target).map_err(cannot("rename", &fresh))?;
    Ok(target)
}
