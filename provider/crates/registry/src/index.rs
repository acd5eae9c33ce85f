//! The index of an image for several platforms, composed by ourselves. Pure.
//!
//! Follows the image index of the OCI image specification. Nothing volatile goes into it, no annotation and no time, and
//! its members stand in a fixed order: the same images give the same bytes and so the same digest, whoever builds them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::error::RegistryError;
use crate::manifest::{Manifest, OCI_INDEX};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u8,
    media_type: &'a str,
    manifests: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: String,
    size: usize,
    platform: PlatformView<'a>,
}

#[derive(Serialize)]
struct PlatformView<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

impl Manifest {
    /// The index of these images by platform (`os/architecture[/variant]`), in the order of the platforms' names.
    ///
    /// # Errors
    /// [`RegistryError::InvalidManifest`], never for images that were read from a registry.
    pub fn index(images: &BTreeMap<String, Self>) -> Result<Self, RegistryError> {
        let index = Index {
            schema_version: 2,
            media_type: OCI_INDEX,
            manifests: images.iter().map(descriptor).collect(),
        };
        let invalid = |source| RegistryError::InvalidManifest {
            media_type: OCI_INDEX.to_owned(),
            source,
        };
        Self::parse(OCI_INDEX, serde_json::to_vec(&index).map_err(invalid)?)
    }
}

fn descriptor<'a>((platform, image): (&'a String, &'a Manifest)) -> Descriptor<'a> {
    let mut parts = platform.splitn(3, '/');
    let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Descriptor {
        media_type: &image.media_type,
        digest: image.digest.to_string(),
        size: image.bytes.len(),
        platform: PlatformView {
            architecture,
            os,
            variant: parts.next(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{ManifestKind, OCI_MANIFEST};

    fn image(layer: u64) -> Manifest {
        let text = format!(r#"{{"config":{{"size":7}},"layers":[{{"size":{layer}}}]}}"#);
        Manifest::parse(OCI_MANIFEST, text).unwrap()
    }

    fn index(images: &[(&str, u64)]) -> Manifest {
        let images = images
            .iter()
            .map(|(platform, layer)| ((*platform).to_owned(), image(*layer)));
        Manifest::index(&images.collect()).unwrap()
    }

    /// Golden value: equal images must have an equal index for ever.
    #[test]
    fn the_bytes_of_an_index_are_frozen() {
        let index = index(&[("linux/arm64", 1), ("linux/amd64", 2), ("linux/arm/v7", 3)]);
        let entry = |layer, platform: &str| {
            let image = image(layer);
            format!(
                r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{}","size":{},"platform":{platform}}}"#,
                image.digest,
                image.bytes.len()
            )
        };
        let entries = [
            entry(2, r#"{"architecture":"amd64","os":"linux"}"#),
            entry(3, r#"{"architecture":"arm","os":"linux","variant":"v7"}"#),
            entry(1, r#"{"architecture":"arm64","os":"linux"}"#),
        ];
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}}"#,
            entries.join(",")
        );
        assert_eq!(String::from_utf8_lossy(&index.bytes), expected);
        assert_eq!(index.media_type, OCI_INDEX);
    }

    #[test]
    fn an_index_names_the_images_it_was_made_of() {
        let index = index(&[("linux/arm64", 1), ("linux/arm/v7", 3)]);
        let expected = [("linux/arm/v7", 3), ("linux/arm64", 1)];
        let expected = expected.map(|(platform, layer)| (platform.to_owned(), image(layer).digest));
        assert_eq!(index.kind, ManifestKind::Index(expected.into()));
    }
}
