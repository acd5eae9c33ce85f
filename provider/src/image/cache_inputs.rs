//! The input `cache`: which caches outside of the builder a build uses. A change of it builds nothing.

use fastcontainer_property::{Cursor, Decoder, Field};
use fastcontainer_registry::{Reference, Repository};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::planning::cache::{CacheMode, CachePlan, CacheReference};

/// A cache in a registry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryCacheImport {
    /// Repository and tag or digest, such as `ghcr.io/me/app:buildcache`.
    pub r#ref: String,
}

/// A cache in a registry that a build leaves there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RegistryCacheExport {
    /// Repository and tag, such as `ghcr.io/me/app:buildcache`.
    pub r#ref: String,
    /// How much it holds: `min` or `max`. Default: `min`.
    pub mode: Option<CacheMode>,
}

/// A cache in the configuration of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct InlineCache {}

/// A cache that a build takes from. Exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheImport {
    /// A cache in a registry, or an image there that holds its own.
    pub registry: Option<RegistryCacheImport>,
    /// The cache in the image of the last build, if there is one.
    pub inline: Option<InlineCache>,
}

/// A cache that a build leaves. Exactly one member is set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CacheExport {
    /// A cache in a registry.
    pub registry: Option<RegistryCacheExport>,
    /// In the configuration of the image.
    pub inline: Option<InlineCache>,
}

/// Caches outside of the builder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cache {
    /// Caches to take from. One that does not exist does no harm.
    pub imports: Option<Vec<CacheImport>>,
    /// Caches to leave. Nothing is exported when every step was cached, and an export that fails is a warning.
    pub exports: Option<Vec<CacheExport>>,
    /// How much is kept under `<repository>:buildcache[-target][-platform]`, which is imported too. Default: `off` on local builders, which keep a cache of their own.
    pub mode: Option<CacheMode>,
}

/// For whom caches are planned.
#[derive(Debug, Clone, Copy)]
pub struct CacheOf<'a> {
    /// The image's repository.
    pub repository: &'a Repository,
    /// Its target stage.
    pub target: Option<&'a str>,
    /// The platform of the build.
    pub platform: &'a str,
    /// Whether the image is for others too.
    pub several: bool,
    /// The image of the last build, by digest.
    pub last_image: Option<&'a str>,
}

