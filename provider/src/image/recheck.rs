//! Looks at the disk again before acting, and says why an image is looked at at all.

use fastcontainer_build_context::Change;

use super::apply::{Prior, Wanted};
use super::content::{Content, gather};
use super::error::ImageError;
use super::operation::Operation;
use crate::planning::fingerprint::Fingerprint;
use crate::planning::reason::{Reason, Side, explain};

/// Gathers the content anew and compares it with what Check saw.
///
/// # Errors
/// [`ImageError::ContentMoved`] when the disk holds something else now, unless `ignoreChanges` covers the fingerprint.
pub async fn checked_content(op: &Operation, wanted: &Wanted) -> Result<(Content, Fingerprint), ImageError> {
    let (inputs, cancel) = (wanted.inputs.clone(), op.cancel.clone());
    let gathered = tokio::task::spawn_blocking(move || gather(&inputs, &cancel)).await;
    let content = gathered.map_err(|_| ImageError::Cancelled)??;
    let (version, options) = (wanted.fingerprint.version, wanted.inputs.build_options());
    let digests = content.digests(&options).map_err(|problem| vec![problem])?;
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
        .save(&fingerprint.context, &content.snapshot.manifest());
}

/// The files that differ between two fingerprints, when this machine knows both lists.
#[must_use]
pub fn changed_files(op: &Operation, old: &Fingerprint, new: &Fingerprint) -> Option<Vec<Change>> {
    let manifests = op.session.manifests();
    Some(manifests.load(&old.context)?.changes_to(&manifests.load(&new.context)?))
}

/// Why the wanted image is not simply the one in the state. Empty when it is.
#[must_use]
pub fn why(op: &Operation, wanted: &Wanted, prior: Option<&Prior>) -> Vec<Reason> {
    let Some(prior) = prior else {
        return vec![if wanted.imported {
            Reason::Imported
        } else {
            Reason::NewImage
        }];
    };
    let old = prior.fingerprint();
    let (old_options, new_options) = (prior.inputs.build_options(), wanted.inputs.build_options());
    let changes = (old.context != wanted.fingerprint.context)
        .then(|| changed_files(op, &old, &wanted.fingerprint))
        .flatten();
    let sides = (
        Side {
            fingerprint: &old,
            options: &old_options,
        },
        Side {
            fingerprint: &wanted.fingerprint,
            options: &new_options,
        },
    );
    let mut reasons = explain(sides.0, sides.1, changes);
    if prior.inputs.repository != wanted.inputs.repository {
        reasons.insert(0, Reason::OtherRepository);
    }
    reasons
}
