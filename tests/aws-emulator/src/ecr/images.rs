//! BatchGetImage, DescribeImages, ListImages and BatchDeleteImage.
//!
//! Answers each requested id on its own: an image asked for by one of its tags comes back with that tag. An image
//! whose media type is not among the accepted ones is reported as not found, which is the strictest reading of
//! the service's contract; without a list, indexes are not accepted.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::account_of;
use super::paging::Paging;
use super::repositories::with_next_token;
use super::{Call, EcrError};
use crate::digest::Digest;
use crate::manifest::{DOCKER_MANIFEST, OCI_MANIFEST};
use crate::store::{Image, Repository, RepositoryKey};

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ImageId {
    image_digest: Option<String>,
    image_tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchGetImage {
    registry_id: Option<String>,
    repository_name: String,
    image_ids: Vec<ImageId>,
    accepted_media_types: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct BatchDeleteImage {
    registry_id: Option<String>,
    repository_name: String,
    image_ids: Vec<ImageId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageList {
    registry_id: Option<String>,
    repository_name: String,
    image_ids: Option<Vec<ImageId>>,
    filter: Option<Filter>,
    #[serde(flatten)]
    paging: Paging,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filter {
    tag_status: Option<TagStatus>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "UPPERCASE")]
enum TagStatus {
    Tagged,
    Untagged,
    Any,
}

/// Why one id of a batch has no answer: the service's code and reason.
type Failure = (&'static str, &'static str);

const NOT_FOUND: Failure = ("ImageNotFound", "Requested image not found");

impl ImageId {
    fn find(&self, repository: &Repository) -> Result<Digest, Failure> {
        match (&self.image_tag, &self.image_digest) {
            (None, None) => Err((
                "MissingDigestAndTag",
                "Invalid request parameters: both tag and digest cannot be null",
            )),
            (Some(tag), digest) => {
                let found = repository.tags.get(tag).ok_or(NOT_FOUND)?;
                match digest {
                    Some(digest) if *digest != found.to_string() => {
                        Err(("ImageTagDoesNotMatchDigest", "Image tag does not match the digest"))
                    }
                    _ => Ok(found.clone()),
                }
            }
            (None, Some(digest)) => {
                let digest: Digest =
                    digest.parse().map_err(|_| ("InvalidImageDigest", "Invalid request parameters: image digest should satisfy the regex '[a-zA-Z0-9-_+.]+:[a-fA-F0-9]+'"))?;
                if repository.images.contains_key(&digest) {
                    Ok(digest)
                } else {
                    Err(NOT_FOUND)
                }
            }
        }
    }

    fn answer(&self, digest: &Digest) -> Value {
        match &self.image_tag {
            Some(tag) => json!({"imageDigest": digest.to_string(), "imageTag": tag}),
            None => json!({"imageDigest": digest.to_string()}),
        }
    }

    fn failure(&self, (code, reason): Failure) -> Value {
        let mut id = json!({});
        if let Some(tag) = &self.image_tag {
            id["imageTag"] = json!(tag);
        }
        if let Some(digest) = &self.image_digest {
            id["imageDigest"] = json!(digest);
        }
        json!({"imageId": id, "failureCode": code, "failureReason": reason})
    }

    fn describe(&self) -> String {
        let text = |part: &Option<String>| part.clone().unwrap_or_else(|| "null".to_owned());
        format!(
            "{{imageDigest:'{}', imageTag:'{}'}}",
            text(&self.image_digest),
            text(&self.image_tag)
        )
    }
}

impl Call<'_> {
    pub(super) async fn batch_get_image(&self, request: BatchGetImage) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        check_batch(&request.image_ids)?;
        let by_default = || vec![DOCKER_MANIFEST.to_owned(), OCI_MANIFEST.to_owned()];
        let accepted = request.accepted_media_types.unwrap_or_else(by_default);
        let found: Vec<_> = self.emulator.catalog.look(&key, |repository| {
            let find = |id: &ImageId| {
                let digest = id.find(repository)?;
                let media_type = repository
                    .images
                    .get(&digest)
                    .map(|image| image.media_type.clone())
                    .ok_or(NOT_FOUND)?;
                if accepted.contains(&media_type) {
                    Ok((digest, media_type))
                } else {
                    Err(NOT_FOUND)
                }
            };
            request.image_ids.iter().map(|id| (id, find(id))).collect()
        })?;
        let (mut images, mut failures) = (Vec::new(), Vec::new());
        for (id, outcome) in found {
            match outcome {
                Ok((digest, media_type)) => {
                    let manifest = self.emulator.content.read(&digest).await.map_err(EcrError::Storage)?;
                    images.push(json!({
                        "registryId": account_of(&key),
                        "repositoryName": key.name,
                        "imageId": id.answer(&digest),
                        "imageManifest": String::from_utf8_lossy(&manifest),
                        "imageManifestMediaType": media_type,
                    }));
                }
                Err(failure) => failures.push(id.failure(failure)),
            }
        }
        Ok(json!({"images": images, "failures": failures}))
    }

    pub(super) fn describe_images(&self, request: ImageList) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        let Some(ids) = &request.image_ids else {
            let status = request
                .filter
                .and_then(|filter| filter.tag_status)
                .unwrap_or(TagStatus::Any);
            let all = self.emulator.catalog.look(&key, |repository| {
                let images = repository
                    .images
                    .iter()
                    .filter(|(digest, _)| has_status(repository, digest, status));
                images
                    .map(|(digest, image)| image_detail(&key, repository, (digest, image)))
                    .collect()
            })?;
            let (page, next_token) = request.paging.page(&format!("images {key}"), all)?;
            return Ok(with_next_token(json!({ "imageDetails": page }), next_token));
        };
        check_batch(ids)?;
        if request.paging.is_set() {
            return Err(EcrError::parameter(
                "imageIds",
                "cannot be combined with paging parameters",
            ));
        }
        let details = self.emulator.catalog.look(&key, |repository| {
            let detail = |id: &ImageId| {
                let missing = || EcrError::ImageNotFound {
                    image: id.describe(),
                    name: key.name.clone(),
                    account: account_of(&key).to_owned(),
                };
                let digest = id.find(repository).map_err(|_| missing())?;
                let image = repository.images.get(&digest).ok_or_else(missing)?;
                Ok(image_detail(&key, repository, (&digest, image)))
            };
            ids.iter().map(detail).collect::<Result<Vec<Value>, EcrError>>()
        })??;
        Ok(json!({ "imageDetails": details }))
    }

    pub(super) fn list_images(&self, request: ImageList) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        if request.image_ids.is_some() {
            return Err(EcrError::Serialization("unknown member imageIds".to_owned()));
        }
        let status = request
            .filter
            .and_then(|filter| filter.tag_status)
            .unwrap_or(TagStatus::Any);
        let all = self.emulator.catalog.look(&key, |repository| {
            let tagged = repository.tags.iter().filter(|_| status != TagStatus::Untagged);
            let tagged = tagged.map(|(tag, digest)| json!({"imageDigest": digest.to_string(), "imageTag": tag}));
            let untagged = repository
                .images
                .keys()
                .filter(|digest| status != TagStatus::Tagged && has_status(repository, digest, TagStatus::Untagged));
            tagged
                .chain(untagged.map(|digest| json!({"imageDigest": digest.to_string()})))
                .collect()
        })?;
        let (page, next_token) = request.paging.page(&format!("tags {key}"), all)?;
        Ok(with_next_token(json!({ "imageIds": page }), next_token))
    }

    pub(super) fn batch_delete_image(&self, request: BatchDeleteImage) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        check_batch(&request.image_ids)?;
        self.emulator.catalog.change(&key, |repository| {
            let (mut deleted, mut failures) = (Vec::new(), Vec::new());
            for id in &request.image_ids {
                match delete(repository, id) {
                    Ok(ids) => deleted.extend(ids),
                    Err(failure) => failures.push(id.failure(failure)),
                }
            }
            Ok(json!({"imageIds": deleted, "failures": failures}))
        })
    }
}

