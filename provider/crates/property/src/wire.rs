//! Property values as protobuf `Struct`s: the only place that knows the signatures and sentinels.
//!
//! A signature key marks an object that stands for something else (a secret, an output, an asset …); unknown values are
//! strings with fixed contents, one for each type, and any of them may stand anywhere. A signature that is not known is
//! an error, because its object would otherwise be taken for data; so are byte strings, which are never agreed upon in
//! the handshake. Follows the value encoding of Pulumi's engine and SDKs.

use prost_types::{ListValue, Struct, Value, value::Kind};

use crate::{OpaqueKind, PropertyMap, PropertyPath, PropertyValue};

const SIGNATURE: &str = "4dabf18193072939515e22adb298388d";
const SECRET: &str = "1b47061264138c4ac30d75fd1eb44270";
const OUTPUT: &str = "d0e6a833031e9bbcd3f4e8bde6ca49a4";
const RESOURCE: &str = "5cf8f73096256a8f31e491e813e4eb8e";
const ASSET: &str = "c44067f5952c0a294b673a41bacd8c17";
const ARCHIVE: &str = "0def7320c3a5731c473e5ecbe6d01bc7";
const BYTES: &str = "803fd3297a5875dc03ca845dda5d2a98";

/// What SDKs send for an unknown value of any type; the only sentinel that is ever written.
const UNKNOWN: &str = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/// The sentinels of the other types: boolean, number, list, asset, archive, object.
const OTHER_UNKNOWNS: [&str; 6] = [
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
    "030794c1-ac77-496b-92df-f27374a8bd58",
    "e48ece36-62e2-4504-bad9-02848725956a",
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
];

/// A `Struct` that is no property bag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// An object says that it stands for something that this provider does not know.
    #[error("`{path}` holds a kind of value that this provider does not know (signature `{signature}`)")]
    UnrecognisedSignature {
        /// Where.
        path: PropertyPath,
        /// What the object says it is.
        signature: String,
    },
    /// A string that is not UTF-8.
    #[error("`{path}` holds a string that is not UTF-8")]
    ByteString {
        /// Where.
        path: PropertyPath,
    },
    /// An object with a signature lacks a field, or the field has the wrong type.
    #[error("`{path}` holds {kind} without a usable field `{field}`")]
    MalformedField {
        /// Where.
        path: PropertyPath,
        /// What the object stands for.
        kind: &'static str,
        /// The name of the field.
        field: &'static str,
    },
}

/// Reads a property bag.
///
/// # Errors
/// An unrecognised signature, a byte string, or a special object that is not well-formed; each with its path.
pub fn from_struct(bag: &Struct) -> Result<PropertyMap, WireError> {
    read_fields(bag, &PropertyPath::default())
}

/// Writes a property bag.
pub fn to_struct(bag: &PropertyMap) -> Struct {
    Struct {
        fields: bag.iter().map(|(name, value)| (name.clone(), write(value))).collect(),
    }
}

pub(crate) fn read(value: &Value, path: &PropertyPath) -> Result<PropertyValue, WireError> {
    Ok(match &value.kind {
        None | Some(Kind::NullValue(_)) => PropertyValue::Null,
        Some(Kind::BoolValue(value)) => PropertyValue::Bool(*value),
        Some(Kind::NumberValue(value)) => PropertyValue::Number(*value),
        Some(Kind::StringValue(text)) if text == UNKNOWN || OTHER_UNKNOWNS.contains(&text.as_str()) => {
            PropertyValue::Unknown
        }
        Some(Kind::StringValue(text)) => PropertyValue::String(text.clone()),
        Some(Kind::ListValue(list)) => {
            let items = list
                .values
                .iter()
                .enumerate()
                .map(|(index, item)| read(item, &path.item(index)));
            PropertyValue::List(items.collect::<Result<_, _>>()?)
        }
        Some(Kind::StructValue(object)) => match object.fields.get(SIGNATURE) {
            None => PropertyValue::Object(read_fields(object, path)?),
            Some(signature) => read_special(signature, object, path)?,
        },
    })
}

fn read_fields(object: &Struct, path: &PropertyPath) -> Result<PropertyMap, WireError> {
    object
        .fields
        .iter()
        .map(|(name, value)| Ok((name.clone(), read(value, &path.child(name))?)))
        .collect()
}

