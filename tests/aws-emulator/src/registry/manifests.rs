//! Manifests by tag and digest, and the list of tags.
//!
//! A manifest is stored only if it is well formed, hashes to the digest it is put under, refers to contents that this
//! repository has with the sizes it states, and does not move an immutable tag. An answer has the stored bytes and
//! never a converted form: a caller who does not accept the media type is told that there is no manifest.

use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, LINK, LOCATION};
use http::{Method, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::error::RegistryError;
use super::{Exchange, Kind};
use crate::digest::Digest;
use crate::manifest::{LONGEST, Manifest};
use crate::reply::{self, Reply, WithHeader};
use crate::store::{Repository, is_tag};

const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// What a manifest refers to and the repository does not have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReferencesMissing {
    /// No such content.
    #[error("blob unknown to registry: {0}")]
    Absent(Digest),
    /// Content of another size.
    #[error("{digest} has {actual} bytes, the manifest says {declared}")]
    Size {
        /// Digest of the content.
        digest: Digest,
        /// Size in the manifest.
        declared: u64,
        /// Size of the content.
        actual: u64,
    },
}

/// Checks that the repository has what the manifest refers to.
///
/// `index_of_blobs` allows an index to list plain blobs, which registries other than ECR accept.
pub(crate) fn check_references(
    repository: &Repository,
    manifest: &Manifest,
    index_of_blobs: bool,
) -> Result<(), ReferencesMissing> {
    let blob = |digest: &Digest| repository.blobs.get(digest).copied();
    let image = |digest: &Digest| repository.images.get(digest).map(|image| image.manifest_bytes);
    let blobs = manifest
        .blobs
        .iter()
        .map(|reference| (reference, blob(&reference.digest)));
    let children = manifest.children.iter().map(|reference| {
        let found = image(&reference.digest).or_else(|| if index_of_blobs { blob(&reference.digest) } else { None });
        (reference, found)
    });
    for (reference, found) in blobs.chain(children) {
        let digest = reference.digest.clone();
        match found {
            None => return Err(ReferencesMissing::Absent(digest)),
            Some(actual) if actual != reference.size => {
                return Err(ReferencesMissing::Size {
                    digest,
                    declared: reference.size,
                    actual,
                });
            }
            Some(_) => {}
        }
    }
    Ok(())
}

impl Exchange<'_> {
    pub(super) async fn get_manifest(&self, name: &str, reference: &str) -> Result<Reply, RegistryError> {
        let (digest, image) = self
            .emulator
            .catalog
            .look(&self.key(name), |repository| {
                let digest = repository.resolve(reference)?;
                let image = repository.images.get(&digest)?.clone();
                Some((digest, image))
            })?
            .ok_or(RegistryError::ManifestUnknown)?;
        if !self.accepts(&image.media_type) {
            return Err(RegistryError::ManifestUnknown);
        }
        let reply = if self.parts.method == Method::HEAD {
            reply::empty(StatusCode::OK).with(CONTENT_LENGTH, &image.manifest_bytes.to_string())
        } else {
            reply::text(
                StatusCode::OK,
                &image.media_type,
                self.emulator.content.read(&digest).await?,
            )
        };
        Ok(reply
            .with(CONTENT_TYPE, &image.media_type)
            .with(CONTENT_DIGEST, &digest.to_string()))
    }

    fn accepts(&self, media_type: &str) -> bool {
        let values = self
            .parts
            .headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok());
        let mut ranges = values
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim());
        ranges.any(|range| range == media_type || range == "*/*" || range == "application/*")
    }

    pub(super) async fn put_manifest(
        &self,
        name: &str,
        reference: &str,
        body: Incoming,
    ) -> Result<Reply, RegistryError> {
        let key = self.key(name);
        if self.registry.kind == Kind::Plain {
            self.emulator.catalog.ensure(&key)?;
        }
        self.emulator.catalog.look(&key, |_| ())?;
        let tag = match reference.parse::<Digest>() {
            Ok(_) => None,
            Err(_) if is_tag(reference) => Some(reference),
            Err(_) => return Err(RegistryError::TagMalformed(reference.to_owned())),
        };
        let bytes = reply::read(body, LONGEST).await?;
        let manifest = Manifest::parse(self.header(CONTENT_TYPE).unwrap_or_default(), &bytes)?;
        let digest = Digest::of(&bytes);
        if tag.is_none() && reference != digest.to_string() {
            return Err(RegistryError::DigestMismatch {
                declared: reference.to_owned(),
                actual: digest,
            });
        }
        self.emulator.content.put(&bytes).await?;
        let index_of_blobs = self.registry.kind == Kind::Plain;
        self.emulator.catalog.change(&key, |repository| {
            check_references(repository, &manifest, index_of_blobs)?;
            if let Some(tag) = tag {
                set_tag(repository, (name, tag), &digest)?;
            }
            repository.add(&digest, &manifest);
            Ok::<_, RegistryError>(())
        })?;
        Ok(reply::empty(StatusCode::CREATED)
            .with(LOCATION, &format!("{}/v2/{name}/manifests/{digest}", self.origin))
            .with(CONTENT_DIGEST, &digest.to_string())
            .with(CONTENT_LENGTH, "0"))
    }

    pub(super) fn list_tags(&self, name: &str) -> Result<Reply, RegistryError> {
        let last = self.query("last").unwrap_or_default();
        let limit = self
            .query("n")
            .and_then(|n| n.parse::<usize>().ok())
            .filter(|n| *n > 0)
            .unwrap_or(1000);
        let mut tags: Vec<String> = self.emulator.catalog.look(&self.key(name), |repository| {
            repository
                .tags
                .keys()
                .filter(|tag| **tag > last)
                .take(limit + 1)
                .cloned()
                .collect()
        })?;
        let has_more = tags.len() > limit;
        tags.truncate(limit);
        let reply = reply::json(StatusCode::OK, &json!({"name": name, "tags": tags}));
        match tags.last() {
            Some(last) if has_more => Ok(reply.with(
                LINK,
                &format!(
                    "<{}/v2/{name}/tags/list?n={limit}&last={last}>; rel=\"next\"",
                    self.origin
                ),
            )),
            _ => Ok(reply),
        }
    }
}

fn set_tag(repository: &mut Repository, (name, tag): (&str, &str), digest: &Digest) -> Result<(), RegistryError> {
    match repository.tags.get(tag) {
        Some(current) if current != digest && repository.is_immutable(tag) => Err(RegistryError::TagImmutable {
            tag: tag.to_owned(),
            repository: name.to_owned(),
        }),
        _ => {
            repository.tags.insert(tag.to_owned(), digest.clone());
            Ok(())
        }
    }
}
