//! Property values as plain JSON. Marks of the engine, such as that of secrets, stay what they are on the wire: objects.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

/// An object as JSON.
#[must_use]
pub fn to_json(object: Struct) -> serde_json::Value {
    let members = object.fields.into_iter();
    serde_json::Value::Object(members.map(|(name, value)| (name, value_to_json(value))).collect())
}

fn value_to_json(value: Value) -> serde_json::Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => value.into(),
        Some(Kind::NumberValue(value)) => value.into(),
        Some(Kind::StringValue(value)) => value.into(),
        Some(Kind::ListValue(list)) => list.values.into_iter().map(value_to_json).collect(),
        Some(Kind::StructValue(object)) => to_json(object),
    }
}

/// JSON as an object; what is no object has no members.
#[must_use]
pub fn from_json(value: serde_json::Value) -> Struct {
    let serde_json::Value::Object(members) = value else {
        return Struct::default();
    };
    Struct {
        fields: members
            .into_iter()
            .map(|(name, value)| (name, value_from_json(value)))
            .collect(),
    }
}

fn value_from_json(value: serde_json::Value) -> Value {
    let kind = match value {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or_default()),
        serde_json::Value::String(value) => Kind::StringValue(value),
        serde_json::Value::Array(values) => Kind::ListValue(ListValue {
            values: values.into_iter().map(value_from_json).collect(),
        }),
        object @ serde_json::Value::Object(_) => Kind::StructValue(from_json(object)),
    };
    Value { kind: Some(kind) }
}
