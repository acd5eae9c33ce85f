//! The lifecycle of an image as the engine drives it: property maps in, property maps out.
//!
//! Check and Diff are here in full; Create, Update and Read decode, delegate, and encode.

use std::borrow::Cow;

use fastcontainer_property::{Failure, PropertyMap, PropertyPath, PropertyValue};
use tonic::Code;

use super::apply::{Prior, Wanted, apply, content_tag};
use super::base_images::moved;
use super::check::{Checked, check as check_inputs};
use super::decode::{Decoded, decode_inputs};
use super::diff::{FINGERPRINT, InputDifference, diff as diff_inputs, total};
use super::error::ImageError;
use super::inputs::BaseImages;
use super::operation::Operation;
use super::outputs::ImageOutputs;
use super::preview::{Promise, preview};
use super::read::{Imported, Refreshed, import, refresh};
use super::state;
use crate::planning::fingerprint::Fingerprint;
use crate::report::Report;

/// What exists after Create, Update or Read.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Id of the resource, `<repository>#<logical name>`; a secret repository is left out.
    pub id: String,
    /// Output properties.
    pub properties: PropertyMap,
}

/// A failed Create or Update.
#[derive(Debug)]
pub struct Failed {
    /// What to say.
    pub report: Report,
    /// What exists all the same and must be kept in state.
    pub existing: Option<Applied>,
}

/// Arguments of Create.
#[derive(Debug)]
pub struct Creation {
    /// Checked inputs.
    pub news: PropertyMap,
    /// Whether it only says what would happen.
    pub preview: bool,
}

/// Arguments of Update.
#[derive(Debug)]
pub struct Updating {
    /// Inputs of the last operation.
    pub old_inputs: PropertyMap,
    /// Outputs of the last operation.
    pub olds: PropertyMap,
    /// Checked inputs.
    pub news: PropertyMap,
    /// The resource's `ignoreChanges`.
    pub ignore_changes: Vec<String>,
    /// Whether it only says what would happen.
    pub preview: bool,
}

/// Arguments of Read: without properties it is an import.
#[derive(Debug)]
pub struct Reading {
    /// Id in the state, or what the user gave to import.
    pub id: String,
    /// Inputs in the state.
    pub inputs: PropertyMap,
    /// Outputs in the state.
    pub properties: PropertyMap,
}

/// What Read found.
#[derive(Debug)]
pub struct Found {
    /// Id of the resource.
    pub id: String,
    /// Inputs as they are now.
    pub inputs: PropertyMap,
    /// Outputs as they are now.
    pub properties: PropertyMap,
}

/// Check: decode, validate everything, attach the fingerprint.
pub async fn check(op: &Operation, olds: PropertyMap, news: PropertyMap) -> Checked {
    let worker = op.clone();
    let checked = tokio::task::spawn_blocking(move || check_inputs(&worker, &olds, news)).await;
    checked.unwrap_or_else(|_| Checked {
        inputs: PropertyMap::new(),
        failures: vec![cancelled()],
    })
}

fn cancelled() -> Failure {
    Failure {
        path: PropertyPath::default(),
        reason: "the check was cancelled".to_owned(),
    }
}

