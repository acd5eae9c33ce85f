//! The environment of commands in a lab: everything leads to the lab's own daemons and folders, nothing to the user's accounts.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::builder::Builder;
use crate::emulator::{Emulator, tls_directory};
use crate::error::{LabError, Result};
use crate::lab::{DIRECTORY_VARIABLE, docker_config, pulumi_home};
use crate::settings::{ACCESS_KEY, ECR_HOST, PLAIN_PASSWORD, PLAIN_USER, PROFILE, REGION, SECRET_KEY};
use crate::tools::{CACHE_VARIABLE, Tool, Tools};

/// Variables of the user whose names begin so do not reach commands in a lab.
const REMOVED: &[&str] = &["AWS_", "PULUMI_", "FASTCONTAINER_"];
/// Removed too, unless the machine's own Docker is used.
const REMOVED_WITH_BUILDER: &[&str] = &["DOCKER_", "BUILDKIT_", "BUILDX_"];

/// Where programs of different languages look for the name of a file with trusted certificates.
const TRUST: &[&str] = &[
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
];

/// Variables to set and names to remove.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    pub(crate) set: Vec<(String, OsString)>,
    pub(crate) remove: Vec<OsString>,
}

impl Environment {
    /// The environment of the lab in `directory`; without a builder it is that of host mode.
    pub(crate) fn of(directory: &Path, tools: &Tools, emulator: &Emulator, builder: Option<&Builder>) -> Result<Self> {
        let mut environment = Self {
            remove: inherited(builder.is_some()),
            ..Self::default()
        };
        environment.add_identity(directory, emulator);
        environment.add_pulumi(directory, tools)?;
        environment.put("FASTCONTAINER_BUSYBOX", tools.debian_root()?.join("bin/busybox"));
        environment.add_toolchain_homes();
        if let Some(builder) = builder {
            let (name, address) = builder.variable();
            environment.put(name, address);
            environment.put("DOCKER_CONFIG", docker_config(directory));
            for name in TRUST {
                environment.put(name, tls_directory(directory).join("bundle.pem"));
            }
            environment.put("FASTCONTAINER_ECR", ECR_HOST);
            environment.put("FASTCONTAINER_SECRETS_PROVIDER", secrets_provider());
            environment.put("CARGO_NET_OFFLINE", "true");
        } else if let Some(config) = user_docker_config() {
            environment.put("DOCKER_CONFIG", config);
        }
        Ok(environment)
    }

    fn put(&mut self, name: &str, value: impl Into<OsString>) {
        self.set.push((name.to_owned(), value.into()));
    }

    fn add_identity(&mut self, directory: &Path, emulator: &Emulator) {
        self.put(DIRECTORY_VARIABLE, directory);
        self.put("FASTCONTAINER_EMULATOR", emulator.url());
        self.put("FASTCONTAINER_PLAIN_REGISTRY", format!("localhost:{}", emulator.port()));
        self.put("FASTCONTAINER_PLAIN_USER", PLAIN_USER);
        self.put("FASTCONTAINER_PLAIN_PASSWORD", PLAIN_PASSWORD);
        self.put("HOME", directory.join("home"));
        self.put("AWS_ACCESS_KEY_ID", ACCESS_KEY);
        self.put("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        self.put("AWS_REGION", REGION);
        self.put("AWS_EC2_METADATA_DISABLED", "true");
        self.put("AWS_CONFIG_FILE", directory.join("home/aws-config"));
        self.put("AWS_SHARED_CREDENTIALS_FILE", directory.join("home/aws-credentials"));
    }

    fn add_pulumi(&mut self, directory: &Path, tools: &Tools) -> Result<()> {
        self.put(CACHE_VARIABLE, tools.cache());
        self.put("PULUMI_HOME", pulumi_home(directory));
        self.put(
            "PULUMI_BACKEND_URL",
            format!("file://{}", directory.join("state").display()),
        );
        self.put("PULUMI_CONFIG_PASSPHRASE", "lab");
        self.put("PULUMI_SKIP_UPDATE_CHECK", "true");
        // The CLI and its like live for a second: collecting garbage early only takes time from them.
        self.put("GOGC", "400");
        self.put("PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION", "true");
        self.put("PULUMI_IGNORE_AMBIENT_PLUGINS", "true");
        let path = env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<PathBuf> = [Tool::Pulumi, Tool::LanguageHosts, Tool::BuildKit]
            .into_iter()
            .map(|tool| tools.directory(tool))
            .collect();
        folders.extend(own_folder());
        folders.extend(env::split_paths(&path));
        self.put(
            "PATH",
            env::join_paths(folders).map_err(|error| LabError::malformed("the tools' path", error))?,
        );
        Ok(())
    }

    /// Compilers keep their caches although HOME is another one.
    fn add_toolchain_homes(&mut self) {
        let Some(home) = env::home_dir() else { return };
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup"), ("GOPATH", "go")] {
            let value = env::var_os(name).map_or_else(|| home.join(folder), PathBuf::from);
            if value.is_dir() {
                self.put(name, value);
            }
        }
        let go_cache = env::var_os("GOCACHE").map_or_else(|| home.join(".cache/go-build"), PathBuf::from);
        self.put("GOCACHE", go_cache);
    }
}

/// A key of KMS for the secrets of stacks: a passphrase costs each command of the CLI a million rounds of PBKDF2. It is asked with the
/// keys of a profile, so that trouble with those in the environment is the provider's alone.
fn secrets_provider() -> String {
    format!("awskms://alias/pulumi?region={REGION}&profile={PROFILE}")
}

/// The user's own Docker contexts and logins, for host mode.
fn user_docker_config() -> Option<PathBuf> {
    let named = env::var_os("DOCKER_CONFIG").map(PathBuf::from);
    named
        .or_else(|| Some(env::home_dir()?.join(".docker")))
        .filter(|folder| folder.is_dir())
}

/// Folder of the running program, so that `lab` is on PATH inside a lab.
fn own_folder() -> Option<PathBuf> {
    Some(env::current_exe().ok()?.parent()?.to_owned())
}

fn inherited(with_builder: bool) -> Vec<OsString> {
    let begins_so = |name: &OsString, prefixes: &[&str]| {
        prefixes
            .iter()
            .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    };
    env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| begins_so(name, REMOVED) || (with_builder && begins_so(name, REMOVED_WITH_BUILDER)))
        .collect()
}