fn read_special(signature: &Value, object: &Struct, path: &PropertyPath) -> Result<PropertyValue, WireError> {
    let text = match &signature.kind {
        Some(Kind::StringValue(text)) => text.as_str(),
        _ => "",
    };
    match text {
        SECRET => {
            let malformed = || WireError::MalformedField {
                path: path.clone(),
                kind: "a secret",
                field: "value",
            };
            Ok(PropertyValue::secret(read(
                object.fields.get("value").ok_or_else(malformed)?,
                path,
            )?))
        }
        OUTPUT => read_output(object, path),
        RESOURCE => read_opaque(OpaqueKind::ResourceReference, object, path),
        ASSET => read_opaque(OpaqueKind::Asset, object, path),
        ARCHIVE => read_opaque(OpaqueKind::Archive, object, path),
        BYTES => Err(WireError::ByteString { path: path.clone() }),
        _ => Err(WireError::UnrecognisedSignature {
            path: path.clone(),
            signature: text.to_owned(),
        }),
    }
}

fn read_output(object: &Struct, path: &PropertyPath) -> Result<PropertyValue, WireError> {
    let malformed = |field| WireError::MalformedField {
        path: path.clone(),
        kind: "an output value",
        field,
    };
    let value = object
        .fields
        .get("value")
        .map(|value| read(value, path))
        .transpose()?
        .map(Box::new);
    let secret = match object.fields.get("secret").and_then(|secret| secret.kind.as_ref()) {
        None => false,
        Some(Kind::BoolValue(secret)) => *secret,
        Some(_) => return Err(malformed("secret")),
    };
    let dependencies = match object.fields.get("dependencies").and_then(|list| list.kind.as_ref()) {
        None => Vec::new(),
        Some(Kind::ListValue(list)) => {
            let urns = list.values.iter().map(|urn| match &urn.kind {
                Some(Kind::StringValue(urn)) => Ok(urn.clone()),
                _ => Err(malformed("dependencies")),
            });
            urns.collect::<Result<_, _>>()?
        }
        Some(_) => return Err(malformed("dependencies")),
    };
    Ok(PropertyValue::Output {
        value,
        secret,
        dependencies,
    })
}

fn read_opaque(kind: OpaqueKind, object: &Struct, path: &PropertyPath) -> Result<PropertyValue, WireError> {
    let fields = object.fields.iter().filter(|(name, _)| *name != SIGNATURE);
    let fields = fields.map(|(name, value)| Ok((name.clone(), read(value, &path.child(name))?)));
    Ok(PropertyValue::Opaque(kind, fields.collect::<Result<_, _>>()?))
}

fn write(value: &PropertyValue) -> Value {
    let kind = match value {
        PropertyValue::Null => Kind::NullValue(0),
        PropertyValue::Bool(value) => Kind::BoolValue(*value),
        PropertyValue::Number(value) => Kind::NumberValue(*value),
        PropertyValue::String(text) => Kind::StringValue(text.clone()),
        PropertyValue::List(items) => Kind::ListValue(ListValue {
            values: items.iter().map(write).collect(),
        }),
        PropertyValue::Object(fields) => Kind::StructValue(to_struct(fields)),
        PropertyValue::Unknown => Kind::StringValue(UNKNOWN.to_owned()),
        PropertyValue::Secret(inner) => special(SECRET, [("value", write(inner))]),
        PropertyValue::Output {
            value,
            secret,
            dependencies,
        } => write_output(value.as_deref(), *secret, dependencies),
        PropertyValue::Opaque(kind, fields) => {
            let signature = match kind {
                OpaqueKind::Asset => ASSET,
                OpaqueKind::Archive => ARCHIVE,
                OpaqueKind::ResourceReference => RESOURCE,
            };
            special(
                signature,
                fields.iter().map(|(name, value)| (name.as_str(), write(value))),
            )
        }
    };
    Value { kind: Some(kind) }
}

fn write_output(value: Option<&PropertyValue>, secret: bool, dependencies: &[String]) -> Kind {
    let text = |text: &String| Value {
        kind: Some(Kind::StringValue(text.clone())),
    };
    let dependencies = ListValue {
        values: dependencies.iter().map(text).collect(),
    };
    let fields = [
        (
            "secret",
            Value {
                kind: Some(Kind::BoolValue(secret)),
            },
        ),
        (
            "dependencies",
            Value {
                kind: Some(Kind::ListValue(dependencies)),
            },
        ),
    ];
    special(
        OUTPUT,
        fields.into_iter().chain(value.map(|value| ("value", write(value)))),
    )
}

fn special<'a>(signature: &str, fields: impl IntoIterator<Item = (&'a str, Value)>) -> Kind {
    let signature = Value {
        kind: Some(Kind::StringValue(signature.to_owned())),
    };
    let fields = fields.into_iter().chain([(SIGNATURE, signature)]);
    Kind::StructValue(Struct {
        fields: fields.map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}
