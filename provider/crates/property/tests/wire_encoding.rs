//! The encoding of property values inside a `Struct`, against hand-written wire values and by round trip.
#![cfg(test)]

use fastcontainer_property::{
    OpaqueKind, PropertyMap, PropertyPath, PropertyValue,
    wire::{WireError, from_struct, to_struct},
};
use proptest::prelude::*;
use prost_types::{ListValue, Struct, Value, value::Kind};

const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";

fn text(text: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    }
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Value {
        kind: Some(Kind::StructValue(Struct { fields })),
    }
}

fn list(values: Vec<Value>) -> Value {
    Value {
        kind: Some(Kind::ListValue(ListValue { values })),
    }
}

fn read(value: Value) -> Result<PropertyValue, WireError> {
    let bag = Struct {
        fields: [("a".to_owned(), value)].into(),
    };
    Ok(from_struct(&bag)?.remove("a").unwrap())
}

#[test]
fn every_sentinel_is_unknown_wherever_it_stands() {
    let sentinels = [
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    ];
    for sentinel in sentinels {
        let nested = read(list(vec![object([("x", text(sentinel))])])).unwrap();
        let inner = PropertyMap::from([("x".to_owned(), PropertyValue::Unknown)]);
        assert_eq!(nested, PropertyValue::List(vec![inner.into()]), "{sentinel}");
        assert!(nested.contains_unknown() && !nested.is_unknown());
    }
}

#[test]
fn a_secret_around_an_unknown_is_both() {
    let secret = object([
        (SIGNATURE, text("1b47061264138c4ac30d75fd1eb44270")),
        ("value", text("04da6b54-80e4-46f7-96ec-b56ff0331ba9")),
    ]);
    let value = read(secret).unwrap();
    assert_eq!(value, PropertyValue::secret(PropertyValue::Unknown));
    assert!(value.is_unknown() && value.contains_secret());
    assert_eq!(value.strip_secrets(), PropertyValue::Unknown);
}

#[test]
fn an_output_without_a_value_is_unknown() {
    let output = object([
        (SIGNATURE, text("d0e6a833031e9bbcd3f4e8bde6ca49a4")),
        (
            "secret",
            Value {
                kind: Some(Kind::BoolValue(true)),
            },
        ),
        ("dependencies", list(vec![text("urn:pulumi:s::p::t::n")])),
    ]);
    let value = read(output).unwrap();
    let dependencies = vec!["urn:pulumi:s::p::t::n".to_owned()];
    assert_eq!(
        value,
        PropertyValue::Output {
            value: None,
            secret: true,
            dependencies
        }
    );
    assert!(value.is_unknown() && value.contains_secret());
    assert_eq!(value.flatten_outputs(), PropertyValue::secret(PropertyValue::Unknown));
}

