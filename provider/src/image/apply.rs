//! Create and Update: gather facts, decide, act.
//!
//! The order makes a crash harmless at every point: an image is pushed by digest, verified, and only then named by its
//! content tag; extra tags come last. Whatever the next `up` finds, it either adopts it or does not see it.

use std::collections::BTreeSet;

use fastcontainer_registry::Repository;
use futures_util::future::try_join_all;

use super::error::ImageError;
use super::inputs::{ImageInputs, Reuse};
use super::make::make;
use super::operation::Operation;
use super::outputs::ImageOutputs;
use super::publish::move_tags;
use crate::planning::content_tag::{ContentTag, ReuseScope};
use crate::planning::decision::Presence;
use crate::planning::fingerprint::Fingerprint;
use crate::planning::record::ContentRecord;
use crate::registries::{RegistryFailure, by_digest};

/// What is to exist afterwards.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Checked inputs.
    pub inputs: ImageInputs,
    /// The fingerprint that Check attached.
    pub fingerprint: Fingerprint,
    /// Whether `ignoreChanges` covers the fingerprint, so that the disk may hold something else.
    pub fingerprint_ignored: bool,
    /// Whether the state knows an image without knowing what it was built from.
    pub imported: bool,
}

/// What exists according to the state.
#[derive(Debug, Clone)]
pub struct Prior {
    /// Inputs of the last operation.
    pub inputs: ImageInputs,
    /// Outputs of the last operation.
    pub outputs: ImageOutputs,
}

impl Prior {
    /// The fingerprint of the image in the state.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.outputs.fingerprint.clone().into()
    }

    /// What the state knows of the content of its build; `None` when that is absent or cannot be read.
    #[must_use]
    pub fn record(&self) -> Option<ContentRecord> {
        self.outputs.record.as_deref().and_then(ContentRecord::decode)
    }

    /// Whether the image in the state is the one that is wanted.
    #[must_use]
    pub fn serves(&self, wanted: &Wanted) -> bool {
        self.outputs.fingerprint.total == wanted.fingerprint.total && self.inputs.repository == wanted.inputs.repository
    }
}

/// The content tag of `fingerprint` under the reuse rules in force; `None` stands for a tag that only the build itself
/// can make up (`reuse: never`).
#[must_use]
pub fn content_tag(op: &Operation, inputs: &ImageInputs, fingerprint: &Fingerprint) -> Option<ContentTag> {
    let scope = match op.session.reuse(inputs) {
        Reuse::Anywhere => ReuseScope::Anywhere,
        Reuse::Stack => ReuseScope::Stack {
            project: op.urn.project.clone(),
            stack: op.urn.stack.clone(),
            resource: (!inputs.secret_ids().is_empty()).then(|| op.urn.name.clone()),
        },
        Reuse::Never => return None,
    };
    Some(ContentTag::derive(op.session.reuse_key(), &fingerprint.total, &scope))
}

/// Makes the wanted image exist and returns its outputs.
///
/// # Errors
/// See [`ImageError`]. [`ImageError::AfterPush`] carries outputs that are true already.
pub async fn apply(op: &Operation, wanted: &Wanted, prior: Option<&Prior>) -> Result<ImageOutputs, ImageError> {
    let repository = wanted.inputs.repository()?;
    let in_state = in_state(op, wanted, prior, &repository).await?;
    let outputs = match (prior, &in_state) {
        (Some(prior), Some(Presence::Found(_))) => prior.outputs.clone(),
        _ => make(op, wanted, prior, in_state).await?,
    };
    move_tags(op, &wanted.inputs, &outputs).await?;
    Ok(outputs)
}

/// Which of these digests are definitely not in the repository any more.
///
/// # Errors
/// When the registry cannot answer.
pub async fn missing<'a>(
    op: &Operation,
    repository: &Repository,
    digests: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<&'a str>, RegistryFailure> {
    let digests: BTreeSet<_> = digests.collect();
    let look_up = |digest: &'a str| async move {
        let found = op
            .session
            .registries
            .look_up(repository, &by_digest(digest)?, &op.cancel)
            .await?;
        Ok::<_, RegistryFailure>(found.is_none().then_some(digest))
    };
    let found = try_join_all(digests.into_iter().map(look_up)).await?;
    Ok(found.into_iter().flatten().collect())
}

/// Whether the image in the state, of an index every image behind it too, is the wanted one and still there; `None`
/// when it is another.
///
/// # Errors
/// When the registry cannot answer.
pub async fn in_state(
    op: &Operation,
    wanted: &Wanted,
    prior: Option<&Prior>,
    repository: &Repository,
) -> Result<Option<Presence>, RegistryFailure> {
    let Some(prior) = prior.filter(|prior| prior.serves(wanted)) else {
        return Ok(None);
    };
    let outputs = &prior.outputs;
    let parts = outputs.platform_digests.values().map(String::as_str);
    let missing = missing(op, repository, parts.chain([outputs.digest.as_str()])).await?;
    let found = || Presence::Found(outputs.digest.clone());
    Ok(Some(if missing.is_empty() { found() } else { Presence::Missing }))
}
