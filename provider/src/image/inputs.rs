//! The inputs of an image: what a program writes, decoded with every failure at once.
//!
//! An input belongs to one class. *Fingerprinted* inputs identify the build; *retag* inputs move tags without a build;
//! *silent* inputs say how to build and are stored without an update; `repository` *replaces*.

use std::collections::{BTreeMap, BTreeSet};

use fastcontainer_dockerfile::{NamedContext, context_key};
use fastcontainer_registry::{ReferenceError, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cache_inputs::Cache;
use super::secret_inputs::{SecretReferences, SecretValues};
use crate::backend::settings::Builder;
use crate::planning::options::{BuildOptions, DEFAULT_PLATFORM, FingerprintMode, Network};

/// Whose earlier build of the same content may be adopted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reuse {
    /// Anybody's who may push to the repository.
    Anywhere,
    /// Only builds of the same project and stack.
    Stack,
    /// Nobody's: each build gets a tag of its own.
    Never,
}

/// Whether a moved tag of a base image builds anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BaseImages {
    /// No: tags are looked up when something else makes a build run.
    #[default]
    Ignore,
    /// Yes: tags are looked up at every preview and update.
    Track,
}

/// Inputs of `FastContainerImage`.
#[derive(Debug, Clone, Default, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub struct ImageInputs {
    /// Repository that the image is pushed to, in any registry, without tag or digest: `123456789012.dkr.ecr.eu-central-1.amazonaws.com/app`, `ghcr.io/me/app`, `localhost:5000/app`. A change replaces the resource.
    pub repository: String,
    /// Directory with the build context, relative to the directory that the program runs in. Default: that directory. If another resource writes this directory, pass that resource's output.
    pub context: Option<String>,
    /// Path of the Dockerfile, relative to the directory that the program runs in; it may lie outside the context. Default: `Dockerfile` in the context.
    pub dockerfile: Option<String>,
    /// Text of the Dockerfile, instead of `dockerfile`.
    pub dockerfile_inline: Option<String>,
    /// Stage to build, by name or number. Default: the last stage.
    pub target: Option<String>,
    /// Platforms to build for, such as `linux/arm64`, in any order. Several give one image index. Default: `linux/amd64`, whatever the builder runs on.
    pub platforms: Option<Vec<String>>,
    /// More build contexts, by the name that `FROM`, `COPY --from` or `RUN --mount=from=` uses for them. A value with a scheme (`docker-image://alpine:3.20`) or a digest (`alpine@sha256:…`) is an image; everything else is a directory, relative to the directory that the program runs in, with a `.dockerignore` of its own.
    pub named_contexts: Option<BTreeMap<String, String>>,
    /// Which files count: those that the Dockerfile can read (`precise`), or the whole context less what the ignore file excludes (`context`). Default: `precise`.
    pub fingerprint_mode: Option<FingerprintMode>,
    /// Whether a base image whose tag has moved builds anew. Default: the provider's `baseImages`, else `ignore`.
    pub base_images: Option<BaseImages>,
    /// Values of `ARG` instructions. They are stored in the image, so secret values are refused. Booleans and integers are taken as text; other numbers must be quoted.
    pub build_args: Option<BTreeMap<String, String>>,
    /// Secrets for `RUN --mount=type=secret`, by id. They are never stored in the image; the state keeps them encrypted. The ids identify the build, the values do not: a new value alone builds nothing (use `triggers`). Values of at least six characters are hidden in what a build prints.
    #[schemars(with = "Option<BTreeMap<String, String>>", extend("secret" = true))]
    pub secrets: Option<SecretValues>,
    /// References to secrets for `RUN --mount=type=secret`, by id: the ARN of a Secrets Manager secret or of an SSM parameter, `env:NAME` or `file:PATH` on the machine that runs Pulumi. They are read when a build runs, so no value enters the state.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub secret_refs: Option<SecretReferences>,
    /// Labels of the image.
    pub labels: Option<BTreeMap<String, String>>,
    /// Network of `RUN` steps. Default: `default`.
    pub network: Option<Network>,
    /// Additional host names for `RUN` steps, `host:ip`.
    pub add_hosts: Option<Vec<String>>,
    /// Free values; any change of them builds anew.
    pub triggers: Option<Vec<String>>,
    /// Additional moving tags, such as `latest`. A change moves tags and builds nothing.
    pub tags: Option<Vec<String>>,
    /// Whether a build runs every step, even those that the builder has in its cache. Never causes a build. Default: false.
    pub no_cache: Option<bool>,
    /// Caches outside of the builder. A change of them builds nothing.
    pub cache: Option<Cache>,
    /// Whose earlier build of the same content may be adopted. Takes effect at the next build. Default: the provider's `reuse`, else `anywhere`; with `secrets` or `secretRefs` at most `stack`, and there this resource's own, because a step may have put them into the image.
    pub reuse: Option<Reuse>,
    /// Who builds. Default: the provider's `builder`, else the local endpoint that Docker's own settings name.
    pub builder: Option<Builder>,
}

