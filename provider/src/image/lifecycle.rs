//! The lifecycle of an image as the engine drives it: property maps in, property maps out.
//!
//! Check and Diff are here in full; Create, Update and Read decode, delegate, and encode.

use fastcontainer_property::{Failure, PropertyMap, PropertyPath, PropertyValue};
use serde::Serialize;
use tonic::Code;

use super::apply::{Prior, Wanted, apply};
use super::check::{Checked, check as check_inputs};
use super::decode::decode_inputs;
use super::diff::{FINGERPRINT, InputDifference, diff as diff_inputs};
use super::error::ImageError;
use super::operation::Operation;
use super::preview::{Promise, preview};
use super::read::{Imported, Refreshed, import, refresh};
use super::state;
use crate::functions::{get_fingerprint, get_image};
use crate::report::Report;
use crate::schema::{GET_FINGERPRINT, GET_IMAGE};

/// What exists after Create, Update or Read.
#[derive(Debug, Clone)]
pub struct Applied {
    /// Id of the resource, `<repository>#<logical name>`.
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

/// Diff: pure comparison of checked inputs.
///
/// # Errors
/// When a program sets the computed fingerprint itself: it would never rebuild.
pub fn diff(
    op: &Operation,
    old: &PropertyMap,
    new: &PropertyMap,
    ignore_changes: &[String],
) -> Result<Vec<InputDifference>, Report> {
    if op.session.kept_fingerprints.contains(&op.urn.text) && !ignores_fingerprint(ignore_changes) {
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
    Ok(diff_inputs(old, new, &ignored))
}

fn ignores_fingerprint(ignore_changes: &[String]) -> bool {
    ignore_changes.iter().any(|path| path == FINGERPRINT || path == "*")
}

/// Create.
///
/// # Errors
/// See [`Failed`].
pub async fn create(op: &Operation, creation: Creation) -> Result<Applied, Failed> {
    bring_about(op, creation.news, None, false, creation.preview).await
}

/// Update.
///
/// # Errors
/// See [`Failed`].
pub async fn update(op: &Operation, updating: Updating) -> Result<Applied, Failed> {
    let prior = state::prior(&updating.old_inputs, &updating.olds);
    let ignored = ignores_fingerprint(&updating.ignore_changes);
    bring_about(op, updating.news, prior, ignored, updating.preview).await
}

async fn bring_about(
    op: &Operation,
    news: PropertyMap,
    prior: Option<Prior>,
    fingerprint_ignored: bool,
    only_preview: bool,
) -> Result<Applied, Failed> {
    let decoded = decode_inputs(&news);
    let id = |repository: &str| format!("{repository}#{}", op.urn.name);
    let Some(fingerprint) = state::fingerprint(&news).filter(|_| decoded.unknown.is_empty()) else {
        if only_preview {
            return Ok(Applied {
                id: String::new(),
                properties: unknown_preview(op, &news, &decoded.unknown),
            });
        }
        return Err(ImageError::NotChecked.into());
    };
    let wanted = Wanted {
        inputs: decoded.inputs,
        fingerprint,
        fingerprint_ignored,
    };
    let id = id(&wanted.inputs.repository);
    if only_preview {
        let properties = match preview(op, &wanted, prior.as_ref()).await {
            Promise::Kept(outputs) => state::outputs(&news, &outputs),
            Promise::Open(tag) => state::open_outputs(&news, &wanted, tag.as_ref()),
        };
        return Ok(Applied { id, properties });
    }
    match apply(op, &wanted, prior.as_ref()).await {
        Ok(outputs) => Ok(Applied {
            id,
            properties: state::outputs(&news, &outputs),
        }),
        Err(ImageError::AfterPush { outputs, source }) => Err(Failed {
            report: Report::from(&*source),
            existing: Some(Applied {
                id,
                properties: state::outputs(&news, &outputs),
            }),
        }),
        Err(error) => Err(error.into()),
    }
}

/// Some input is not known before the update, so only the update can tell.
fn unknown_preview(op: &Operation, news: &PropertyMap, unknown: &[PropertyPath]) -> PropertyMap {
    let names = unknown
        .iter()
        .map(|path| format!("`{path}`"))
        .collect::<Vec<_>>()
        .join(", ");
    op.reporter.info(&format!(
        "{}: cannot tell yet whether it rebuilds – {names} is known only during the update",
        op.urn.name
    ));
    state::unknown_outputs(news)
}

impl From<ImageError> for Failed {
    fn from(error: ImageError) -> Self {
        Self {
            report: Report::from(&error),
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
            .map_err(|error| Report::from(&error))?
            .map(|found| imported(op, found)));
    };
    let decoded = decode_inputs(&inputs).inputs;
    match refresh(op, &decoded, &digest)
        .await
        .map_err(|error| Report::from(&error))?
    {
        Refreshed::Gone => {
            op.reporter.warning(&format!(
                "{}: image `{}@{digest}` is gone from the registry",
                op.urn.name, decoded.repository
            ));
            Ok(None)
        }
        Refreshed::Found { tags } => {
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
    if let Some(tag) = found.tag.filter(|tag| !tag.starts_with("fc-")) {
        inputs.insert("tags".to_owned(), PropertyValue::List(vec![PropertyValue::String(tag)]));
    }
    let properties = state::imported_outputs(&inputs, &repository, &found.manifest);
    Found {
        id: format!("{repository}#{}", op.urn.name),
        inputs,
        properties,
    }
}

/// Invoke: the provider's functions.
///
/// # Errors
/// When the function fails; failed arguments are listed instead.
pub async fn invoke(
    op: &Operation,
    token: &str,
    arguments: &PropertyMap,
) -> Result<Result<PropertyMap, Vec<Failure>>, Report> {
    match token {
        GET_IMAGE => match state::from_map(arguments) {
            Ok(arguments) => finish(get_image(op, arguments).await),
            Err(failure) => Ok(Err(vec![failure])),
        },
        GET_FINGERPRINT => match state::from_map(arguments) {
            Ok(arguments) => finish(get_fingerprint(op, arguments).await),
            Err(failure) => Ok(Err(vec![failure])),
        },
        other => Err(
            Report::say(Code::InvalidArgument, format!("there is no function `{other}`"))
                .hint(format!("the functions are `{GET_IMAGE}` and `{GET_FINGERPRINT}`")),
        ),
    }
}

fn finish<T: Serialize>(result: Result<T, ImageError>) -> Result<Result<PropertyMap, Vec<Failure>>, Report> {
    match result {
        Ok(result) => Ok(Ok(state::to_map(&result))),
        Err(error) => Err(Report::from(&error)),
    }
}