fn delete(repository: &mut Repository, id: &ImageId) -> Result<Vec<Value>, Failure> {
    let digest = id.find(repository)?;
    let is_listed = repository.is_listed(&digest);
    if let Some(tag) = &id.image_tag {
        repository.tags.remove(tag);
        if repository.tags_of(&digest).is_empty() && !is_listed {
            repository.images.remove(&digest);
        }
        return Ok(vec![id.answer(&digest)]);
    }
    if is_listed {
        return Err((
            "ImageReferencedByManifestList",
            "Requested image referenced by manifest list",
        ));
    }
    let tags: Vec<String> = repository.tags_of(&digest).into_iter().map(str::to_owned).collect();
    repository.images.remove(&digest);
    repository.tags.retain(|_, to| *to != digest);
    let with_tag = |tag: &String| json!({"imageDigest": digest.to_string(), "imageTag": tag});
    Ok(if tags.is_empty() {
        vec![id.answer(&digest)]
    } else {
        tags.iter().map(with_tag).collect()
    })
}

fn check_batch(ids: &[ImageId]) -> Result<(), EcrError> {
    if (1..=100).contains(&ids.len()) {
        return Ok(());
    }
    Err(EcrError::parameter(
        "imageIds",
        "Member must have length between 1 and 100",
    ))
}

fn has_status(repository: &Repository, digest: &Digest, status: TagStatus) -> bool {
    match status {
        TagStatus::Any => true,
        TagStatus::Tagged => !repository.tags_of(digest).is_empty(),
        TagStatus::Untagged => repository.tags_of(digest).is_empty(),
    }
}

fn image_detail(key: &RepositoryKey, repository: &Repository, (digest, image): (&Digest, &Image)) -> Value {
    let mut detail = json!({
        "registryId": account_of(key),
        "repositoryName": key.name,
        "imageDigest": digest.to_string(),
        "imageSizeInBytes": image.image_bytes,
        "imagePushedAt": image.pushed_at,
        "imageManifestMediaType": image.media_type,
        "imageStatus": "ACTIVE",
    });
    let tags = repository.tags_of(digest);
    if !tags.is_empty() {
        detail["imageTags"] = json!(tags);
    }
    if let Some(artifact) = &image.artifact_media_type {
        detail["artifactMediaType"] = json!(artifact);
    }
    detail
}
