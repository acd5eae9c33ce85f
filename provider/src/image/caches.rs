//! The caches of a build that is about to run.
//!
//! Responsible for not exporting to where it cannot work for long: in a repository of ECR whose tags are immutable the
//! first export succeeds and every later one fails, which nobody would notice. That is asked once per repository, and
//! told once. A repository that cannot be asked about is exported to: an export that fails is only a warning.

use super::apply::{Prior, Wanted};
use super::cache_inputs::{Cache, CacheOf};
use super::error::ImageError;
use super::operation::Operation;
use crate::planning::cache::{CacheMode, CachePlan, CacheReference};
use crate::planning::options::BuildOptions;

/// The caches that a build with these options uses; `habit` is what its backend does by itself.
///
/// # Errors
/// When the repository's name is none, or the operation was cancelled.
pub async fn caches_for_build(
    op: &Operation,
    (wanted, prior): (&Wanted, Option<&Prior>),
    options: &BuildOptions,
    habit: CacheMode,
) -> Result<CachePlan, ImageError> {
    let none = Cache::default();
    let repository = wanted.inputs.repository()?;
    let mut plan = wanted.inputs.cache.as_ref().unwrap_or(&none).plan(
        CacheOf {
            repository: &repository,
            target: options.target.as_deref(),
            platform: &options.platform,
            several: wanted.inputs.build_options().is_for_several_platforms(),
            last_image: prior.map(|prior| prior.outputs.image_uri.as_str()),
        },
        habit,
    );
    let mut exports = Vec::new();
    for (reference, mode) in plan.exports {
        if may_export(op, &reference).await? {
            exports.push((reference, mode));
        }
    }
    plan.exports = exports;
    Ok(plan)
}

async fn may_export(op: &Operation, reference: &CacheReference) -> Result<bool, ImageError> {
    let Some(tag) = reference.tag() else {
        return Ok(true);
    };
    let cell = op.session.frozen_tags.of(&reference.to_string());
    let asked = cell.get_or_try_init(|| async {
        let asked = op.session.registries.moves_tag(&reference.repository, &tag);
        let moves = tokio::select! {
            moves = asked => moves,
            () = op.cancel.cancelled() => return Err(ImageError::Cancelled),
        };
        let moves = moves.unwrap_or_else(|error| {
            tracing::debug!(%error, %reference, "cannot ask whether the tag of a cache may be moved");
            true
        });
        if !moves {
            op.reporter.warning(&immutable(op, reference));
        }
        Ok(moves)
    });
    Ok(*asked.await?)
}

fn immutable(op: &Operation, reference: &CacheReference) -> String {
    format!(
        "{}: the build cache is not exported to `{reference}`: tags of this repository are immutable, so a cache could never \
         be renewed. Exclude the tag from immutability (`imageTagMutability: IMMUTABLE_WITH_EXCLUSION` with the filter \
         `buildcache*`), export to another repository with `cache.exports`, or set `cache.mode: off`",
        op.urn.name
    )
}
