//! Image manifests and indexes: parsing and the checks that need nothing but the document itself.
//!
//! Refuses what a client must never push: another schema version, a media type that contradicts the request,
//! descriptors without digest or size. Whether the referenced contents exist is checked by the registry.
//! Follows the OCI image specification and Docker's image manifest version 2, schema 2.

use serde::Deserialize;

use crate::digest::Digest;

pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Longest manifest that is accepted, in bytes.
pub(crate) const LONGEST: usize = 4 * 1024 * 1024;

/// A well-formed manifest or index.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// Media type of the document.
    pub(crate) media_type: String,
    /// Artifact type, or the media type of the config.
    pub(crate) artifact_media_type: Option<String>,
    /// Length of the document in bytes.
    pub(crate) length: u64,
    /// Sum of the layers in bytes.
    pub(crate) layer_bytes: u64,
    /// Config and layers that must exist.
    pub(crate) blobs: Vec<Descriptor>,
    /// Manifests that an index lists.
    pub(crate) children: Vec<Descriptor>,
}

/// A reference to a content.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// Media type of the content.
    pub(crate) media_type: String,
    /// Digest of the content.
    pub(crate) digest: Digest,
    /// Length of the content in bytes.
    pub(crate) size: u64,
    #[serde(default)]
    urls: Vec<String>,
}

/// Why a document is not an acceptable manifest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestInvalid {
    /// Not a media type of a manifest or index.
    #[error("media type `{0}` is not that of a manifest")]
    MediaType(String),
    /// `mediaType` inside contradicts the request, or a Docker manifest has none.
    #[error("mediaType `{inside}` is not `{declared}`")]
    MediaTypeMismatch {
        /// What the request says.
        declared: String,
        /// What the document says.
        inside: String,
    },
    /// Not JSON, or not of the required shape.
    #[error("malformed document: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Only version 2 is served.
    #[error("schemaVersion {0} is not 2")]
    SchemaVersion(u64),
    /// A required member is missing, or one that must not be there is.
    #[error("wrong members for media type `{0}`")]
    Members(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    schema_version: u64,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
}

impl Manifest {
    /// Parses `bytes`, which the sender declares to be of `media_type`.
    pub(crate) fn parse(media_type: &str, bytes: &[u8]) -> Result<Self, ManifestInvalid> {
        if ![OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type) {
            return Err(ManifestInvalid::MediaType(media_type.to_owned()));
        }
        let document: Document = serde_json::from_slice(bytes)?;
        if document.schema_version != 2 {
            return Err(ManifestInvalid::SchemaVersion(document.schema_version));
        }
        check_media_type(media_type, document.media_type.as_deref())?;
        let is_index = is_index(media_type);
        let (config, layers, children) = match (document.config, document.layers, document.manifests) {
            (None, None, Some(children)) if is_index => (None, Vec::new(), children),
            (Some(config), Some(layers), None) if !is_index => (Some(config), layers, Vec::new()),
            _ => return Err(ManifestInvalid::Members(media_type.to_owned())),
        };
        let config_type = config.as_ref().map(|config| config.media_type.clone());
        Ok(Self {
            media_type: media_type.to_owned(),
            artifact_media_type: document.artifact_type.or(config_type),
            length: bytes.len() as u64,
            layer_bytes: layers.iter().map(|layer| layer.size).sum(),
            blobs: config
                .into_iter()
                .chain(layers)
                .filter(|blob| blob.urls.is_empty())
                .collect(),
            children,
        })
    }
}

/// Tells whether the media type is that of an index or manifest list.
pub(crate) fn is_index(media_type: &str) -> bool {
    media_type == OCI_INDEX || media_type == DOCKER_LIST
}

fn check_media_type(declared: &str, inside: Option<&str>) -> Result<(), ManifestInvalid> {
    let may_be_absent = declared == OCI_MANIFEST || declared == OCI_INDEX;
    match inside {
        Some(inside) if inside == declared => Ok(()),
        None if may_be_absent => Ok(()),
        other => Err(ManifestInvalid::MediaTypeMismatch {
            declared: declared.to_owned(),
            inside: other.unwrap_or_default().to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn descriptor(size: u64) -> serde_json::Value {
        json!({"mediaType": "application/x", "digest": format!("sha256:{}", "a".repeat(64)), "size": size})
    }

    fn parse(media_type: &str, document: &serde_json::Value) -> Result<Manifest, ManifestInvalid> {
        Manifest::parse(media_type, document.to_string().as_bytes())
    }

    #[test]
    fn image_size_is_the_sum_of_the_layers() {
        let document =
            json!({"schemaVersion": 2, "config": descriptor(1), "layers": [descriptor(20), descriptor(300)]});
        let manifest = parse(OCI_MANIFEST, &document).unwrap();
        assert_eq!((manifest.layer_bytes, manifest.blobs.len()), (320, 3));
    }

    #[test]
    fn documents_that_contradict_their_media_type_are_refused() {
        let image = json!({"schemaVersion": 2, "config": descriptor(1), "layers": []});
        let index = json!({"schemaVersion": 2, "manifests": [descriptor(1)]});
        let mixed = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "config": descriptor(1), "layers": []});
        let old = json!({"schemaVersion": 1, "config": descriptor(1), "layers": []});
        let both = json!({"schemaVersion": 2, "config": descriptor(1), "layers": [], "manifests": []});
        for (media_type, document) in [
            (OCI_INDEX, &image),
            (OCI_MANIFEST, &index),
            (OCI_MANIFEST, &mixed),
            (OCI_MANIFEST, &old),
            (OCI_MANIFEST, &both),
            (DOCKER_MANIFEST, &image),
            ("application/json", &image),
        ] {
            assert!(parse(media_type, document).is_err(), "{media_type} {document}");
        }
        assert!(parse(OCI_INDEX, &index).is_ok());
    }
}
