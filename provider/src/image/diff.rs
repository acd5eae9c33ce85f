//! Diff: which inputs differ, and whether that means update or replace. Pure; nothing is read or asked.
//!
//! The fingerprint's total decides alone whether an image is built; its parts and the inputs behind it only explain.
//! Silent inputs (paths, builder, caches, `reuse`, values of secrets) never make a difference: the engine stores them as they are.

use fastcontainer_property::{
    Difference, DifferenceKind, PropertyMap, PropertyPath, PropertyValue, diff as structural,
};

use super::secret_inputs::{SECRET_REFS, SECRETS};

/// The computed input.
pub const FINGERPRINT: &str = "fingerprint";
/// Inputs that count in the fingerprint, shown when it differs.
const FINGERPRINTED: [&str; 11] = [
    "dockerfileInline",
    "target",
    "platforms",
    "namedContexts",
    "fingerprintMode",
    "baseImages",
    "buildArgs",
    "labels",
    "network",
    "addHosts",
    "triggers",
];

/// One input that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct InputDifference {
    /// Where.
    pub path: PropertyPath,
    /// How.
    pub kind: DifferenceKind,
    /// Whether it replaces the resource.
    pub replaces: bool,
}

/// Compares old and new checked inputs, without what `ignored` contains. The fingerprint is never ignored here: Check
/// has kept the old one if it may be kept.
#[must_use]
pub fn diff(old: &PropertyMap, new: &PropertyMap, ignored: &[PropertyPath]) -> Vec<InputDifference> {
    let mut found = differences(old, new, &["repository"], true);
    found.extend(differences(old, new, &["tags"], false));
    found.retain(|difference| !ignored.iter().any(|path| path.contains(&difference.path)));
    let content = differences(old, new, &[FINGERPRINT], false);
    if !content.is_empty() {
        let only_total = content.iter().all(|difference| is_total(&difference.path));
        found.extend(
            content
                .into_iter()
                .filter(|difference| only_total || !is_total(&difference.path)),
        );
        found.extend(differences(old, new, &FINGERPRINTED, false));
        // Only which secrets there are counts, not what they hold or where they come from.
        let secrets = differences(old, new, &[SECRETS, SECRET_REFS], false).into_iter();
        found.extend(secrets.filter(|difference| difference.kind != DifferenceKind::Updated));
    }
    found
}

/// Differences of the named properties; absent, null and empty are the same.
fn differences(old: &PropertyMap, new: &PropertyMap, names: &[&str], replaces: bool) -> Vec<InputDifference> {
    let of = |map: &PropertyMap| -> PropertyMap {
        let wanted = map
            .iter()
            .filter(|(name, value)| names.contains(&name.as_str()) && !is_empty(value));
        wanted
            .map(|(name, value)| (name.clone(), value.strip_secrets()))
            .collect()
    };
    let (old, new) = (of(old), of(new));
    if names == [FINGERPRINT] && total(&old) == total(&new) && total(&old).is_some() {
        return Vec::new();
    }
    let found = structural(&old, &new, &[]).into_iter();
    found
        .map(|Difference { path, kind }| InputDifference { path, kind, replaces })
        .collect()
}

/// The known total of a fingerprint among `inputs`.
#[must_use]
pub fn total(inputs: &PropertyMap) -> Option<&str> {
    match inputs.get(FINGERPRINT) {
        Some(PropertyValue::Object(parts)) => match parts.get("total") {
            Some(PropertyValue::String(total)) => Some(total),
            _ => None,
        },
        _ => None,
    }
}

fn is_total(path: &PropertyPath) -> bool {
    path.to_string() == "fingerprint.total"
}

fn is_empty(value: &PropertyValue) -> bool {
    match value {
        PropertyValue::Null => true,
        PropertyValue::List(items) => items.is_empty(),
        PropertyValue::Object(map) => map.is_empty(),
        PropertyValue::Secret(inner) => is_empty(inner),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> PropertyValue {
        PropertyValue::String(value.to_owned())
    }

    fn list(items: &[&str]) -> PropertyValue {
        PropertyValue::List(items.iter().map(|item| text(item)).collect())
    }

    fn fingerprint(context: &str, options: &str) -> PropertyValue {
        PropertyValue::Object(PropertyMap::from([
            ("total".to_owned(), text(&format!("{context}{options}"))),
            ("context".to_owned(), text(context)),
            ("options".to_owned(), text(options)),
        ]))
    }

    fn inputs(change: &[(&str, PropertyValue)]) -> PropertyMap {
        let mut inputs = PropertyMap::from([
            ("repository".to_owned(), text("r")),
            (FINGERPRINT.to_owned(), fingerprint("c", "o")),
        ]);
        inputs.extend(change.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        inputs
    }

    fn found(old: &[(&str, PropertyValue)], new: &[(&str, PropertyValue)]) -> Vec<String> {
        let found = diff(&inputs(old), &inputs(new), &[]);
        found
            .iter()
            .map(|one| format!("{}{}", one.path, if one.replaces { " replaces" } else { "" }))
            .collect()
    }

    #[test]
    fn silent_inputs_make_no_difference() {
        let builder = PropertyValue::Object(PropertyMap::from([(
            "local".to_owned(),
            PropertyValue::Object(PropertyMap::new()),
        )]));
        let new = [
            ("context", text("/elsewhere")),
            ("noCache", PropertyValue::Bool(true)),
            ("builder", builder),
            ("reuse", text("never")),
        ];
        assert_eq!(found(&[], &new), Vec::<String>::new());
    }

    #[test]
    fn the_repository_replaces() {
        assert_eq!(found(&[], &[("repository", text("other"))]), ["repository replaces"]);
        assert_eq!(
            found(&[], &[("repository", PropertyValue::Unknown)]),
            ["repository replaces"]
        );
        assert_eq!(
            found(&[], &[("repository", PropertyValue::secret(text("r")))]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn tags_are_shown_one_by_one_and_empty_is_absent() {
        assert_eq!(found(&[], &[("tags", list(&["latest"]))]), ["tags"]);
        assert_eq!(
            found(&[("tags", list(&["a"]))], &[("tags", list(&["a", "b"]))]),
            ["tags[1]"]
        );
        assert_eq!(found(&[("tags", list(&[]))], &[]), Vec::<String>::new());
    }

    #[test]
    fn changed_content_shows_the_part_that_changed() {
        assert_eq!(
            found(&[], &[(FINGERPRINT, fingerprint("c2", "o"))]),
            ["fingerprint.context"]
        );
    }

    #[test]
    fn an_input_behind_the_fingerprint_is_shown_with_it() {
        let args = |value: &str| PropertyValue::Object(PropertyMap::from([("V".to_owned(), text(value))]));
        let old = [("buildArgs", args("1"))];
        let new = [("buildArgs", args("2")), (FINGERPRINT, fingerprint("c", "o2"))];
        assert_eq!(found(&old, &new), ["fingerprint.options", "buildArgs.V"]);
        assert_eq!(
            found(&old, &[("buildArgs", args("2"))]),
            Vec::<String>::new(),
            "the total alone decides"
        );
    }

    #[test]
    fn an_unknown_total_is_a_difference() {
        let unknown = PropertyValue::Object(PropertyMap::from([("total".to_owned(), PropertyValue::Unknown)]));
        assert!(!found(&[], &[(FINGERPRINT, unknown)]).is_empty());
    }
}