impl ImageInputs {
    /// Everything that identifies the build besides its bytes. Each input is named here, so that a new one cannot be
    /// forgotten.
    #[must_use]
    pub fn build_options(&self) -> BuildOptions {
        let Self {
            repository: _,
            context: _,
            dockerfile: _,
            dockerfile_inline: _,
            target,
            platforms,
            named_contexts,
            fingerprint_mode: _,
            base_images: _,
            build_args,
            secrets: _,
            secret_refs: _,
            labels,
            network,
            add_hosts,
            triggers,
            tags: _,
            no_cache: _,
            cache: _,
            reuse: _,
            builder: _,
        } = self.clone();
        let mut platforms = platforms.unwrap_or_default();
        platforms.sort();
        platforms.dedup();
        let mut platforms = platforms.into_iter();
        BuildOptions {
            target,
            platform: platforms.next().unwrap_or_else(|| DEFAULT_PLATFORM.to_owned()),
            further_platforms: platforms.collect(),
            named_contexts: named_contexts
                .unwrap_or_default()
                .into_iter()
                .map(|(name, value)| (context_key(&name), named_context(&value)))
                .collect(),
            build_args: build_args.unwrap_or_default(),
            labels: labels.unwrap_or_default(),
            network: network.unwrap_or_default(),
            add_hosts: add_hosts.unwrap_or_default(),
            secret_ids: self.secret_ids(),
            triggers: triggers.unwrap_or_default(),
        }
    }

    /// The repository that the image goes to.
    ///
    /// # Errors
    /// When the name is no repository's.
    pub fn repository(&self) -> Result<Repository, ReferenceError> {
        Repository::parse(&self.repository)
    }

    /// The directory of the build context as the program wrote it.
    #[must_use]
    pub fn context_or_default(&self) -> &str {
        self.context.as_deref().unwrap_or(".")
    }

    /// The directories among the named contexts, as the program wrote them, under the names that builders look for.
    pub fn named_directories(&self) -> impl Iterator<Item = (String, &str)> {
        let all = self.named_contexts.iter().flatten();
        all.filter(|(_, value)| named_context(value) == NamedContext::Directory)
            .map(|(name, value)| (context_key(name), value.as_str()))
    }

    /// Ids of all secrets.
    #[must_use]
    pub fn secret_ids(&self) -> BTreeSet<String> {
        let values = self.secrets.iter().flat_map(BTreeMap::keys);
        let references = self.secret_refs.iter().flat_map(BTreeMap::keys);
        values.chain(references).cloned().collect()
    }

    /// The extra tags, none when absent.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }
}

/// What the value of a named context means: `docker-image://…` and `…@sha256:…` are images, all else are directories.
#[must_use]
pub fn named_context(value: &str) -> NamedContext {
    match value.strip_prefix(IMAGE_SCHEME) {
        Some(image) => NamedContext::Image(image.to_owned()),
        None if value.contains("@sha256:") => NamedContext::Image(value.to_owned()),
        None => NamedContext::Directory,
    }
}

/// How BuildKit marks an image among named contexts.
pub const IMAGE_SCHEME: &str = "docker-image://";
