//! Caches outside of the builder: what a build may take from them, and what it leaves there. Pure.
//!
//! Responsible for the attributes that BuildKit's importers and exporters want. A registry cache is written as an image
//! manifest with OCI media types, the form that every registry takes, ECR among them. Imports travel in an attribute of
//! the Dockerfile frontend: the field of the request does nothing for Dockerfiles.
//!
//! Refuses nothing; what an endpoint cannot do was refused before (see [`crate::Endpoint::check`]).

use std::collections::HashMap;

use bollard_buildkit_proto::moby::buildkit::v1::CacheOptionsEntry;
use serde::Serialize;

/// How much of a build a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CacheMode {
    /// The layers of the image.
    #[default]
    Min,
    /// The layers of all stages.
    Max,
}

/// A cache in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryCache {
    /// Repository and tag, or digest.
    pub reference: String,
    /// The registry speaks plain HTTP.
    pub insecure: bool,
}

/// Where a build leaves its cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheExport {
    /// In a registry, under a reference of its own.
    Registry {
        /// Where.
        to: RegistryCache,
        /// How much.
        mode: CacheMode,
    },
    /// In the configuration of the image itself.
    Inline,
}

/// Caches of one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CacheOptions {
    /// Caches to take from, also images that hold their own. One that does not exist does no harm.
    pub imports: Vec<RegistryCache>,
    /// Caches to leave. Nothing is exported when every step was cached, and an export that fails fails no build.
    pub exports: Vec<CacheExport>,
}

impl CacheOptions {
    /// References of the caches that are written apart from the image.
    pub(crate) fn written_apart(&self) -> Vec<&str> {
        self.exports
            .iter()
            .filter_map(|export| match export {
                CacheExport::Registry { to, .. } => Some(to.reference.as_str()),
                CacheExport::Inline => None,
            })
            .collect()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Import<'a> {
    r#type: &'static str,
    attrs: HashMap<&'static str, &'a str>,
}

/// The frontend's attribute, if there is anything to import.
pub(crate) fn import_attr(imports: &[RegistryCache]) -> Option<(String, String)> {
    let entry = |cache| Import {
        r#type: "registry",
        attrs: registry_attrs(cache).collect(),
    };
    let entries: Vec<_> = imports.iter().map(entry).collect();
    let text = serde_json::to_string(&entries).ok()?;
    (!entries.is_empty()).then(|| ("cache-imports".to_owned(), text))
}

/// The exports that travel with the image.
pub(crate) fn with_the_image(exports: &[CacheExport]) -> Vec<CacheOptionsEntry> {
    let inline = exports.iter().filter(|export| **export == CacheExport::Inline);
    inline.map(|_| entry("inline", [])).take(1).collect()
}

/// The exports that are written apart from the image. Their errors are wanted, so that they can be told.
pub(crate) fn apart(exports: &[CacheExport]) -> Vec<CacheOptionsEntry> {
    let apart = exports.iter().filter_map(|export| match export {
        CacheExport::Inline => None,
        CacheExport::Registry { to, mode } => {
            let mode = match mode {
                CacheMode::Min => "min",
                CacheMode::Max => "max",
            };
            let form = [("mode", mode), ("image-manifest", "true"), ("oci-mediatypes", "true")];
            Some(entry("registry", registry_attrs(to).chain(form)))
        }
    });
    apart.collect()
}

fn registry_attrs(cache: &RegistryCache) -> impl Iterator<Item = (&'static str, &str)> {
    let insecure = cache.insecure.then_some(("registry.insecure", "true"));
    [("ref", cache.reference.as_str())].into_iter().chain(insecure)
}

fn entry<'a>(kind: &str, attrs: impl IntoIterator<Item = (&'static str, &'a str)>) -> CacheOptionsEntry {
    CacheOptionsEntry {
        r#type: kind.to_owned(),
        attrs: attrs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn registry(reference: &str, insecure: bool) -> RegistryCache {
        RegistryCache {
            reference: reference.to_owned(),
            insecure,
        }
    }

    #[test]
    fn imports_are_an_attribute_of_the_frontend() {
        assert_eq!(import_attr(&[]), None);
        let (key, text) = import_attr(&[registry("a.example/x:c", false), registry("localhost:5/y", true)]).unwrap();
        let wanted = serde_json::json!([
            { "Type": "registry", "Attrs": { "ref": "a.example/x:c" } },
            { "Type": "registry", "Attrs": { "ref": "localhost:5/y", "registry.insecure": "true" } },
        ]);
        assert_eq!(key, "cache-imports");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), wanted);
    }

    #[test]
    fn a_registry_cache_is_an_image_manifest_written_apart() {
        let exports = [
            CacheExport::Inline,
            CacheExport::Registry {
                to: registry("a.example/x:c", false),
                mode: CacheMode::Max,
            },
        ];
        let apart = apart(&exports);
        assert_eq!(apart.len(), 1);
        let attrs: BTreeMap<_, _> = apart[0].attrs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        let wanted = [
            ("ref", "a.example/x:c"),
            ("mode", "max"),
            ("image-manifest", "true"),
            ("oci-mediatypes", "true"),
        ];
        assert_eq!(attrs, BTreeMap::from(wanted));
        assert_eq!(with_the_image(&exports), [entry("inline", [])]);
    }
}
