//! The content fingerprint: one value that is equal exactly when a build would be given the same content.
//!
//! | in the fingerprint | part | not in it | why not |
//! |---|---|---|---|
//! | paths, bytes, kinds, executable bits, link texts of what the Dockerfile can read | `context` | times, owners, other mode bits | differ between checkouts, never reach an image |
//! | the Dockerfile's instructions that the target reaches | `dockerfile` | comments, blank lines | change no byte of an image |
//! | target, platforms, build args, labels, network, hosts, secret ids, triggers | `options` | repository, tags, stack | say where an image goes, not what it is |
//! | digests of base images, when they are tracked | `baseImages` | digests of base images otherwise | a moved tag alone builds nothing |
//! | the export recipe (media types, compression) | `options` | builder, cache, noCache | say how, not what |
//! | | | values of secrets | are nobody's business; a new value alone builds nothing |
//!
//! Every variable-length value is framed by its length and every digest starts with its domain, so that no two different
//! inputs share an encoding. A value that is absent or at its default contributes nothing: a later release that knows more
//! inputs still computes the same fingerprint for a program that does not use them.

use std::collections::BTreeMap;

use fastcontainer_dockerfile::NamedContext;
use sha2::{Digest, Sha256};

use super::options::{BuildOptions, DEFAULT_PLATFORM, Network};

/// The newest version that this release computes.
pub const VERSION: u32 = 1;

/// What every image is exported as; a change of it changes digests, so it counts.
const EXPORT_RECIPE: &str = "oci-mediatypes,gzip,no-attestations";

/// A content fingerprint. Only `total` decides; the parts explain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// Version of the scheme that computed it.
    pub version: u32,
    /// 64 hexadecimal digits over everything below.
    pub total: String,
    /// Short digest of the build context.
    pub context: String,
    /// Short digest of the Dockerfile's instructions.
    pub dockerfile: String,
    /// Short digest of the options.
    pub options: String,
    /// Digest of the base images, when they are tracked: 64 hexadecimal digits, because it has to be kept while a
    /// registry cannot be asked.
    pub base_images: Option<String>,
}

/// Full digests of the parts that do not come from inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentDigests {
    /// Digest of what counts of the build contexts, from [`context_digest`].
    pub context: [u8; 32],
    /// Digest of the Dockerfile, from [`dockerfile_digest`].
    pub dockerfile: [u8; 32],
    /// Digest of the base images, from [`base_images_digest`]; only when they are tracked.
    pub base_images: Option<[u8; 32]>,
}

impl Fingerprint {
    /// Computes the fingerprint of `content` built with `options`, in the newest version.
    #[must_use]
    pub fn compute(content: &ContentDigests, options: &BuildOptions) -> Self {
        let options = options_digest(options);
        let mut total = Framed::new("fastcontainer.fingerprint.v1")
            .field("context", &content.context)
            .field("dockerfile", &content.dockerfile)
            .field("options", &options);
        if let Some(base_images) = &content.base_images {
            total = total.field("baseImages", base_images);
        }
        Self {
            version: VERSION,
            total: hex::encode(total.finish()),
            context: short(&content.context),
            dockerfile: short(&content.dockerfile),
            options: short(&options),
            base_images: content.base_images.map(hex::encode),
        }
    }

    /// The digest of the base images that it was computed with.
    #[must_use]
    pub fn base_images_digest(&self) -> Option<[u8; 32]> {
        hex::decode(self.base_images.as_ref()?).ok()?.try_into().ok()
    }

    /// Computes it in an older version, so that an upgrade of the provider alone changes nothing.
    /// `None` when this release does not know that version.
    #[must_use]
    pub fn compute_version(version: u32, content: &ContentDigests, options: &BuildOptions) -> Option<Self> {
        (version == VERSION).then(|| Self::compute(content, options))
    }
}

/// The `options` part as it appears in a fingerprint.
#[must_use]
pub fn options_part(options: &BuildOptions) -> String {
    short(&options_digest(options))
}

/// The `context` part as it appears in a fingerprint.
#[must_use]
pub fn context_part(digest: &[u8; 32]) -> String {
    short(digest)
}

