//! Requests for one image resource, as the engine makes them.
//!
//! Bags are property values; what is derived (URN, type token) is filled in. Refuses nothing: wrong inputs are what the
//! tests are about.

use std::collections::BTreeMap;

use fastcontainer_property::{
    PropertyMap, PropertyValue,
    wire::{from_struct, to_struct},
};
use fastcontainer_proto::pulumirpc::{
    CheckRequest, CreateRequest, DiffRequest, UpdateRequest, diff_response::DiffChanges, property_diff::Kind,
};

use crate::{HarnessError, Provider};

/// A property bag from its members.
pub fn bag<const N: usize>(members: [(&str, PropertyValue); N]) -> PropertyMap {
    members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// One image of a stack.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its logical name.
    pub name: String,
    /// The stack that it belongs to.
    pub stack: String,
}

/// The answer of Check.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The checked inputs.
    pub inputs: PropertyMap,
    /// Property path and reason of each failure.
    pub failures: BTreeMap<String, String>,
}

impl Checked {
    /// A known text at a place inside the checked fingerprint.
    pub fn fingerprint(&self, part: &str) -> Option<&str> {
        self.inputs.get("fingerprint")?.as_object()?.get(part)?.as_str()
    }

    /// True if a part of the checked fingerprint is unknown.
    pub fn is_unknown(&self, part: &str) -> bool {
        let part = self
            .inputs
            .get("fingerprint")
            .and_then(PropertyValue::as_object)
            .and_then(|all| all.get(part));
        part.is_some_and(PropertyValue::is_unknown)
    }
}

/// The answer of Diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diffed {
    /// Whether there is a difference.
    pub changes: DiffChanges,
    /// Property path to kind.
    pub detailed: BTreeMap<String, Kind>,
    /// Top-level properties that differ.
    pub diffs: Vec<String>,
    /// Properties that need a replacement.
    pub replaces: Vec<String>,
}

impl Image {
    /// An image of the stack `dev`.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stack: "dev".to_owned(),
        }
    }

    /// Its type token.
    pub const TYPE: &'static str = "fastcontainer:index:FastContainerImage";

    /// Its URN.
    pub fn urn(&self) -> String {
        format!("urn:pulumi:{}::shop::{}::{}", self.stack, Self::TYPE, self.name)
    }

    /// Check of a new image.
    ///
    /// # Errors
    /// When the provider answers with an error; failures are no error.
    pub async fn check(&self, provider: &Provider, news: &PropertyMap) -> Result<Checked, HarnessError> {
        self.check_again(provider, &PropertyMap::new(), news).await
    }

    /// Check of an image with old inputs.
    ///
    /// # Errors
    /// When the provider answers with an error; failures are no error.
    pub async fn check_again(
        &self,
        provider: &Provider,
        olds: &PropertyMap,
        news: &PropertyMap,
    ) -> Result<Checked, HarnessError> {
        let request = CheckRequest {
            urn: self.urn(),
            olds: Some(to_struct(olds)),
            news: Some(to_struct(news)),
            random_seed: vec![7; 32],
            name: self.name.clone(),
            r#type: Self::TYPE.to_owned(),
            ..Default::default()
        };
        let answer = provider.client().check(request).await?.into_inner();
        let failures = answer
            .failures
            .into_iter()
            .map(|failure| (failure.property, failure.reason));
        Ok(Checked {
            inputs: from_struct(&answer.inputs.unwrap_or_default())?,
            failures: failures.collect(),
        })
    }

    /// Diff of old and new checked inputs; the old outputs are the old inputs.
    ///
    /// # Errors
    /// When the provider answers with an error.
    pub async fn diff(
        &self,
        provider: &Provider,
        old: &PropertyMap,
        new: &PropertyMap,
        ignore: &[&str],
    ) -> Result<Diffed, HarnessError> {
        self.diff_from(provider, (old, old), new, ignore).await
    }

    /// Diff of a state, which is its old inputs and its old outputs, and new checked inputs.
    ///
    /// # Errors
    /// When the provider answers with an error.
    pub async fn diff_from(
        &self,
        provider: &Provider,
        (old, outputs): (&PropertyMap, &PropertyMap),
        new: &PropertyMap,
        ignore: &[&str],
    ) -> Result<Diffed, HarnessError> {
        let request = DiffRequest {
            id: format!("localhost:1/app#{}", self.name),
            urn: self.urn(),
            olds: Some(to_struct(outputs)),
            news: Some(to_struct(new)),
            ignore_changes: ignore.iter().map(|path| (*path).to_owned()).collect(),
            old_inputs: Some(to_struct(old)),
            name: self.name.clone(),
            r#type: Self::TYPE.to_owned(),
        };
        let answer = provider.client().diff(request).await?.into_inner();
        let changes = answer.changes();
        let detailed = answer
            .detailed_diff
            .into_iter()
            .map(|(path, detail)| (path, detail.kind()))
            .collect();
        Ok(Diffed {
            changes,
            detailed,
            diffs: answer.diffs,
            replaces: answer.replaces,
        })
    }

    /// The request that makes the image from checked inputs.
    pub fn creation(&self, inputs: &PropertyMap, preview: bool) -> CreateRequest {
        CreateRequest {
            urn: self.urn(),
            properties: Some(to_struct(inputs)),
            preview,
            name: self.name.clone(),
            r#type: Self::TYPE.to_owned(),
            ..Default::default()
        }
    }

    /// The request that changes the image; `state` is its old inputs and its old outputs.
    pub fn change(&self, state: (&PropertyMap, &PropertyMap), inputs: &PropertyMap, preview: bool) -> UpdateRequest {
        UpdateRequest {
            id: format!("localhost:1/app#{}", self.name),
            urn: self.urn(),
            olds: Some(to_struct(state.1)),
            news: Some(to_struct(inputs)),
            old_inputs: Some(to_struct(state.0)),
            preview,
            name: self.name.clone(),
            r#type: Self::TYPE.to_owned(),
            ..Default::default()
        }
    }
}