/// Diff: pure comparison of checked inputs. While `ignoreChanges` covered the fingerprint, an image may have been built
/// from other content than the inputs say; then the outputs tell what has to be compared with.
///
/// # Errors
/// When a program sets the computed fingerprint itself: it would never rebuild.
pub fn diff(
    op: &Operation,
    (old, outputs): (&PropertyMap, &PropertyMap),
    new: &PropertyMap,
    ignore_changes: &[String],
) -> Result<Vec<InputDifference>, Report> {
    let frozen = ignores_fingerprint(ignore_changes);
    if op.session.kept_fingerprints.contains(&op.urn.text) && !frozen {
        return Err(Report::say(
            Code::InvalidArgument,
            format!("`{FINGERPRINT}` is computed by the provider"),
        )
        .hint(format!(
            "remove `{FINGERPRINT}` from the program; to freeze the content use `ignoreChanges: [{FINGERPRINT}]`"
        )));
    }
    let ignored: Vec<_> = ignore_changes
        .iter()
        .map(|path| PropertyPath::parse_or_key(path))
        .collect();
    let mut old = Cow::Borrowed(old);
    if !frozen
        && let Some(built) = outputs
            .get(FINGERPRINT)
            .filter(|built| Some(*built) != old.get(FINGERPRINT))
    {
        old.to_mut().insert(FINGERPRINT.to_owned(), built.clone());
    }
    Ok(diff_inputs(&old, new, &ignored))
}

fn ignores_fingerprint(ignore_changes: &[String]) -> bool {
    ignore_changes.iter().any(|path| path == FINGERPRINT || path == "*")
}

/// Create.
///
/// # Errors
/// See [`Failed`].
pub async fn create(op: &Operation, creation: Creation) -> Result<Applied, Failed> {
    let change = Change {
        news: creation.news,
        prior: None,
        imported: false,
        fingerprint_ignored: false,
        frozen: false,
        preview: creation.preview,
    };
    change.bring_about(op).await
}

/// Update.
///
/// # Errors
/// See [`Failed`].
pub async fn update(op: &Operation, updating: Updating) -> Result<Applied, Failed> {
    let prior = state::prior(&updating.old_inputs, &updating.olds);
    let fingerprint_ignored = ignores_fingerprint(&updating.ignore_changes);
    let frozen = fingerprint_ignored && total(&updating.old_inputs) == total(&updating.news);
    let change = Change {
        news: updating.news,
        imported: prior.is_none(),
        prior,
        fingerprint_ignored,
        frozen,
        preview: updating.preview,
    };
    change.bring_about(op).await
}

/// What Create and Update have in common.
struct Change {
    news: PropertyMap,
    prior: Option<Prior>,
    imported: bool,
    fingerprint_ignored: bool,
    /// Whether Check has kept the fingerprint: the image in the state is wanted, whatever it was built from.
    frozen: bool,
    preview: bool,
}

impl Change {
    async fn bring_about(self, op: &Operation) -> Result<Applied, Failed> {
        let decoded = decode_inputs(&self.news);
        let id = id(op, &self.news, &decoded.inputs.repository);
        let built = self.prior.as_ref().filter(|_| self.frozen).map(Prior::fingerprint);
        let fingerprint = built.or_else(|| state::fingerprint(&self.news));
        if self.preview && (fingerprint.is_none() || !decoded.unknown.is_empty()) {
            let properties = unknown_preview(op, &self.news, &decoded, fingerprint.as_ref());
            return Ok(Applied { id, properties });
        }
        let wanted = Wanted {
            inputs: decoded.inputs,
            fingerprint: fingerprint.ok_or_else(|| op.failed(&ImageError::NotChecked))?,
            fingerprint_ignored: self.fingerprint_ignored,
            imported: self.imported,
        };
        let (news, prior) = (&self.news, self.prior.as_ref());
        if self.preview {
            let properties = match preview(op, &wanted, prior).await {
                Promise::Kept(outputs) => state::outputs(news, &outputs),
                Promise::Open(tag) => state::open_outputs(news, &wanted, tag.as_ref()),
            };
            return Ok(Applied { id, properties });
        }
        let applied = |outputs: &ImageOutputs| Applied {
            id: id.clone(),
            properties: state::outputs(news, outputs),
        };
        match apply(op, &wanted, prior).await {
            Ok(outputs) => Ok(applied(&outputs)),
            Err(ImageError::AfterPush { outputs, source }) => Err(Failed {
                report: op.report(&source),
                existing: Some(applied(&outputs)),
            }),
            Err(error) => Err(op.failed(&error)),
        }
    }
}

