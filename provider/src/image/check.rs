//! Check: every failure at once, then the fingerprint as a computed input.
//!
//! Check knows neither preview nor dependencies. Only what depends on an unknown input is unknown; a missing context is
//! a failure. With `ignoreChanges: [fingerprint]` the engine hands the old fingerprint in: it is kept while the options
//! are the same, and computed afresh from disk when they are not.

use fastcontainer_property::{Failure, PropertyMap, PropertyValue};

use super::base_images::tracked_base_images;
use super::content::Content;
use super::decode::{Decoded, decode_inputs, failure};
use super::diff::FINGERPRINT;
use super::operation::Operation;
use super::recheck::remember_files;
use super::secret_inputs::{SECRET_REFS, SECRETS, guard};
use super::state::{fingerprint, fingerprint_value};
use crate::planning::fingerprint::{ContentDigests, Fingerprint, VERSION, options_part};
use crate::planning::options::BuildOptions;
use crate::report::content_problem;

/// Inputs that say what is on disk, and how much of it counts.
const CONTEXT_INPUTS: [&str; 6] = [
    "context",
    "dockerfile",
    "dockerfileInline",
    "namedContexts",
    "fingerprintMode",
    "baseImages",
];
/// Inputs that choose the stages of the Dockerfile and what they read, beside its text.
const STAGE_INPUTS: [&str; 3] = ["target", "platforms", "buildArgs"];
/// Inputs behind the `options` part.
const OPTION_INPUTS: [&str; 10] = [
    "target",
    "platforms",
    "namedContexts",
    "buildArgs",
    "labels",
    "network",
    "addHosts",
    SECRETS,
    SECRET_REFS,
    "triggers",
];

/// Result of Check.
#[derive(Debug)]
pub struct Checked {
    /// The inputs with the fingerprint.
    pub inputs: PropertyMap,
    /// What is wrong.
    pub failures: Vec<Failure>,
}

/// Checks `news` against the old inputs `olds`. Blocks on disk.
pub fn check(op: &Operation, olds: &PropertyMap, mut news: PropertyMap) -> Checked {
    guard(&mut news);
    let kept = news.remove(FINGERPRINT);
    let decoded = decode_inputs(&news);
    let mut failures = decoded.failures.clone();
    let kept = match kept {
        Some(kept) if olds.get(FINGERPRINT) == Some(&kept) => Some(kept),
        Some(_) => {
            failures.push(failure(
                FINGERPRINT,
                "computed by the provider; remove it from the program",
            ));
            None
        }
        None => None,
    };
    op.session.kept_fingerprints.set(&op.urn.text, kept.is_some());
    if !failures.is_empty() {
        return Checked { inputs: news, failures };
    }
    match attach(op, olds, &news, &decoded, kept) {
        Ok(Some(value)) => {
            news.insert(FINGERPRINT.to_owned(), value);
            Checked {
                inputs: news,
                failures: Vec::new(),
            }
        }
        Ok(None) => Checked {
            inputs: news,
            failures: Vec::new(),
        },
        Err(failures) => Checked { inputs: news, failures },
    }
}

/// The fingerprint to attach, if there is one.
fn attach(
    op: &Operation,
    olds: &PropertyMap,
    news: &PropertyMap,
    decoded: &Decoded,
    kept: Option<PropertyValue>,
) -> Result<Option<PropertyValue>, Vec<Failure>> {
    let options = decoded.inputs.build_options();
    let old = fingerprint(olds);
    let options_known = !decoded.depends_on_unknown(&OPTION_INPUTS);
    if let (Some(kept), Some(old)) = (kept, &old)
        && options_known
        && options_part(&options) == old.options
    {
        return Ok(Some(kept));
    }
    if decoded.depends_on_unknown(&CONTEXT_INPUTS) {
        return Ok(Some(partly_unknown(None)));
    }
    let failed = |problems: Vec<_>| problems.iter().map(content_problem).collect();
    if decoded.depends_on_unknown(&STAGE_INPUTS) {
        op.reading().validate(&decoded.inputs).map_err(failed)?;
        return Ok(Some(partly_unknown(None)));
    }
    let content = match op.reading().gather(&decoded.inputs) {
        Ok(content) => content,
        Err(_) if olds == news && !olds.is_empty() => return Ok(None),
        Err(problems) => return Err(failed(problems)),
    };
    let base_images = tracked_base_images(op, &decoded.inputs, &content.needs, old.as_ref())
        .map_err(|error| vec![failure("baseImages", op.report(&error).text())])?;
    let digests = content.digests(base_images);
    let now = Fingerprint::compute(&digests, &options);
    if !options_known {
        return Ok(Some(partly_unknown(Some(&now))));
    }
    if let Some(unchanged) = unchanged(olds, old.as_ref(), &digests, &options) {
        return Ok(Some(unchanged));
    }
    remember_files(op, &content, &now);
    warn(op, &content);
    Ok(Some(fingerprint_value(&now)))
}

/// The old value when the content still has the old fingerprint, in whatever version that is: an upgrade of the
/// provider alone changes nothing.
fn unchanged(
    olds: &PropertyMap,
    old: Option<&Fingerprint>,
    digests: &ContentDigests,
    options: &BuildOptions,
) -> Option<PropertyValue> {
    let old = old?;
    let again = Fingerprint::compute_version(old.version, digests, options)?;
    (again.total == old.total)
        .then(|| olds.get(FINGERPRINT).cloned())
        .flatten()
}

/// A fingerprint whose unknown parts wait for the update; `options` always does.
fn partly_unknown(known: Option<&Fingerprint>) -> PropertyValue {
    let text = |part: Option<&String>| part.map_or(PropertyValue::Unknown, |part| PropertyValue::String(part.clone()));
    let mut parts = PropertyMap::from([
        ("version".to_owned(), PropertyValue::Number(f64::from(VERSION))),
        ("total".to_owned(), PropertyValue::Unknown),
        ("context".to_owned(), text(known.map(|known| &known.context))),
        ("dockerfile".to_owned(), text(known.map(|known| &known.dockerfile))),
        ("options".to_owned(), PropertyValue::Unknown),
    ]);
    if let Some(base_images) = known.and_then(|known| known.base_images.clone()) {
        parts.insert("baseImages".to_owned(), PropertyValue::String(base_images));
    }
    PropertyValue::Object(parts)
}

fn warn(op: &Operation, content: &Content) {
    let snapshots = std::iter::once(&content.context).chain(content.named.values());
    for warning in snapshots.flat_map(|snapshot| snapshot.warnings()) {
        op.reporter.warning(&format!("{}: {warning}", op.urn.name));
    }
}
