//! The structural difference of property bags.
#![cfg(test)]

use fastcontainer_property::{DifferenceKind, PropertyMap, PropertyPath, PropertyValue, diff};

fn bag<const N: usize>(fields: [(&str, PropertyValue); N]) -> PropertyMap {
    fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn found(old: &PropertyMap, new: &PropertyMap, ignore: &[&str]) -> Vec<(String, DifferenceKind)> {
    let ignore: Vec<PropertyPath> = ignore.iter().map(|path| path.parse().unwrap()).collect();
    diff(old, new, &ignore)
        .into_iter()
        .map(|difference| (difference.path.to_string(), difference.kind))
        .collect()
}

#[test]
fn the_innermost_places_are_reported() {
    let old = bag([
        (
            "fingerprint",
            bag([("total", "1".into()), ("context", "a".into())]).into(),
        ),
        ("tags", vec!["x", "y"].into()),
        ("gone", true.into()),
    ]);
    let new = bag([
        (
            "fingerprint",
            bag([("total", "2".into()), ("context", "a".into())]).into(),
        ),
        ("tags", vec!["x", "z", "w"].into()),
        ("come", true.into()),
    ]);
    let expected = [
        ("come", DifferenceKind::Added),
        ("fingerprint.total", DifferenceKind::Updated),
        ("gone", DifferenceKind::Deleted),
        ("tags[1]", DifferenceKind::Updated),
        ("tags[2]", DifferenceKind::Added),
    ];
    assert_eq!(
        found(&old, &new, &[]),
        expected.map(|(path, kind)| (path.to_owned(), kind))
    );
}

#[test]
fn wrappers_null_and_internal_names_are_no_difference() {
    let old = bag([
        ("a", PropertyValue::secret("x")),
        ("n", PropertyValue::Null),
        ("__manifest", "1".into()),
    ]);
    let output = PropertyValue::Output {
        value: Some(Box::new("x".into())),
        secret: false,
        dependencies: vec![],
    };
    let new = bag([("a", output), ("__manifest", "2".into())]);
    assert_eq!(found(&old, &new, &[]), []);
    let nested_old = bag([("l", vec![PropertyValue::secret("x")].into())]);
    let nested_new = bag([("l", vec!["x"].into())]);
    assert_eq!(found(&nested_old, &nested_new, &[]), []);
}

#[test]
fn a_nested_name_with_underscores_is_the_users_own() {
    let old = bag([("labels", bag([("__x", "1".into())]).into())]);
    let new = bag([("labels", bag([("__x", "2".into())]).into())]);
    assert_eq!(
        found(&old, &new, &[]),
        [("labels.__x".to_owned(), DifferenceKind::Updated)]
    );
}

#[test]
fn an_unknown_new_value_always_differs() {
    let old = bag([("a", PropertyValue::Unknown), ("b", bag([("c", 1.0.into())]).into())]);
    let new = bag([
        ("a", PropertyValue::Unknown),
        ("b", PropertyValue::secret(PropertyValue::Unknown)),
    ]);
    let expected = [
        ("a".to_owned(), DifferenceKind::Updated),
        ("b".to_owned(), DifferenceKind::Updated),
    ];
    assert_eq!(found(&old, &new, &[]), expected);
    let added = bag([("z", PropertyValue::Unknown)]);
    assert_eq!(found(&bag([]), &added, &[]), [("z".to_owned(), DifferenceKind::Added)]);
}

#[test]
fn an_ignored_place_is_skipped_and_its_neighbours_are_not() {
    let old = bag([
        ("f", bag([("a", "1".into()), ("b", "1".into())]).into()),
        ("l", vec!["1", "1"].into()),
    ]);
    let new = bag([
        ("f", bag([("a", "2".into()), ("b", "2".into())]).into()),
        ("l", vec!["2", "2"].into()),
    ]);
    let updated = |paths: &[&str]| {
        paths
            .iter()
            .map(|path| ((*path).to_owned(), DifferenceKind::Updated))
            .collect::<Vec<_>>()
    };
    assert_eq!(found(&old, &new, &["f.a", "l[*]"]), updated(&["f.b"]));
    assert_eq!(found(&old, &new, &["f", "l[0]"]), updated(&["l[1]"]));
    assert_eq!(found(&old, &new, &["*"]), []);
}
