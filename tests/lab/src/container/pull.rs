//! A small registry client: manifest, configuration and layers of one image for this machine's platform.
//!
//! Transport, token exchange and redirects are oci-client's. ECR logins come from ECR itself (`GetAuthorizationToken`).
//! Every call runs on a thread of its own, so that tests may call it from anywhere, an async runtime included.

use std::fs;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use base64::Engine as _;
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;
use oci_client::{Reference, RegistryOperation};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::blocking::on_own_thread;
use crate::error::{LabError, Result, cannot};
use crate::images::architecture;
use crate::settings::REGION;

const ACCEPTED: &[&str] = &[
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

/// User name and password of a registry.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    pub(crate) user: String,
    pub(crate) password: SecretString,
}

/// An image on disk.
#[derive(Debug, Clone)]
pub struct PulledImage {
    /// Digest of its manifest.
    pub digest: String,
    /// Media type of what the reference named, which may be an index.
    pub media_type: String,
    /// The image configuration.
    pub config: Value,
    /// The compressed layers, lowest first.
    pub layers: Vec<PathBuf>,
}

/// Pulls `reference` into `directory`; hosts in `plain` are spoken to without TLS.
pub(crate) fn pull(reference: &str, login: Option<&Login>, plain: &str, directory: &Path) -> Result<PulledImage> {
    fs::create_dir_all(directory).map_err(cannot("create", directory))?;
    let puller = puller(reference, login, plain, directory)?;
    on_own_thread(puller.pull()).map_err(|error| error.about(reference))
}

/// Reads the manifest or index that `reference` names, as it is stored.
pub(crate) fn manifest(reference: &str, login: Option<&Login>, plain: &str) -> Result<Value> {
    let puller = puller(reference, login, plain, Path::new(""))?;
    on_own_thread(puller.named()).map_err(|error| error.about(reference))
}

fn puller<'a>(reference: &str, login: Option<&Login>, plain: &str, directory: &'a Path) -> Result<Puller<'a>> {
    let image: Reference = reference
        .parse()
        .map_err(|error| LabError::registry(reference, error))?;
    let auth = login.map_or(RegistryAuth::Anonymous, |login| {
        RegistryAuth::Basic(login.user.clone(), login.password.expose_secret().to_owned())
    });
    let config = ClientConfig {
        protocol: ClientProtocol::HttpsExcept(vec![plain.to_owned()]),
        ..ClientConfig::default()
    };
    Ok(Puller {
        client: client(config),
        image,
        auth,
        directory,
    })
}

/// A fresh ECR password for user `AWS`, as `aws ecr get-login-password` prints it.
///
/// # Errors
/// When ECR refuses or cannot be reached.
pub(crate) fn ecr_password() -> Result<SecretString> {
    let token = on_own_thread(async {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .http_client(http)
            .load()
            .await;
        let answer = aws_sdk_ecr::Client::new(&config).get_authorization_token().send().await;
        answer.map_err(|error| LabError::registry("ECR", error))
    })?;
    let data = token.authorization_data.unwrap_or_default();
    let encoded = data
        .first()
        .and_then(|entry| entry.authorization_token())
        .unwrap_or_default();
    base64::engine::general_purpose::STANDARD
        .decode(encoded)
        .ok()
        .and_then(|pair| {
            String::from_utf8(pair)
                .ok()?
                .split_once(':')
                .map(|(_, password)| password.to_owned())
        })
        .map(SecretString::from)
        .ok_or_else(|| LabError::malformed("ECR's authorization token", "it is not base64 of `user:password`"))
}

enum PullError {
    Registry(Box<dyn std::error::Error + Send + Sync>),
    Local(LabError),
}

impl PullError {
    fn about(self, reference: &str) -> LabError {
        match self {
            Self::Registry(error) => LabError::registry(reference, error),
            Self::Local(error) => error,
        }
    }
}

impl From<LabError> for PullError {
    fn from(error: LabError) -> Self {
        Self::Local(error)
    }
}

impl From<oci_client::errors::OciDistributionError> for PullError {
    fn from(error: oci_client::errors::OciDistributionError) -> Self {
        Self::Registry(error.into())
    }
}

struct Puller<'a> {
    client: Client,
    image: Reference,
    auth: RegistryAuth,
    directory: &'a Path,
}

impl Puller<'_> {
    async fn log_in(&self) -> Result<(), PullError> {
        self.client
            .auth(&self.image, &self.auth, RegistryOperation::Pull)
            .await?;
        Ok(())
    }

    async fn named(self) -> Result<Value, PullError> {
        self.log_in().await?;
        Ok(self.manifest(&self.image).await?.0)
    }

    async fn pull(self) -> Result<PulledImage, PullError> {
        self.log_in().await?;
        let (mut manifest, mut digest) = self.manifest(&self.image).await?;
        let media_type = manifest["mediaType"].as_str().unwrap_or_default().to_owned();
        if let Some(entries) = manifest["manifests"].as_array() {
            let chosen = choose(entries)?;
            (manifest, digest) = self.manifest(&self.image.clone_with_digest(chosen)).await?;
        }
        let config = self.blob(&manifest["config"]).await?;
        let text = fs::read(&config).map_err(cannot("read", &config))?;
        let config = parse("the image configuration", &text)?;
        let mut layers = Vec::new();
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            layers.push(self.blob(layer).await?);
        }
        Ok(PulledImage {
            digest,
            media_type,
            config,
            layers,
        })
    }

    async fn manifest(&self, image: &Reference) -> Result<(Value, String), PullError> {
        let (bytes, digest) = self.client.pull_manifest_raw(image, &self.auth, ACCEPTED).await?;
        Ok((parse("the manifest", &bytes)?, digest))
    }

    async fn blob(&self, descriptor: &Value) -> Result<PathBuf, PullError> {
        let digest = descriptor["digest"].as_str().unwrap_or_default();
        let path = self.directory.join(digest.replace(':', "-"));
        // Another thread may read the same blob at this moment, so only a whole one gets its name.
        let failed = || cannot("write", &path);
        let partial = tempfile::NamedTempFile::new_in(self.directory).map_err(failed())?;
        let mut file = tokio::fs::File::from_std(partial.reopen().map_err(failed())?);
        self.client.pull_blob(&self.image, digest, &mut file).await?;
        tokio::io::AsyncWriteExt::flush(&mut file).await.map_err(failed())?;
        partial.persist(&path).map_err(|error| failed()(error.error))?;
        Ok(path)
    }
}

fn choose(entries: &[Value]) -> Result<String> {
    let ours =
        |entry: &&Value| entry["platform"]["os"] == "linux" && entry["platform"]["architecture"] == architecture();
    let digest = entries.iter().find(ours).and_then(|entry| entry["digest"].as_str());
    digest
        .map(str::to_owned)
        .ok_or_else(|| LabError::malformed("the index", format!("no linux/{} in it", architecture())))
}

fn parse(subject: &str, text: &[u8]) -> Result<Value> {
    serde_json::from_slice(text).map_err(|error| LabError::malformed(subject, error))
}

fn client(config: ClientConfig) -> Client {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(config)
}
