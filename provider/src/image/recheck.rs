//! Looks at the disk again before acting.

use fastcontainer_build_context::Change;

use super::apply::Wanted;
use super::content::Content;
use super::error::ImageError;
use super::operation::Operation;
use crate::planning::fingerprint::Fingerprint;

/// Gathers the content anew and compares it with what Check saw.
///
/// # Errors
/// [`ImageError::ContentMoved`] when the disk holds something else now, unless `ignoreChanges` covers the fingerprint.
pub async fn checked_content(op: &Operation, wanted: &Wanted) -> Result<(Content, Fingerprint), ImageError> {
    let content = op.gather(&wanted.inputs).await?;
    let (version, options) = (wanted.fingerprint.version, wanted.inputs.build_options());
    // Base images are as Check found them: what was reviewed is what counts.
    let digests = content.digests(wanted.fingerprint.base_images_digest());
    let now = Fingerprint::compute_version(version, &digests, &options)
        .unwrap_or_else(|| Fingerprint::compute(&digests, &options));
    if now.total != wanted.fingerprint.total && !wanted.fingerprint_ignored {
        remember_files(op, &content, &now);
        let changes = changed_files(op, &wanted.fingerprint, &now).unwrap_or_default();
        return Err(ImageError::ContentMoved { changes });
    }
    Ok((content, now))
}

/// Keeps the list of files under the fingerprint, so that the next change can be named. A list that cannot be kept
/// costs names only.
pub fn remember_files(op: &Operation, content: &Content, fingerprint: &Fingerprint) {
    op.session
        .manifests()
        .save(&fingerprint.context, &content.context.manifest());
}

/// The files that differ between two fingerprints, when this machine knows both lists.
#[must_use]
pub fn changed_files(op: &Operation, old: &Fingerprint, new: &Fingerprint) -> Option<Vec<Change>> {
    let manifests = op.session.manifests();
    Some(manifests.load(&old.context)?.changes_to(&manifests.load(&new.context)?))
}