/// Digest of what counts of the main context and of the directories among the named contexts.
#[must_use]
pub fn context_digest<'a>(main: &[u8; 32], named: impl Iterator<Item = (&'a str, [u8; 32])>) -> [u8; 32] {
    named
        .fold(
            Framed::new("fastcontainer.context.v1").field("context", main),
            |framed, (name, digest)| framed.field("name", name.as_bytes()).field("context", &digest),
        )
        .finish()
}

/// Digest of base images: reference as the Dockerfile has it → manifest digest.
#[must_use]
pub fn base_images_digest(digests: &BTreeMap<String, String>) -> [u8; 32] {
    digests
        .iter()
        .fold(
            Framed::new("fastcontainer.baseImages.v1"),
            |framed, (reference, digest)| {
                framed
                    .field("reference", reference.as_bytes())
                    .field("digest", digest.as_bytes())
            },
        )
        .finish()
}

/// Digest of a Dockerfile's instructions, in their order. Line numbers do not count.
#[must_use]
pub fn dockerfile_digest<'a>(instructions: impl Iterator<Item = &'a str>) -> [u8; 32] {
    instructions
        .fold(Framed::new("fastcontainer.dockerfile.v1"), |framed, text| {
            framed.field("instruction", text.as_bytes())
        })
        .finish()
}

/// Digest of the instructions of an image whose platforms need different ones: each platform with its own.
#[must_use]
pub fn dockerfile_digest_by_platform(builds: &[(&str, Vec<String>)]) -> [u8; 32] {
    let framed = Framed::new("fastcontainer.dockerfile.v1");
    let build = |framed: Framed, (platform, texts): &(&str, Vec<String>)| {
        let framed = framed.field("platform", platform.as_bytes());
        texts
            .iter()
            .fold(framed, |framed, text| framed.field("instruction", text.as_bytes()))
    };
    builds.iter().fold(framed, build).finish()
}

fn options_digest(options: &BuildOptions) -> [u8; 32] {
    let BuildOptions {
        target,
        platform,
        further_platforms,
        named_contexts,
        build_args,
        labels,
        network,
        add_hosts,
        secret_ids,
        triggers,
    } = options;
    let mut framed = Framed::new("fastcontainer.options.v1").field("export", EXPORT_RECIPE.as_bytes());
    if let Some(target) = target {
        framed = framed.field("target", target.as_bytes());
    }
    if platform != DEFAULT_PLATFORM || !further_platforms.is_empty() {
        framed = framed.field("platform", platform.as_bytes());
    }
    for platform in further_platforms {
        framed = framed.field("platform", platform.as_bytes());
    }
    if let Some(network) = network_name(*network) {
        framed = framed.field("network", network.as_bytes());
    }
    for (name, context) in named_contexts {
        framed = framed.field("namedContext", name.as_bytes());
        if let NamedContext::Image(reference) = context {
            framed = framed.field("image", reference.as_bytes());
        }
    }
    for (name, value) in build_args {
        framed = framed
            .field("buildArg", name.as_bytes())
            .field("value", value.as_bytes());
    }
    for (name, value) in labels {
        framed = framed.field("label", name.as_bytes()).field("value", value.as_bytes());
    }
    for host in add_hosts {
        framed = framed.field("addHost", host.as_bytes());
    }
    for id in secret_ids {
        framed = framed.field("secret", id.as_bytes());
    }
    for trigger in triggers {
        framed = framed.field("trigger", trigger.as_bytes());
    }
    framed.finish()
}

pub(super) fn network_name(network: Network) -> Option<&'static str> {
    match network {
        Network::Default => None,
        Network::None => Some("none"),
        Network::Host => Some("host"),
    }
}

fn short(digest: &[u8; 32]) -> String {
    hex::encode(&digest[..8])
}

/// A SHA-256 over named, length-framed fields.
#[derive(Clone)]
pub(super) struct Framed(Sha256);

impl Framed {
    pub(super) fn new(domain: &str) -> Self {
        Self(Sha256::new()).raw(domain.as_bytes())
    }

