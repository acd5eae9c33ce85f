//! Which caches outside of the builder a build takes from and leaves. Pure.
//!
//! There is one default reference for each image, `<repository>:buildcache[-target][-platform]`. Whether it is used is
//! the input's `mode`, and without one the backend's own habit: a local builder keeps a cache by itself, a builder that
//! is gone after the build does not. What the program lists comes in addition.

use fastcontainer_buildkit::{CacheExport, CacheMode as Layers, CacheOptions, RegistryCache};
use fastcontainer_registry::{Repository, Tag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::options::DEFAULT_PLATFORM;

/// How a default tag begins.
const DEFAULT_TAG: &str = "buildcache";
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// How much of a build its cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CacheMode {
    /// Nothing; there is no such cache.
    Off,
    /// The layers of the image.
    Min,
    /// The layers of all stages. Slow to export.
    Max,
}

impl CacheMode {
    /// What is left of a build; `None` for nothing.
    #[must_use]
    pub fn layers(self) -> Option<Layers> {
        match self {
            Self::Off => None,
            Self::Min => Some(Layers::Min),
            Self::Max => Some(Layers::Max),
        }
    }
}

/// A cache in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheReference {
    /// Its repository.
    pub repository: Repository,
    /// Its tag or digest behind the repository, `:tag` or `@sha256:…`.
    pub suffix: String,
}

impl CacheReference {
    /// The cache of an image, unless the program names others.
    #[must_use]
    pub fn default_of(repository: &Repository, target: Option<&str>, platform: &str) -> Self {
        let platform = Some(platform).filter(|platform| *platform != DEFAULT_PLATFORM);
        let parts = [Some(DEFAULT_TAG), target, platform];
        let name = parts.into_iter().flatten().collect::<Vec<_>>().join("-");
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let name = name.chars().map(|c| if allowed(c) { c } else { '-' }).take(LONGEST_TAG);
        Self {
            repository: repository.clone(),
            suffix: format!(":{}", name.collect::<String>()),
        }
    }

    /// Its tag, unless it is named by digest.
    #[must_use]
    pub fn tag(&self) -> Option<Tag> {
        Tag::parse(self.suffix.strip_prefix(':')?).ok()
    }

    /// The reference of one platform's own cache, where one name has to do for several.
    fn of_platform(&self, platform: &str) -> Self {
        let Some(tag) = self.tag() else { return self.clone() };
        let platform = platform.replace('/', "-");
        let room = LONGEST_TAG.saturating_sub(platform.len() + 1);
        let tag: String = tag.as_str().chars().take(room).collect();
        Self {
            repository: self.repository.clone(),
            suffix: format!(":{tag}-{platform}"),
        }
    }

    fn registry_cache(&self) -> RegistryCache {
        RegistryCache {
            reference: self.to_string(),
            insecure: self.repository.is_loopback(),
        }
    }
}

impl std::fmt::Display for CacheReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.repository, self.suffix)
    }
}

/// The caches of one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CachePlan {
    /// Caches, and images that hold their own, to take from.
    pub imports: Vec<CacheReference>,
    /// Caches to leave in registries, and how much of the build each holds.
    pub exports: Vec<(CacheReference, Layers)>,
    /// Whether the image itself is to hold its cache.
    pub inline: bool,
}

impl CachePlan {
    /// Adds the default reference, once.
    #[must_use]
    pub fn with_default(mut self, reference: CacheReference, mode: Layers) -> Self {
        if !self.imports.contains(&reference) {
            self.imports.push(reference.clone());
        }
        if self.exports.iter().all(|(other, _)| *other != reference) {
            self.exports.push((reference, mode));
        }
        self
    }

    /// The same caches for one of an image's several builds. Each leaves a cache of its own, with the platform behind the
    /// tag, or the last one would replace those of the others; it takes from that and from what the program names.
    #[must_use]
    pub fn of_platform(mut self, platform: &str) -> Self {
        let own: Vec<_> = self.imports.iter().map(|one| one.of_platform(platform)).collect();
        let new: Vec<_> = own.into_iter().filter(|one| !self.imports.contains(one)).collect();
        self.imports.splice(0..0, new);
        for (reference, _) in &mut self.exports {
            *reference = reference.of_platform(platform);
        }
        self
    }

    /// Every reference in it.
    pub fn references(&self) -> impl Iterator<Item = &CacheReference> {
        self.imports
            .iter()
            .chain(self.exports.iter().map(|(reference, _)| reference))
    }

    /// As the BuildKit client takes it.
    #[must_use]
    pub fn options(&self) -> CacheOptions {
        let exports = self.exports.iter().map(|(reference, mode)| CacheExport::Registry {
            to: reference.registry_cache(),
            mode: *mode,
        });
        let inline = self.inline.then_some(CacheExport::Inline);
        CacheOptions {
            imports: self.imports.iter().map(CacheReference::registry_cache).collect(),
            exports: exports.chain(inline).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn default_of(target: Option<&str>, platform: &str) -> CacheReference {
        CacheReference::default_of(&Repository::parse("ghcr.io/me/app").unwrap(), target, platform)
    }

    #[test]
    fn the_default_reference_names_target_and_platform_where_they_are_not_the_default() {
        let text = |target, platform| default_of(target, platform).to_string();
        assert_eq!(text(None, "linux/amd64"), "ghcr.io/me/app:buildcache");
        assert_eq!(text(Some("dev"), "linux/amd64"), "ghcr.io/me/app:buildcache-dev");
        assert_eq!(
            text(Some("dev"), "linux/arm/v7"),
            "ghcr.io/me/app:buildcache-dev-linux-arm-v7"
        );
    }

    #[test]
    fn the_default_reference_is_always_a_tag() {
        let reference = default_of(Some(&"ä/$ ".repeat(100)), "linux/arm64");
        assert_eq!(reference.tag().unwrap().as_str().len(), LONGEST_TAG);
    }

    #[test]
    fn the_default_reference_is_used_once() {
        let reference = default_of(None, "linux/amd64");
        let plan = CachePlan::default().with_default(reference.clone(), Layers::Max);
        assert_eq!(plan.clone().with_default(reference.clone(), Layers::Min), plan);
        assert_eq!((plan.imports.len(), plan.exports.len()), (1, 1));
        assert!(plan.references().all(|one| *one == reference));
    }

    #[test]
    fn builds_of_several_platforms_leave_caches_side_by_side() {
        let reference = |suffix: &str| CacheReference {
            suffix: suffix.to_owned(),
            ..default_of(None, DEFAULT_PLATFORM)
        };
        let digest = format!("@sha256:{}", "0".repeat(64));
        let plan = CachePlan {
            imports: vec![reference(":main"), reference(&digest)],
            exports: vec![(reference(":main"), Layers::Min)],
            inline: false,
        };
        let own = plan.of_platform("linux/arm/v7");
        let suffixes: Vec<_> = own.imports.iter().map(|one| one.suffix.as_str()).collect();
        assert_eq!(suffixes, [":main-linux-arm-v7", ":main", digest.as_str()]);
        assert_eq!(own.exports, [(reference(":main-linux-arm-v7"), Layers::Min)]);
        let long = reference(&format!(":{}", "a".repeat(LONGEST_TAG))).of_platform("linux/arm64");
        assert_eq!(long.tag().map(|tag| tag.as_str().len()), Some(LONGEST_TAG));
    }
}
