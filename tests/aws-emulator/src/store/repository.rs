//! One repository: the blobs pushed to it, its images, its tags and how mutable those are.
//!
//! Pure data and rules; reads and writes nothing. Name and tag grammars are those of the OCI distribution
//! specification, mutability settings those of ECR.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;
use crate::digest::Digest;
use crate::manifest::Manifest;

/// A registry host and a repository name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct RepositoryKey {
    /// Registry host without a port, such as `docker.io`.
    pub(crate) registry: String,
    /// Repository name, such as `library/python`.
    pub(crate) name: String,
}

/// A text that is not `HOST/NAME`.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not HOST/NAME")]
pub(crate) struct NotARepository(String);

impl FromStr for RepositoryKey {
    type Err = NotARepository;

    fn from_str(text: &str) -> Result<Self, NotARepository> {
        match text.split_once('/') {
            Some((registry, name)) if !registry.is_empty() && is_repository_name(name) => Ok(Self {
                registry: registry.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err(NotARepository(text.to_owned())),
        }
    }
}

impl TryFrom<String> for RepositoryKey {
    type Error = NotARepository;

    fn try_from(text: String) -> Result<Self, NotARepository> {
        text.parse()
    }
}

impl From<RepositoryKey> for String {
    fn from(key: RepositoryKey) -> Self {
        key.to_string()
    }
}

impl fmt::Display for RepositoryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

/// Whether a tag may be moved to another image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Mutability {
    /// Every tag may move.
    #[default]
    Mutable,
    /// No tag may move.
    Immutable,
    /// Only tags that match an exclusion filter may move.
    ImmutableWithExclusion,
    /// Only tags that match an exclusion filter may not move.
    MutableWithExclusion,
}

/// One manifest of a repository.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Image {
    /// Media type it was pushed with.
    pub(crate) media_type: String,
    /// Media type of its config, or its artifact type.
    pub(crate) artifact_media_type: Option<String>,
    /// Length of the manifest in bytes.
    pub(crate) manifest_bytes: u64,
    /// Sum of its layers in bytes; of an index, the largest of its images.
    pub(crate) image_bytes: u64,
    /// Manifests that an index lists.
    pub(crate) children: Vec<Digest>,
    /// When it was pushed, in seconds since the epoch.
    pub(crate) pushed_at: f64,
}

/// A repository's record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Repository {
    /// When it was created, in seconds since the epoch.
    pub(crate) created_at: f64,
    /// Whether tags may move.
    pub(crate) mutability: Mutability,
    /// Wildcard filters that except tags from `mutability`.
    pub(crate) exclusions: Vec<String>,
    /// Settings that are stored and echoed only.
    pub(crate) settings: BTreeMap<String, Value>,
    /// Who of other accounts may use it, as a policy document.
    #[serde(default)]
    pub(crate) policy: Option<String>,
    /// Blobs that were pushed or mounted here, with their sizes in bytes.
    pub(crate) blobs: BTreeMap<Digest, u64>,
    /// Manifests by digest.
    pub(crate) images: BTreeMap<Digest, Image>,
    /// Tags and what they point to.
    pub(crate) tags: BTreeMap<String, Digest>,
}

impl Repository {
    /// An empty repository, created now.
    pub(crate) fn new() -> Self {
        Self {
            created_at: clock::epoch_seconds(),
            mutability: Mutability::Mutable,
            exclusions: Vec::new(),
            settings: BTreeMap::new(),
            policy: None,
            blobs: BTreeMap::new(),
            images: BTreeMap::new(),
            tags: BTreeMap::new(),
        }
    }

    /// Tells whether `tag`, once set, may not point elsewhere.
    pub(crate) fn is_immutable(&self, tag: &str) -> bool {
        let excluded = || self.exclusions.iter().any(|filter| wildcard_matches(filter, tag));
        match self.mutability {
            Mutability::Mutable => false,
            Mutability::Immutable => true,
            Mutability::ImmutableWithExclusion => !excluded(),
            Mutability::MutableWithExclusion => excluded(),
        }
    }

    /// Resolves a tag or a digest to the digest of an image that is here.
    pub(crate) fn resolve(&self, reference: &str) -> Option<Digest> {
        let digest = self.tags.get(reference).cloned().or_else(|| reference.parse().ok())?;
        self.images.contains_key(&digest).then_some(digest)
    }

    /// Lists the tags of one image.
    pub(crate) fn tags_of(&self, digest: &Digest) -> BTreeSet<&str> {
        self.tags
            .iter()
            .filter(|(_, to)| *to == digest)
            .map(|(tag, _)| tag.as_str())
            .collect()
    }

    /// Tells whether an index of this repository lists the image.
    pub(crate) fn is_listed(&self, digest: &Digest) -> bool {
        self.images.values().any(|image| image.children.contains(digest))
    }

    /// Records a manifest whose references have been checked.
    pub(crate) fn add(&mut self, digest: &Digest, manifest: &Manifest) {
        let children: Vec<Digest> = manifest.children.iter().map(|child| child.digest.clone()).collect();
        let largest = children
            .iter()
            .filter_map(|child| self.images.get(child))
            .map(|image| image.image_bytes)
            .max();
        let image = Image {
            media_type: manifest.media_type.clone(),
            artifact_media_type: manifest.artifact_media_type.clone(),
            manifest_bytes: manifest.length,
            image_bytes: largest.unwrap_or(manifest.layer_bytes),
            children,
            pushed_at: clock::epoch_seconds(),
        };
        self.images.entry(digest.clone()).or_insert(image);
    }
}

/// Tells whether `name` is a repository name of 2 to 256 characters (one is enough outside ECR).
pub(crate) fn is_repository_name(name: &str) -> bool {
    name.len() <= 256 && name.split('/').all(is_name_component)
}

fn is_name_component(component: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = component.split(alphanumeric).filter(|run| !run.is_empty());
    component.starts_with(alphanumeric)
        && component.ends_with(alphanumeric)
        && separators
            .into_iter()
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

/// Tells whether `tag` follows the tag grammar.
pub(crate) fn is_tag(tag: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=128).contains(&tag.len()) && tag.starts_with(word) && tag.chars().all(|c| word(c) || c == '.' || c == '-')
}

fn wildcard_matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((prefix, rest)) => text.strip_prefix(prefix).is_some_and(|tail| {
            tail.char_indices()
                .map(|(at, _)| at)
                .chain([tail.len()])
                .any(|at| wildcard_matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repository_names_follow_the_distribution_grammar() {
        for name in ["app", "team/app", "a__b", "a---b", "a.b_c/d-e", "1"] {
            assert!(is_repository_name(name), "{name}");
        }
        for name in [
            "", "App", "a..b", "a___b", "/a", "a/", "a//b", "-a", "a-", "a.-b", "a b",
        ] {
            assert!(!is_repository_name(name), "{name}");
        }
    }

    #[test]
    fn excluded_tags_of_an_immutable_repository_may_move() {
        let mut repository = Repository::new();
        repository.mutability = Mutability::ImmutableWithExclusion;
        repository.exclusions = vec!["latest".into(), "dev-*".into(), "*cache*".into()];
        for (tag, immutable) in [
            ("latest", false),
            ("latest2", true),
            ("dev-", false),
            ("dev-1", false),
            ("buildcache-arm", false),
            ("v1", true),
        ] {
            assert_eq!(repository.is_immutable(tag), immutable, "{tag}");
        }
    }
}