/// Some input is not known before the update, so only the update can tell. The content tag stands on the fingerprint
/// and `reuse` alone.
fn unknown_preview(
    op: &Operation,
    news: &PropertyMap,
    decoded: &Decoded,
    fingerprint: Option<&Fingerprint>,
) -> PropertyMap {
    let names: Vec<_> = decoded.unknown.iter().map(|path| format!("`{path}`")).collect();
    op.reporter.info(&format!(
        "{}: cannot tell yet whether it rebuilds – known only during the update: {}",
        op.urn.name,
        names.join(", ")
    ));
    let fingerprint = fingerprint.filter(|_| !decoded.depends_on_unknown(&["reuse"]));
    let tag = fingerprint.and_then(|fingerprint| content_tag(op, &decoded.inputs, fingerprint));
    state::unknown_outputs(news, tag.as_ref())
}

/// Ids are stored in plain text, so a secret repository is left out.
fn id(op: &Operation, inputs: &PropertyMap, repository: &str) -> String {
    let is_secret = inputs.get("repository").is_some_and(PropertyValue::contains_secret);
    format!("{}#{}", if is_secret { "[secret]" } else { repository }, op.urn.name)
}

impl Operation {
    fn failed(&self, error: &ImageError) -> Failed {
        Failed {
            report: self.report(error),
            existing: None,
        }
    }
}

/// Read: refresh what the state knows, or import.
///
/// # Errors
/// When the registry cannot answer: the state then stays as it is.
pub async fn read(op: &Operation, reading: Reading) -> Result<Option<Found>, Report> {
    let Reading {
        id,
        mut inputs,
        properties,
    } = reading;
    let Some(digest) = state::digest(&properties) else {
        return Ok(import(op, &id)
            .await
            .map_err(|error| op.report(&error))?
            .map(|found| imported(op, found)));
    };
    let decoded = decode_inputs(&inputs).inputs;
    let platforms = state::digests(&properties, "platformDigests");
    match refresh(op, &decoded, &digest, &platforms)
        .await
        .map_err(|error| op.report(&error))?
    {
        Refreshed::Gone { digest } => {
            op.reporter.warning(&format!(
                "{}: image `{}@{digest}` is gone from the registry",
                op.urn.name, decoded.repository
            ));
            Ok(None)
        }
        Refreshed::Found { tags } => {
            // The next preview says so itself when they are followed.
            if op.session.base_images_mode(&decoded) == BaseImages::Ignore {
                for sentence in moved(op, &state::digests(&properties, "baseImageDigests")).await {
                    op.reporter.info(&format!("{}: {sentence}", op.urn.name));
                }
            }
            if tags != decoded.tags() {
                let tags = tags.into_iter().map(PropertyValue::String).collect();
                inputs.insert("tags".to_owned(), PropertyValue::List(tags));
            }
            Ok(Some(Found { id, inputs, properties }))
        }
    }
}

/// An imported image has no fingerprint: the first update adopts or builds what the program says.
fn imported(op: &Operation, found: Imported) -> Found {
    let repository = found.repository.to_string();
    let mut inputs = PropertyMap::from([("repository".to_owned(), PropertyValue::String(repository.clone()))]);
    if let Some(tag) = found.tag.as_ref().filter(|tag| !tag.starts_with("fc-")) {
        inputs.insert(
            "tags".to_owned(),
            PropertyValue::List(vec![PropertyValue::String(tag.clone())]),
        );
    }
    let platforms = found.platform_digests.keys();
    let platforms: Vec<_> = platforms.map(|name| PropertyValue::String(name.clone())).collect();
    if !platforms.is_empty() {
        inputs.insert("platforms".to_owned(), PropertyValue::List(platforms));
    }
    let properties = state::imported_outputs(&inputs, &found);
    Found {
        id: format!("{repository}#{}", op.urn.name),
        inputs,
        properties,
    }
}
