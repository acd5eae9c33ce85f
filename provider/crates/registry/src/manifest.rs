//! A manifest as a registry stores it: the bytes, their digest, and the little that we have to know of the content.
//!
//! Follows the image specification of OCI and the older Docker media types, which mean the same. The bytes are never
//! written anew: a manifest that is put under another tag is the same bytes and so the same digest.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::error::RegistryError;
use crate::reference::Digest;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What a registry is asked for.
pub(crate) const ACCEPTED: [&str; 4] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST];

/// A manifest whose digest is the digest of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The digest of `bytes`.
    pub digest: Digest,
    /// The media type under which it is stored.
    pub media_type: String,
    /// Exactly what the registry stores.
    pub bytes: Bytes,
    /// Bytes of the configuration and the layers as they are stored; 0 for what is not a plain image.
    pub size_bytes: u64,
    /// What it describes.
    pub kind: ManifestKind,
}

/// What a manifest describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManifestKind {
    /// An image for one platform.
    Image,
    /// Images for several platforms: `os/architecture[/variant]` and the digest of each manifest.
    Index(BTreeMap<String, Digest>),
    /// Something else, such as an artifact or a manifest of the first Docker schema.
    Other,
}

#[derive(Deserialize)]
struct ImageView {
    config: Sized,
    layers: Vec<Sized>,
}

#[derive(Deserialize)]
struct Sized {
    size: u64,
}

#[derive(Deserialize)]
struct ConfigView {
    config: Named,
}

#[derive(Deserialize)]
struct Named {
    digest: String,
}

#[derive(Deserialize)]
struct IndexView {
    manifests: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    fn name(self) -> String {
        let name = format!("{}/{}", self.os, self.architecture);
        match self.variant.filter(|variant| !variant.is_empty()) {
            Some(variant) => format!("{name}/{variant}"),
            None => name,
        }
    }
}

impl Manifest {
    /// Reads a manifest that is stored under `media_type`.
    ///
    /// # Errors
    /// [`RegistryError::InvalidManifest`] when the bytes are not what the media type says.
    pub fn parse(media_type: &str, bytes: impl Into<Bytes>) -> Result<Self, RegistryError> {
        let bytes = bytes.into();
        let invalid = |source| RegistryError::InvalidManifest {
            media_type: media_type.to_owned(),
            source,
        };
        let (kind, size_bytes) = match media_type {
            OCI_MANIFEST | DOCKER_MANIFEST => (ManifestKind::Image, image_size(&bytes).map_err(invalid)?),
            OCI_INDEX | DOCKER_LIST => (ManifestKind::Index(platforms(&bytes).map_err(invalid)?), 0),
            _ => (ManifestKind::Other, 0),
        };
        Ok(Self {
            digest: Digest::of(&bytes),
            media_type: media_type.to_owned(),
            bytes,
            size_bytes,
            kind,
        })
    }

    /// The digest of the image's configuration.
    ///
    /// # Errors
    /// [`RegistryError::InvalidManifest`] when the manifest names none, as only a plain image does.
    pub(crate) fn config_digest(&self) -> Result<Digest, RegistryError> {
        let view = serde_json::from_slice::<ConfigView>(&self.bytes);
        let digest = view.and_then(|view| Digest::parse(&view.config.digest).map_err(serde::de::Error::custom));
        digest.map_err(|source| RegistryError::InvalidManifest {
            media_type: self.media_type.clone(),
            source,
        })
    }
}

/// The platform that an image's configuration names, `os/architecture[/variant]`.
pub(crate) fn platform_of_config(bytes: &[u8]) -> Result<String, serde_json::Error> {
    Ok(serde_json::from_slice::<Platform>(bytes)?.name())
}

/// The media type that the manifest itself names, for registries that send none.
pub(crate) fn named_media_type(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        media_type: Option<String>,
    }
    serde_json::from_slice::<Typed>(bytes).ok()?.media_type
}

fn image_size(bytes: &[u8]) -> Result<u64, serde_json::Error> {
    let image: ImageView = serde_json::from_slice(bytes)?;
    Ok(image
        .layers
        .iter()
        .fold(image.config.size, |sum, layer| sum.saturating_add(layer.size)))
}

/// The images of an index. Entries for no real platform are attestations.
fn platforms(bytes: &[u8]) -> Result<BTreeMap<String, Digest>, serde_json::Error> {
    let index: IndexView = serde_json::from_slice(bytes)?;
    let mut platforms = BTreeMap::new();
    for entry in index.manifests {
        let Some(platform) = entry.platform.filter(|platform| platform.os != "unknown") else {
            continue;
        };
        let name = platform.name();
        let digest = Digest::parse(&entry.digest).map_err(serde::de::Error::custom)?;
        platforms.entry(name).or_insert(digest);
    }
    Ok(platforms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_size_is_configuration_and_layers() {
        let manifest = Manifest::parse(
            OCI_MANIFEST,
            r#"{"config":{"size":7},"layers":[{"size":10},{"size":20}]}"#,
        )
        .unwrap();
        assert_eq!((manifest.kind, manifest.size_bytes), (ManifestKind::Image, 37));
        assert_eq!(manifest.digest, Digest::of(&manifest.bytes));
    }

    #[test]
    fn index_names_platforms_and_leaves_attestations_out() {
        let digest = |text: &str| Digest::of(text.as_bytes());
        let entry = |digest: &Digest, platform: &str| format!(r#"{{"digest":"{digest}","platform":{platform}}}"#);
        let (amd, arm, proof) = (digest("amd"), digest("arm"), digest("proof"));
        let entries = [
            entry(&amd, r#"{"os":"linux","architecture":"amd64"}"#),
            entry(&arm, r#"{"os":"linux","architecture":"arm","variant":"v7"}"#),
            entry(&proof, r#"{"os":"unknown","architecture":"unknown"}"#),
        ];
        let index = Manifest::parse(DOCKER_LIST, format!(r#"{{"manifests":[{}]}}"#, entries.join(","))).unwrap();
        let expected = BTreeMap::from([("linux/amd64".to_owned(), amd), ("linux/arm/v7".to_owned(), arm)]);
        assert_eq!(index.kind, ManifestKind::Index(expected));
    }

    #[test]
    fn other_media_types_are_kept_and_not_read() {
        let manifest = Manifest::parse("application/vnd.docker.distribution.manifest.v1+json", "garbage").unwrap();
        assert_eq!(manifest.kind, ManifestKind::Other);
    }

    #[test]
    fn bytes_that_contradict_the_media_type_are_refused() {
        for (media_type, bytes) in [
            (OCI_MANIFEST, "{}"),
            (OCI_INDEX, "[]"),
            (OCI_MANIFEST, "<html>"),
            (
                OCI_INDEX,
                r#"{"manifests":[{"digest":"x","platform":{"os":"linux","architecture":"amd64"}}]}"#,
            ),
        ] {
            assert!(Manifest::parse(media_type, bytes).is_err(), "{media_type} {bytes}");
        }
    }
}
