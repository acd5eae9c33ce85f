//! Images that a build must take by digest. Pure.
//!
//! Responsible for telling the builder, as a source policy that converts the tagged reference wherever it is used, and
//! for comparing what the builder says it used with what it was told. A converted reference leaves names of steps,
//! caches and the choice of the platform as they are: it is what the frontend would have made of the tag.
//!
//! Refuses to resolve a tag: whoever makes the request knows the digests.

use std::collections::BTreeMap;

use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy::{
    MatchType, Policy, PolicyAction, Rule, Selector, Update,
};

use serde_json::{Value, json};

use crate::failure::BuildError;
use crate::reference::canonical_reference;

/// The version of the policy's format.
const POLICY_VERSION: i64 = 1;

/// Canonical reference → digest. A reference with a digest of its own needs no pin.
pub(crate) fn canonical(pins: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let pins = pins.iter().filter(|(reference, _)| !reference.contains('@'));
    pins.filter_map(|(reference, digest)| Some((canonical_reference(reference)?, digest.clone())))
        .collect()
}

/// The policy that holds a builder to the pins; `None` without pins.
pub(crate) fn source_policy(pins: &BTreeMap<String, String>) -> Option<Policy> {
    let rules: Vec<Rule> = canonical(pins).iter().map(rule).collect();
    (!rules.is_empty()).then_some(Policy {
        version: POLICY_VERSION,
        rules,
    })
}

fn rule((reference, digest): (&String, &String)) -> Rule {
    let source = format!("docker-image://{reference}");
    Rule {
        action: PolicyAction::Convert.into(),
        updates: Some(Update {
            identifier: format!("{source}@{digest}"),
            ..Update::default()
        }),
        selector: Some(Selector {
            identifier: source,
            // A wildcard without any `*` in it: BuildKit 0.25, for one, does not convert what matches as `Exact`.
            match_type: MatchType::Wildcard.into(),
            ..Selector::default()
        }),
    }
}

/// The same policy in the JSON that buildx reads from a file; `None` without pins.
#[must_use]
pub fn source_policy_json(pins: &BTreeMap<String, String>) -> Option<Value> {
    let rules: Vec<Value> = source_policy(pins)?.rules.into_iter().map(rule_json).collect();
    Some(json!({ "version": POLICY_VERSION, "rules": rules }))
}

fn rule_json(rule: Rule) -> Value {
    let action = rule.action().as_str_name();
    let selector = rule.selector.unwrap_or_default();
    let match_type = selector.match_type().as_str_name();
    json!({
        "action": action,
        "selector": { "identifier": selector.identifier, "match_type": match_type },
        "updates": { "identifier": rule.updates.unwrap_or_default().identifier },
    })
}

/// Compares the images that a build used with its pins.
///
/// # Errors
/// [`BuildError::PinIgnored`].
pub(crate) fn verify(pins: &BTreeMap<String, String>, used: &BTreeMap<String, String>) -> Result<(), BuildError> {
    for (image, pinned) in canonical(pins) {
        if let Some(used) = used.get(&image).filter(|used| **used != pinned) {
            let used = used.clone();
            return Err(BuildError::PinIgnored { image, pinned, used });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_pin_converts_exactly_its_reference() {
        let policy = source_policy(&map(&[("alpine", "sha256:1")])).unwrap();
        let [rule] = policy.rules.as_slice() else {
            panic!("{policy:?}")
        };
        let selector = rule.selector.as_ref().unwrap();
        assert_eq!(rule.action(), PolicyAction::Convert);
        assert_eq!(selector.match_type(), MatchType::Wildcard);
        assert_eq!(selector.identifier, "docker-image://docker.io/library/alpine:latest");
        assert_eq!(
            rule.updates.as_ref().unwrap().identifier,
            "docker-image://docker.io/library/alpine:latest@sha256:1"
        );
    }

    #[test]
    fn what_needs_no_pin_makes_no_policy() {
        assert_eq!(source_policy(&BTreeMap::new()), None);
        assert_eq!(
            source_policy(&map(&[("scratch", "sha256:1"), ("a@sha256:2", "sha256:2")])),
            None
        );
    }

    #[test]
    fn another_digest_than_the_pinned_one_is_noticed() {
        let (pins, image) = (map(&[("alpine", "sha256:1")]), "docker.io/library/alpine:latest");
        assert!(
            verify(
                &pins,
                &map(&[(image, "sha256:1"), ("docker.io/library/a:b", "sha256:7")])
            )
            .is_ok()
        );
        assert!(verify(&pins, &BTreeMap::new()).is_ok());
        let error = verify(&pins, &map(&[(image, "sha256:2")])).unwrap_err();
        assert!(matches!(error, BuildError::PinIgnored { used, .. } if used == "sha256:2"));
    }
}