#[test]
fn assets_and_resources_survive_unread() {
    for (kind, signature) in [
        (OpaqueKind::Asset, "c44067f5952c0a294b673a41bacd8c17"),
        (OpaqueKind::Archive, "0def7320c3a5731c473e5ecbe6d01bc7"),
        (OpaqueKind::ResourceReference, "5cf8f73096256a8f31e491e813e4eb8e"),
    ] {
        let sent = object([
            (SIGNATURE, text(signature)),
            ("hash", text("ab")),
            ("path", text("./x")),
        ]);
        let value = read(sent.clone()).unwrap();
        let fields = PropertyMap::from([("hash".to_owned(), "ab".into()), ("path".to_owned(), "./x".into())]);
        assert_eq!(value, PropertyValue::Opaque(kind, fields));
        let bag = to_struct(&PropertyMap::from([("a".to_owned(), value)]));
        assert_eq!(bag.fields["a"], sent);
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_path() {
    let path = PropertyPath::key("a");
    let unrecognised = object([(SIGNATURE, text("00000000000000000000000000000000"))]);
    let error = read(list(vec![unrecognised])).unwrap_err();
    let signature = "00000000000000000000000000000000".to_owned();
    assert_eq!(
        error,
        WireError::UnrecognisedSignature {
            path: path.item(0),
            signature
        }
    );
    let bytes = object([
        (SIGNATURE, text("803fd3297a5875dc03ca845dda5d2a98")),
        ("value", text("/w==")),
    ]);
    assert_eq!(read(bytes), Err(WireError::ByteString { path: path.clone() }));
    let hollow = object([(SIGNATURE, text("1b47061264138c4ac30d75fd1eb44270"))]);
    assert_eq!(
        read(hollow),
        Err(WireError::MalformedField {
            path,
            kind: "a secret",
            field: "value"
        })
    );
    let odd = object([(SIGNATURE, list(vec![]))]);
    assert!(matches!(read(odd), Err(WireError::UnrecognisedSignature { .. })));
}

#[test]
fn debug_output_holds_no_secret() {
    let output = PropertyValue::Output {
        value: Some(Box::new("hunter2".into())),
        secret: true,
        dependencies: vec![],
    };
    let value = PropertyValue::List(vec![PropertyValue::secret("hunter2"), output, "shown".into()]);
    let shown = format!("{value:?}");
    assert!(!shown.contains("hunter2") && shown.contains("shown"), "{shown}");
}

fn any_value() -> impl Strategy<Value = PropertyValue> {
    let leaf = prop_oneof![
        Just(PropertyValue::Null),
        Just(PropertyValue::Unknown),
        any::<bool>().prop_map(PropertyValue::Bool),
        any::<f64>()
            .prop_filter("NaN differs from itself", |n| !n.is_nan())
            .prop_map(PropertyValue::Number),
        any::<String>().prop_map(PropertyValue::String),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        let fields = prop::collection::btree_map(any::<String>(), inner.clone(), 0..5);
        let dependencies = prop::collection::vec("urn:[a-z]{1,8}", 0..3);
        let opaque = prop::sample::select(vec![
            OpaqueKind::Asset,
            OpaqueKind::Archive,
            OpaqueKind::ResourceReference,
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(PropertyValue::List),
            fields.clone().prop_map(PropertyValue::Object),
            inner.clone().prop_map(PropertyValue::secret),
            (prop::option::of(inner), any::<bool>(), dependencies).prop_map(|(value, secret, dependencies)| {
                PropertyValue::Output {
                    value: value.map(Box::new),
                    secret,
                    dependencies,
                }
            }),
            (opaque, fields).prop_map(|(kind, fields)| PropertyValue::Opaque(kind, fields)),
        ]
    })
}

proptest! {
    #[test]
    fn every_value_survives_the_wire(value in any_value()) {
        let bag = PropertyMap::from([("a".to_owned(), value)]);
        prop_assert_eq!(from_struct(&to_struct(&bag)).unwrap(), bag);
    }

    #[test]
    fn stripped_values_hold_no_wrappers_and_keep_unknowns(value in any_value()) {
        let stripped = value.strip_secrets();
        prop_assert!(!stripped.contains_secret());
        prop_assert_eq!(stripped.contains_unknown(), value.contains_unknown());
        prop_assert_eq!(value.flatten_outputs().contains_secret(), value.contains_secret());
        prop_assert_eq!(value.flatten_outputs().strip_secrets(), stripped);
    }

    #[test]
    fn every_path_survives_printing(steps in prop::collection::vec(any_step(), 1..6)) {
        let path = steps.iter().fold(PropertyPath::default(), |path, step| match step {
            Ok(name) => path.child(name),
            Err(index) => path.item(*index),
        });
        prop_assert_eq!(path.to_string().parse::<PropertyPath>(), Ok(path));
    }
}

fn any_step() -> impl Strategy<Value = Result<String, usize>> {
    let name = any::<String>().prop_filter("has no notation", |name| !name.ends_with('\\'));
    prop_oneof![
        name.prop_map(Ok),
        r#"[a-z."\[\]*]{0,5}"#.prop_map(Ok),
        any::<usize>().prop_map(Err)
    ]
}