    pub(super) fn field(self, name: &str, value: &[u8]) -> Self {
        self.raw(name.as_bytes()).raw(value)
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const CONTENT: ContentDigests = ContentDigests {
        context: [1; 32],
        dockerfile: [2; 32],
        base_images: None,
    };

    fn with(change: impl FnOnce(&mut BuildOptions)) -> Fingerprint {
        let mut options = BuildOptions::default();
        change(&mut options);
        Fingerprint::compute(&CONTENT, &options)
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    /// Golden value of version 1. It must never change: every stack in the field holds such values.
    #[test]
    fn version_one_is_frozen() {
        let fingerprint = with(|o| {
            o.target = Some("app".into());
            o.platform = "linux/arm64".into();
            o.build_args = map(&[("A", "1"), ("B", "")]);
            o.labels = map(&[("l", "v")]);
            o.network = Network::None;
            o.add_hosts = vec!["h:1.2.3.4".into()];
            o.triggers = vec!["t".into()];
        });
        assert_eq!(GOLDEN_FULL, (fingerprint.total.as_str(), fingerprint.options.as_str()));
        let plain = with(|_| {});
        assert_eq!(GOLDEN_PLAIN, (plain.total.as_str(), plain.options.as_str()));
        assert_eq!(
            GOLDEN_DOCKERFILE,
            short(&dockerfile_digest(["FROM scratch", "COPY . /"].into_iter()))
        );
        let tracked = ContentDigests {
            context: context_digest(&[1; 32], [("lib", [3; 32])].into_iter()),
            base_images: Some(base_images_digest(&map(&[("busybox:1.36", "sha256:0")]))),
            ..CONTENT
        };
        let mut options = BuildOptions::default();
        let image = NamedContext::Image("alpine:3.20".into());
        options.named_contexts = [("a".into(), image), ("lib".into(), NamedContext::Directory)].into();
        let tracked = Fingerprint::compute(&tracked, &options);
        assert_eq!(GOLDEN_TRACKED, (tracked.total.as_str(), tracked.options.as_str()));
    }

    const GOLDEN_TRACKED: (&str, &str) = (
        "c931772f91cf1d833d4ef7da668b1e3d1cf383dcea48bd2b00dd65b21ae1fbca",
        "d0b9d42858fa9c57",
    );

    const GOLDEN_FULL: (&str, &str) = (
        "c28398423270d140a74cec3806e507bc5767fa36516d5f4831c05d9ab7a4a824",
        "a3354f906ef7fcd1",
    );
    const GOLDEN_PLAIN: (&str, &str) = (
        "75802d9f20b60a8633d0422d0b497d5cd9cb277dbdde5180eee82f76493cf319",
        "c6dbeda5a6260505",
    );
    const GOLDEN_DOCKERFILE: &str = "b86dfe047a691bc8";

    #[test]
    fn every_option_counts() {
        let plain = with(|_| {});
        let changed = [
            with(|o| o.target = Some("x".into())),
            with(|o| o.platform = "linux/arm64".into()),
            with(|o| o.further_platforms = vec!["linux/arm64".into()]),
            with(|o| o.further_platforms = vec!["linux/arm/v7".into(), "linux/arm64".into()]),
            with(|o| o.build_args = map(&[("x", "")])),
            with(|o| o.named_contexts = [("x".into(), NamedContext::Directory)].into()),
            with(|o| o.named_contexts = [("x".into(), NamedContext::Image("x".into()))].into()),
            with(|o| o.labels = map(&[("x", "")])),
            with(|o| o.network = Network::Host),
            with(|o| o.network = Network::None),
            with(|o| o.add_hosts = vec!["x".into()]),
            with(|o| o.triggers = vec!["x".into()]),
        ];
        for (at, one) in changed.iter().enumerate() {
            assert_ne!(one.total, plain.total, "change {at} does not count");
            assert_eq!(one.context, plain.context);
            assert!(
                changed.iter().skip(at + 1).all(|other| other.total != one.total),
                "change {at} is not told apart"
            );
        }
    }

    #[test]
    fn neighbouring_values_cannot_be_mistaken_for_each_other() {
        assert_ne!(
            with(|o| o.triggers = vec!["ab".into()]),
            with(|o| o.triggers = vec!["a".into(), "b".into()])
        );
        assert_ne!(
            with(|o| o.build_args = map(&[("A", "1")])),
            with(|o| o.labels = map(&[("A", "1")]))
        );
        assert_ne!(
            dockerfile_digest(["RUN a", "RUN b"].into_iter()),
            dockerfile_digest(["RUN a\nRUN b"].into_iter())
        );
    }

    #[test]
    fn an_unknown_version_is_not_guessed() {
        assert_eq!(
            Fingerprint::compute_version(VERSION + 1, &CONTENT, &BuildOptions::default()),
            None
        );
    }
}
