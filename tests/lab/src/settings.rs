//! What identifies one lab: the file `lab.json` in its folder, read by every process that works inside.
//!
//! Also the fixed names of the world that a lab pretends to be: AWS account and region, registry hosts, test credentials.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::error::{LabError, Result, cannot};

/// The AWS account of every lab.
pub const ACCOUNT: &str = "123456789012";
/// The AWS region of every lab.
pub const REGION: &str = "eu-central-1";
/// The emulator's long-lived access key.
pub(crate) const ACCESS_KEY: &str = "test";
/// Its secret.
pub(crate) const SECRET_KEY: &str = "test";
/// Profile of the AWS tools that has this key.
pub(crate) const PROFILE: &str = "pulumi";
/// The host of that account's ECR registry.
pub const ECR_HOST: &str = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
/// User of the plain registry.
pub const PLAIN_USER: &str = "lab";
/// Password of the plain registry.
pub const PLAIN_PASSWORD: &str = "lab-password";

/// Names that lead to the emulator inside a lab. A hosts file has no wildcards, so each is listed.
pub(crate) const HOSTS: &[&str] = &[
    ECR_HOST,
    "210987654321.dkr.ecr.eu-central-1.amazonaws.com",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com",
    "api.ecr.eu-central-1.amazonaws.com",
    "api.ecr.us-east-1.amazonaws.com",
    "ecr.eu-central-1.amazonaws.com",
    "sts.eu-central-1.amazonaws.com",
    "sts.us-east-1.amazonaws.com",
    "sts.amazonaws.com",
    "prod-eu-central-1-starport-layer-bucket.s3.eu-central-1.amazonaws.com",
    "prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com",
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "auth.docker.io",
    "production.cloudflare.docker.com",
    "public.ecr.aws",
    "ghcr.io",
    "quay.io",
];

/// The persistent part of a lab.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Which builder; `None` in host mode, where the machine's own Docker builds.
    pub(crate) endpoint: Option<Endpoint>,
    /// Port of the emulator's plain listener.
    pub(crate) plain_port: u16,
    /// Name of this lab's control groups.
    pub(crate) cgroup: String,
    /// The emulator's program.
    pub(crate) emulator: PathBuf,
    /// Whether the big image with compilers is served.
    pub(crate) toolchain: bool,
}

impl Settings {
    fn path(directory: &Path) -> PathBuf {
        directory.join("lab.json")
    }

    /// Reads the settings of the lab in `directory`.
    pub(crate) fn read(directory: &Path) -> Result<Self> {
        let path = Self::path(directory);
        let text = fs::read(&path).map_err(cannot("read", &path))?;
        serde_json::from_slice(&text).map_err(|error| LabError::malformed(path.display().to_string(), error))
    }

    /// Writes them.
    pub(crate) fn write(&self, directory: &Path) -> Result<()> {
        let path = Self::path(directory);
        let text = serde_json::to_vec_pretty(self).map_err(|error| LabError::malformed("lab.json", error))?;
        fs::write(&path, text).map_err(cannot("write", &path))
    }
}