impl Cache {
    /// The caches of a build, with the backend's own mode where the program has none.
    #[must_use]
    pub fn plan(&self, of: CacheOf<'_>, habit: CacheMode) -> CachePlan {
        let imports = self
            .imports
            .iter()
            .flatten()
            .filter_map(|import| match &import.registry {
                Some(registry) => reference(&registry.r#ref),
                None => import.inline.as_ref().and_then(|_| reference(of.last_image?)),
            });
        let exports = self.exports.iter().flatten();
        let registries = exports.clone().filter_map(|export| export.registry.as_ref());
        let registries = registries.filter_map(|export| {
            let mode = export.mode.and_then(CacheMode::layers).unwrap_or_default();
            Some((reference(&export.r#ref)?, mode))
        });
        let plan = CachePlan {
            imports: imports.collect(),
            exports: registries.collect(),
            inline: exports.clone().any(|export| export.inline.is_some()),
        };
        let plan = if of.several {
            plan.of_platform(of.platform)
        } else {
            plan
        };
        match self.mode.unwrap_or(habit).layers() {
            Some(mode) => plan.with_default(CacheReference::default_of(of.repository, of.target, of.platform), mode),
            None => plan,
        }
    }
}

fn reference(text: &str) -> Option<CacheReference> {
    let (repository, reference) = Repository::parse_image(text).ok()?;
    let suffix = match reference {
        Reference::Tag(tag) => format!(":{tag}"),
        Reference::Digest(digest) => format!("@{digest}"),
    };
    Some(CacheReference { repository, suffix })
}

const MODES: [(&str, CacheMode); 3] = [
    ("off", CacheMode::Off),
    ("min", CacheMode::Min),
    ("max", CacheMode::Max),
];

/// Reads `cache`.
#[must_use]
pub fn decode_cache(value: Cursor<'_>) -> Option<Cache> {
    let cache = value.object(|cache| Cache {
        imports: cache.at("imports").list(|item| item.object(import)).known(),
        exports: cache.at("exports").list(|item| item.object(export)).known(),
        mode: cache.at("mode").keyword(&MODES).known(),
    });
    cache.known()
}

fn import(entry: &mut Decoder<'_>) -> CacheImport {
    one_member(entry);
    let registry = entry.at("registry").object(|registry| RegistryCacheImport {
        r#ref: cache_reference(registry.at("ref"), true),
    });
    CacheImport {
        registry: registry.known(),
        inline: inline(entry.at("inline")).known(),
    }
}

fn export(entry: &mut Decoder<'_>) -> CacheExport {
    one_member(entry);
    let registry = entry.at("registry").object(|registry| RegistryCacheExport {
        r#ref: cache_reference(registry.at("ref"), false),
        mode: registry.at("mode").keyword(&MODES[1..]).known(),
    });
    CacheExport {
        registry: registry.known(),
        inline: inline(entry.at("inline")).known(),
    }
}

fn inline(value: Cursor<'_>) -> Field<InlineCache> {
    value.object(|_| InlineCache {})
}

fn one_member(entry: &mut Decoder<'_>) {
    if entry.has("registry") == entry.has("inline") {
        entry.fail("must have exactly one member: `registry: {ref: …}` or `inline: {}`");
    }
}

fn cache_reference(mut value: Cursor<'_>, digests: bool) -> String {
    if let Some(text) = value.peek() {
        match Repository::parse_image(text) {
            Err(error) => value.fail(error.to_string()),
            Ok((_, Reference::Digest(_))) if !digests => {
                value.fail("must end with a tag: a digest cannot be written to")
            }
            Ok((_, Reference::Tag(tag))) if !digests && tag.as_str().starts_with("fc-") => {
                value.fail("must not have a tag that begins with `fc-`: such tags belong to images of the provider");
            }
            Ok(_) => {}
        }
    }
    value.required().string().known().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastcontainer_buildkit::CacheMode as Layers;

    fn plan(cache: &Cache, habit: CacheMode) -> CachePlan {
        let of = CacheOf {
            repository: &Repository::parse("ghcr.io/me/app").unwrap(),
            target: Some("dev"),
            platform: "linux/amd64",
            several: false,
            last_image: Some("ghcr.io/me/app@sha256:0000000000000000000000000000000000000000000000000000000000000000"),
        };
        cache.plan(of, habit)
    }

    fn shown(plan: &CachePlan) -> (Vec<String>, Vec<(String, Layers)>) {
        let exports = plan.exports.iter();
        (
            plan.imports.iter().map(ToString::to_string).collect(),
            exports.map(|(to, mode)| (to.to_string(), *mode)).collect(),
        )
    }

    #[test]
    fn without_a_mode_the_backend_decides() {
        let none = Cache::default();
        assert_eq!(plan(&none, CacheMode::Off), CachePlan::default());
        let default = "ghcr.io/me/app:buildcache-dev".to_owned();
        assert_eq!(
            shown(&plan(&none, CacheMode::Min)),
            (vec![default.clone()], vec![(default.clone(), Layers::Min)])
        );
        let max = Cache {
            mode: Some(CacheMode::Max),
            ..Cache::default()
        };
        assert_eq!(shown(&plan(&max, CacheMode::Off)).1, [(default, Layers::Max)]);
        let off = Cache {
            mode: Some(CacheMode::Off),
            ..Cache::default()
        };
        assert_eq!(plan(&off, CacheMode::Min), CachePlan::default());
    }

    #[test]
    fn listed_caches_come_in_addition_and_inline_means_the_last_image() {
        let cache = Cache {
            imports: Some(vec![
                CacheImport {
                    registry: Some(RegistryCacheImport {
                        r#ref: "localhost:5000/c".into(),
                    }),
                    inline: None,
                },
                CacheImport {
                    registry: None,
                    inline: Some(InlineCache {}),
                },
            ]),
            exports: Some(vec![CacheExport {
                registry: None,
                inline: Some(InlineCache {}),
            }]),
            mode: None,
        };
        let plan = plan(&cache, CacheMode::Off);
        let (imports, exports) = shown(&plan);
        assert_eq!(imports[0], "localhost:5000/c:latest");
        assert!(imports[1].starts_with("ghcr.io/me/app@sha256:"));
        assert!(exports.is_empty() && plan.inline);
        assert!(plan.options().imports[0].insecure && !plan.options().imports[1].insecure);
    }
}
