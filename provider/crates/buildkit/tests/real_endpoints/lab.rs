//! Where the builds of `real_endpoints` take place: a context of its own for each test, one builder for all.
//!
//! Responsible for finding the builder and the registry in the environment, for writing contexts and for reading
//! manifests back with nothing but a TCP connection.
//!
//! Refuses to start daemons: the lab does that.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use fastcontainer_build_context::{IgnoreRules, Selection, Snapshot, StatCache, walk};
use fastcontainer_buildkit::{
    BuildError, BuildOutcome, BuildRequest, BuiltImage, CacheOptions, ContextView, DockerfileSource, Endpoint,
    Environment, FollowPaths, FrontendOptions, NamedContextSource, Network, Patience, ProgressEvent, RecordKey,
    RegistryCredential, connect, resolve,
};
use secrecy::SecretSlice;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

const PATIENCE: Patience = Patience {
    reach: Duration::from_secs(2),
    answer: Duration::from_secs(30),
};

/// `sha256:…` of the bytes.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Polls until the condition holds; fails the test when it takes longer than `limit`.
pub(crate) async fn wait_until(limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < limit, "not within {limit:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a process runs on this machine whose arguments contain `arguments` (separated by NUL).
pub(crate) fn runs(arguments: &str) -> bool {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut arguments_of = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    arguments_of.any(|found| {
        let text = String::from_utf8_lossy(&found);
        text.starts_with("/bin/busybox") && text.contains(arguments)
    })
}

/// A build that is about to be made.
pub(crate) struct Build {
    dockerfile: String,
    context: Option<Arc<Snapshot>>,
    follow: FollowPaths,
    named: BTreeMap<String, NamedContextSource>,
    pins: BTreeMap<String, String>,
    target: Option<String>,
    secrets: BTreeMap<String, SecretSlice<u8>>,
    cache: CacheOptions,
    no_cache: bool,
    cancel: CancellationToken,
    pub(crate) events: Vec<ProgressEvent>,
}

impl Build {
    pub(crate) fn of(dockerfile: &str) -> Self {
        let cancel = CancellationToken::new();
        Self {
            dockerfile: dockerfile.to_owned(),
            context: None,
            follow: FollowPaths::Everything,
            named: BTreeMap::new(),
            pins: BTreeMap::new(),
            target: None,
            secrets: BTreeMap::new(),
            cache: CacheOptions::default(),
            no_cache: false,
            cancel,
            events: Vec::new(),
        }
    }
    pub(crate) fn from(self, directory: &Path) -> Self {
        self.shown(snapshot(directory))
    }
    pub(crate) fn shown(self, context: Arc<Snapshot>) -> Self {
        Self {
            context: Some(context),
            ..self
        }
    }
    pub(crate) fn asking_only(self, patterns: &[&str]) -> Self {
        Self {
            follow: only(patterns),
            ..self
        }
    }
    pub(crate) fn asking_nothing(self) -> Self {
        Self {
            follow: FollowPaths::NotAsked,
            ..self
        }
    }
    pub(crate) fn with_context(mut self, name: &str, source: NamedContextSource) -> Self {
        self.named.insert(name.to_owned(), source);
        self
    }
    pub(crate) fn pinned(mut self, reference: &str, digest: &str) -> Self {
        self.pins.insert(reference.to_owned(), digest.to_owned());
        self
    }
    pub(crate) fn target(self, stage: &str) -> Self {
        Self {
            target: Some(stage.to_owned()),
            ..self
        }
    }
    pub(crate) fn with_secret(mut self, id: &str, value: &str) -> Self {
        self.secrets.insert(id.to_owned(), value.as_bytes().to_vec().into());
        self
    }
    pub(crate) fn with_cache(self, cache: CacheOptions) -> Self {
        Self { cache, ..self }
    }
    pub(crate) fn without_the_builders_cache(self) -> Self {
        Self { no_cache: true, ..self }
    }
    pub(crate) fn until(self, cancel: CancellationToken) -> Self {
        Self { cancel, ..self }
    }
    /// Names of the steps that started.
    pub(crate) fn step_names(&self) -> BTreeSet<&str> {
        let started = self.events.iter().filter_map(|event| match event {
            ProgressEvent::StepStarted { name, .. } => Some(name.as_str()),
            _ => None,
        });
        started.collect()
    }
    pub(crate) fn logged(&self, text: &str) -> bool {
        self.events
            .iter()
            .any(|event| matches!(event, ProgressEvent::Log { line, .. } if line == text))
    }
}

/// Nothing but these patterns.
pub(crate) fn only(patterns: &[&str]) -> FollowPaths {
    FollowPaths::Only(patterns.iter().map(|pattern| (*pattern).to_owned()).collect())
}

fn snapshot(directory: &Path) -> Arc<Snapshot> {
    Arc::new(
        walk(
            directory,
            &IgnoreRules::none(),
            &Selection::whole(),
            &StatCache::disabled(),
            &CancellationToken::new(),
        )
        .unwrap(),
    )
}

/// A builder, a registry and a context.
pub(crate) struct Site {
    pub(crate) endpoint: Endpoint,
    pub(crate) registry: String,
    pub(crate) login: String,
    name: String,
    directory: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn enter(name: &str) -> Self {
        let address = resolve(None, &Environment::of_this_process()).unwrap();
        let endpoint = connect(&address, PATIENCE).await.unwrap();
        let registry = variable("FASTCONTAINER_PLAIN_REGISTRY");
        let login = format!(
            "{}:{}",
            variable("FASTCONTAINER_PLAIN_USER"),
            variable("FASTCONTAINER_PLAIN_PASSWORD")
        );
        let directory = tempfile::tempdir().unwrap();
        let site = Self {
            endpoint,
            registry,
            login,
            name: name.to_owned(),
            directory,
        };
        std::fs::create_dir_all(site.context().join("src")).unwrap();
        site.install_busybox();
        site
    }

    /// A busybox of this site's own: builders merge equal steps of builds that run at the same time, and such steps
    /// are neither counted nor released as those of a build alone.
    fn install_busybox(&self) {
        let file = self.context().join("busybox");
        std::fs::copy(variable("FASTCONTAINER_BUSYBOX"), &file).unwrap();
        let mut file = std::fs::File::options().append(true).open(file).unwrap();
        file.write_all(self.clock_text().as_bytes()).unwrap();
    }

    fn context(&self) -> PathBuf {
        self.directory.path().join("context")
    }

    pub(crate) fn write(&self, path: &str, content: &str) {
        let path = self.context().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes into a directory beside the context.
    pub(crate) fn write_beside(&self, directory: &str, path: &str, content: &str) {
        let path = self.beside(directory).join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn beside(&self, directory: &str) -> PathBuf {
        self.directory.path().join("beside").join(directory)
    }

    /// That directory as a named context.
    pub(crate) fn directory(&self, directory: &str, follow: FollowPaths) -> NamedContextSource {
        let snapshot = snapshot(&self.beside(directory));
        NamedContextSource::Directory(ContextView { snapshot, follow })
    }

    pub(crate) fn modified(&self, path: &str) -> SystemTime {
        std::fs::metadata(self.context().join(path))
            .unwrap()
            .modified()
            .unwrap()
    }

    pub(crate) fn set_modified(&self, path: &str, time: SystemTime) {
        std::fs::File::options()
            .write(true)
            .open(self.context().join(path))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }

    /// Text that no earlier run has used.
    pub(crate) fn clock_text(&self) -> String {
        format!(
            "{:?}",
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
        )
    }

    /// The same content in another directory, all times new.
    pub(crate) fn checked_out_again(&self) -> PathBuf {
        let target = self.directory.path().join("elsewhere");
        let copied = std::process::Command::new("cp")
            .arg("-r")
            .arg(self.context())
            .arg(&target)
            .status()
            .unwrap();
        assert!(copied.success());
        target
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        snapshot(&self.context())
    }

    pub(crate) async fn build(&self, mut build: Build) -> Result<BuildOutcome, BuildError> {
        self.build_watched(&mut build).await
    }

    pub(crate) async fn build_watched(&self, build: &mut Build) -> Result<BuildOutcome, BuildError> {
        let context = build.context.clone().unwrap_or_else(|| self.snapshot());
        let options = FrontendOptions {
            platform: self.endpoint.platforms[0].clone(),
            target: build.target.clone(),
            network: Some(Network::None),
            no_cache: build.no_cache,
            ..FrontendOptions::default()
        };
        let request = BuildRequest {
            dockerfile: DockerfileSource {
                name: "Dockerfile".into(),
                bytes: build.dockerfile.clone().into_bytes(),
            },
            context: ContextView {
                snapshot: context,
                follow: build.follow.clone(),
            },
            named_contexts: build.named.clone(),
            pins: build.pins.clone(),
            options,
            repository: self.repository(),
            insecure_registry: true,
            credentials: BTreeMap::from([(self.registry.clone(), self.credential())]),
            secrets: build.secrets.clone(),
            cache: build.cache.clone(),
            record: RecordKey {
                directory: self.directory.path().join("records"),
                project: "lab".into(),
                resource: self.name.clone(),
            },
        };
        let (events, mut received) = tokio::sync::mpsc::unbounded_channel();
        let outcome = self.endpoint.build(request, events, &build.cancel).await;
        while let Ok(event) = received.try_recv() {
            build.events.push(event);
        }
        // A busy builder lets go of the received tree a moment after its answer, and starts a new tree until then.
        tokio::time::sleep(Duration::from_millis(300)).await;
        outcome
    }

    pub(crate) fn repository(&self) -> String {
        format!("{}/lab/{}", self.registry, self.name.replace(' ', "-"))
    }

    fn credential(&self) -> RegistryCredential {
        let (username, password) = self.login.split_once(':').unwrap();
        RegistryCredential {
            username: username.into(),
            password: password.into(),
        }
    }

    /// Pushes an image if the build has not done so.
    pub(crate) async fn push(&self, image: BuiltImage) -> Result<String, BuildError> {
        match image {
            BuiltImage::PushedByDigest(digest) => Ok(digest),
            BuiltImage::Local(image) => {
                let reference = format!("{}:test", self.repository());
                self.endpoint
                    .push(&image, &reference, Some(&self.credential()), &CancellationToken::new())
                    .await
            }
        }
    }

    pub(crate) async fn pushed(&self, image: BuiltImage) -> String {
        self.push(image).await.unwrap()
    }

    /// The manifest's bytes as the registry has them.
    pub(crate) async fn manifest(&self, digest: &str) -> Vec<u8> {
        self.call("GET", digest, &[])
    }

    /// Whether there is a manifest under that tag.
    pub(crate) async fn exists(&self, tag: &str) -> bool {
        let tags: serde_json::Value = serde_json::from_slice(&self.get("tags/list").await).unwrap();
        tags["tags"]
            .as_array()
            .is_some_and(|tags| tags.iter().any(|one| one == tag))
    }

    /// The image's configuration, as text.
    pub(crate) async fn config(&self, digest: &str) -> String {
        let manifest: serde_json::Value = serde_json::from_slice(&self.manifest(digest).await).unwrap();
        let config = manifest["config"]["digest"].as_str().unwrap().to_owned();
        String::from_utf8(self.get(&format!("blobs/{config}")).await).unwrap()
    }

    /// Everything that the registry has of an image: its manifest, its configuration and its layers, unpacked.
    pub(crate) async fn blobs(&self, digest: &str) -> Vec<Vec<u8>> {
        let bytes = self.manifest(digest).await;
        let manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let mut blobs = vec![bytes, self.config(digest).await.into_bytes()];
        for layer in manifest["layers"].as_array().unwrap() {
            let packed = self.get(&format!("blobs/{}", layer["digest"].as_str().unwrap())).await;
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&packed).unwrap();
            std::io::Seek::rewind(&mut file).unwrap();
            let unpacked = std::process::Command::new("gzip")
                .arg("-dc")
                .stdin(file)
                .output()
                .unwrap();
            assert!(unpacked.status.success(), "{unpacked:?}");
            blobs.push(unpacked.stdout);
        }
        blobs
    }

    async fn get(&self, what: &str) -> Vec<u8> {
        self.ask("GET", what, &[])
    }

    /// Points a tag at the manifest of that digest.
    pub(crate) async fn tag(&self, tag: &str, digest: &str) {
        let manifest = self.manifest(digest).await;
        self.call("PUT", tag, &manifest);
    }

    /// Puts an index of images, each with its platform, under a tag, and returns the index's digest.
    pub(crate) async fn tag_index(&self, tag: &str, images: &[(&str, &str)]) -> String {
        let mut manifests = Vec::new();
        for (platform, digest) in images {
            let (os, architecture) = platform.split_once('/').unwrap();
            let manifest = self.manifest(digest).await;
            let media_type = serde_json::from_slice::<serde_json::Value>(&manifest).unwrap()["mediaType"].clone();
            manifests.push(serde_json::json!({
                "mediaType": media_type, "digest": digest, "size": manifest.len(),
                "platform": { "os": os, "architecture": architecture },
            }));
        }
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests,
        });
        let index = serde_json::to_vec(&index).unwrap();
        self.call("PUT", tag, &index);
        sha256(&index)
    }

    /// One request about a manifest of this site's repository.
    fn call(&self, method: &str, reference: &str, body: &[u8]) -> Vec<u8> {
        self.ask(method, &format!("manifests/{reference}"), body)
    }

    fn ask(&self, method: &str, what: &str, body: &[u8]) -> Vec<u8> {
        let host = &self.registry;
        let path = self.repository().split_once('/').unwrap().1.to_owned();
        let login = base64::engine::general_purpose::STANDARD.encode(&self.login);
        let media_type = match serde_json::from_slice::<serde_json::Value>(body) {
            Ok(manifest) => manifest["mediaType"].as_str().unwrap().to_owned(),
            Err(_) => String::from("application/octet-stream"),
        };
        let accept = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
        let head = format!(
            "{method} /v2/{path}/{what} HTTP/1.0\r\nHost: {host}\r\nAccept: {accept}\r\n\
             Authorization: Basic {login}\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let head = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let status = answer.split(|byte| *byte == b' ').nth(1).unwrap();
        assert!(status.starts_with(b"20"), "{}", String::from_utf8_lossy(&answer));
        answer.split_off(head + 4)
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run this through `cargo xtask test`"))
}
