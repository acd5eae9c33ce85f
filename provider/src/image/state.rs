//! Typed values to property maps and back: what is stored in state and what is read from it.
//!
//! Outputs echo the inputs but the values of secrets. An output that was made from a secret input is secret.

use std::collections::BTreeMap;

use fastcontainer_property::{Failure, PropertyMap, PropertyPath, PropertyValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

use super::apply::{Prior, Wanted};
use super::decode::decode_inputs;
use super::diff::FINGERPRINT;
use super::outputs::{FingerprintOutput, ImageOutputs};
use super::read::Imported;
use super::secret_inputs::echoed;
use crate::planning::content_tag::ContentTag;
use crate::planning::fingerprint::Fingerprint;

/// Outputs whose value is known only when the image exists.
const OPEN: [&str; 6] = [
    "imageUri",
    "digest",
    "platformDigests",
    "baseImageDigests",
    "sizeBytes",
    "build",
];
/// Outputs that contain the repository.
const NAMES_REPOSITORY: [&str; 2] = ["imageUri", "contentTagUri"];

/// The outputs of an image that exists.
#[must_use]
pub fn outputs(inputs: &PropertyMap, outputs: &ImageOutputs) -> PropertyMap {
    let mut properties = echoed(inputs);
    properties.extend(to_map(outputs));
    guard_repository(inputs, properties)
}

/// Outputs at preview when a build will run or it cannot be told; `tag` is absent when the build makes up its own.
#[must_use]
pub fn open_outputs(inputs: &PropertyMap, wanted: &Wanted, tag: Option<&ContentTag>) -> PropertyMap {
    let mut properties = unknown_outputs(inputs, tag);
    if let Some(tag) = tag {
        let uri = format!("{}:{tag}", wanted.inputs.repository);
        properties.insert("contentTagUri".to_owned(), PropertyValue::String(uri));
    }
    guard_repository(inputs, properties)
}

/// Outputs at preview when an input is unknown; `tag` is known when the fingerprint is.
#[must_use]
pub fn unknown_outputs(inputs: &PropertyMap, tag: Option<&ContentTag>) -> PropertyMap {
    let mut properties = echoed(inputs);
    let names = OPEN.iter().chain(&["contentTag", "contentTagUri"]);
    properties.extend(names.map(|name| ((*name).to_owned(), PropertyValue::Unknown)));
    if let Some(tag) = tag {
        properties.insert("contentTag".to_owned(), PropertyValue::String(tag.to_string()));
    }
    properties
        .entry(FINGERPRINT.to_owned())
        .or_insert(PropertyValue::Unknown);
    properties
}

/// Outputs of an image that was imported: everything that its manifest tells.
#[must_use]
pub fn imported_outputs(inputs: &PropertyMap, found: &Imported) -> PropertyMap {
    let mut properties = echoed(inputs);
    let (repository, digest) = (&found.repository, &found.manifest.digest);
    let text = |text: String| PropertyValue::String(text);
    properties.insert("imageUri".to_owned(), text(format!("{repository}@{digest}")));
    properties.insert("digest".to_owned(), text(digest.to_string()));
    properties.insert("sizeBytes".to_owned(), PropertyValue::Number(found.size_bytes as f64));
    if !found.platform_digests.is_empty() {
        let digests = found.platform_digests.iter();
        let digests = digests.map(|(platform, digest)| (platform.clone(), text(digest.clone())));
        properties.insert("platformDigests".to_owned(), PropertyValue::Object(digests.collect()));
    }
    properties
}

fn guard_repository(inputs: &PropertyMap, mut properties: PropertyMap) -> PropertyMap {
    if inputs.get("repository").is_some_and(PropertyValue::contains_secret) {
        for name in NAMES_REPOSITORY {
            if let Some(value) = properties.remove(name) {
                properties.insert(name.to_owned(), PropertyValue::Secret(Box::new(value)));
            }
        }
    }
    properties
}

/// What the state says; `None` when it holds no complete image, as after an import.
#[must_use]
pub fn prior(old_inputs: &PropertyMap, olds: &PropertyMap) -> Option<Prior> {
    let outputs = from_map::<ImageOutputs>(olds).ok()?;
    Some(Prior {
        inputs: decode_inputs(old_inputs).inputs,
        outputs,
    })
}

/// The digest in the outputs of the state.
#[must_use]
pub fn digest(properties: &PropertyMap) -> Option<String> {
    match properties.get("digest")?.strip_secrets() {
        PropertyValue::String(digest) if !digest.is_empty() => Some(digest),
        _ => None,
    }
}

/// A map of digests in the state: `baseImageDigests` or `platformDigests`, as far as they were recorded.
#[must_use]
pub fn digests(properties: &PropertyMap, name: &str) -> BTreeMap<String, String> {
    let Some(PropertyValue::Object(digests)) = properties.get(name) else {
        return BTreeMap::new();
    };
    let text = |value: &PropertyValue| value.as_str().map(str::to_owned);
    digests
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), text(value)?)))
        .collect()
}

/// The complete fingerprint among checked inputs.
#[must_use]
pub fn fingerprint(inputs: &PropertyMap) -> Option<Fingerprint> {
    let value = inputs.get(FINGERPRINT)?.strip_secrets();
    serde_json::from_value::<FingerprintOutput>(to_json(&value)?)
        .ok()
        .map(Fingerprint::from)
}

/// A fingerprint as a property.
#[must_use]
pub fn fingerprint_value(fingerprint: &Fingerprint) -> PropertyValue {
    PropertyValue::Object(to_map(&FingerprintOutput::from(fingerprint.clone())))
}

/// A struct as properties; absent values are left out.
pub fn to_map<T: Serialize>(value: &T) -> PropertyMap {
    match serde_json::to_value(value).map(from_json) {
        Ok(PropertyValue::Object(map)) => map,
        _ => PropertyMap::new(),
    }
}

/// Properties as a struct.
///
/// # Errors
/// A failure that says which property is wrong or unknown.
pub fn from_map<T: DeserializeOwned>(map: &PropertyMap) -> Result<T, Failure> {
    let value = PropertyValue::Object(map.clone()).strip_secrets();
    let failure = |reason: String| Failure {
        path: PropertyPath::default(),
        reason,
    };
    let json = to_json(&value).ok_or_else(|| failure("a value is not known yet".to_owned()))?;
    serde_json::from_value(json).map_err(|error| failure(error.to_string()))
}

fn from_json(value: Value) -> PropertyValue {
    match value {
        Value::Null => PropertyValue::Null,
        Value::Bool(value) => PropertyValue::Bool(value),
        Value::Number(value) => PropertyValue::Number(value.as_f64().unwrap_or_default()),
        Value::String(value) => PropertyValue::String(value),
        Value::Array(items) => PropertyValue::List(items.into_iter().map(from_json).collect()),
        Value::Object(map) => {
            let present = map.into_iter().filter(|(_, value)| !value.is_null());
            PropertyValue::Object(present.map(|(key, value)| (key, from_json(value))).collect())
        }
    }
}

/// `None` when something in it is unknown or has no JSON form.
fn to_json(value: &PropertyValue) -> Option<Value> {
    Some(match value {
        PropertyValue::Null => Value::Null,
        PropertyValue::Bool(value) => Value::Bool(*value),
        PropertyValue::Number(value) => Value::Number(number(*value)?),
        PropertyValue::String(value) => Value::String(value.clone()),
        PropertyValue::List(items) => Value::Array(items.iter().map(to_json).collect::<Option<_>>()?),
        PropertyValue::Object(map) => {
            let pairs = map.iter().map(|(key, value)| Some((key.clone(), to_json(value)?)));
            Value::Object(pairs.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Whole numbers as integers, so that integer fields take them.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return Some(Number::from(value as i64));
    }
    Number::from_f64(value)
}
