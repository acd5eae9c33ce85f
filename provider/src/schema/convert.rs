//! JSON Schema, as `schemars` derives it, to the schema of Pulumi packages.
//!
//! The two differ in how they name types (`#/$defs/X` against `#/types/fastcontainer:index:X`), how they say optional
//! (a type or null against absence from `required`), and how they write enumerations and maps.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::PACKAGE;

/// One object type as Pulumi describes it.
pub(super) struct ObjectType {
    /// What the type is for.
    pub(super) description: Value,
    /// Its properties.
    pub(super) properties: Map<String, Value>,
    /// Names of those that are always there.
    pub(super) required: Vec<Value>,
}

/// Converts types and collects those that they refer to.
pub(super) struct Objects(SchemaGenerator);

impl Objects {
    pub(super) fn new(generator: SchemaGenerator) -> Self {
        Self(generator)
    }

    /// The properties of `T` itself, which does not become a named type.
    pub(super) fn object<T: JsonSchema>(&mut self) -> ObjectType {
        object_type(T::json_schema(&mut self.0).as_value())
    }

    /// All types that were referred to.
    pub(super) fn types(&mut self) -> Map<String, Value> {
        let definitions = self.0.take_definitions(true);
        definitions
            .iter()
            .map(|(name, schema)| (token(name), named_type(schema)))
            .collect()
    }
}

fn token(name: &str) -> String {
    format!("{PACKAGE}:index:{name}")
}

fn named_type(schema: &Value) -> Value {
    if let Some(values) = enumeration(schema) {
        return json!({ "type": "string", "description": schema["description"], "enum": values });
    }
    let object = object_type(schema);
    json!({
        "type": "object",
        "description": object.description,
        "properties": object.properties,
        "required": object.required,
    })
}

/// The values of a Rust enum without data.
fn enumeration(schema: &Value) -> Option<Vec<Value>> {
    let described = |variant: &Value| {
        let value = variant.get("const")?;
        Some(json!({ "value": value, "description": variant["description"] }))
    };
    schema.get("oneOf")?.as_array()?.iter().map(described).collect()
}

fn object_type(schema: &Value) -> ObjectType {
    let properties = schema["properties"].as_object().into_iter().flatten();
    ObjectType {
        description: schema["description"].clone(),
        properties: properties
            .map(|(name, property)| (name.clone(), property_type(property)))
            .collect(),
        required: schema["required"].as_array().cloned().unwrap_or_default(),
    }
}

fn property_type(schema: &Value) -> Value {
    let mut property = type_of(schema);
    for key in ["description", "secret"] {
        if let Some(value) = schema.get(key) {
            property.insert(key.to_owned(), value.clone());
        }
    }
    Value::Object(property)
}

fn type_of(schema: &Value) -> Map<String, Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return one("$ref", json!(format!("#/types/{}", token(name))));
    }
    let nullable = schema["anyOf"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|one| one["type"] != "null");
    if let Some(present) = nullable {
        return type_of(present);
    }
    let named = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").cloned().unwrap_or_default(),
        kind => kind.clone(),
    };
    let mut converted = one("type", named.clone());
    if named == "array" {
        converted.insert("items".to_owned(), Value::Object(type_of(&schema["items"])));
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        converted.insert("additionalProperties".to_owned(), Value::Object(type_of(values)));
    }
    converted
}

fn one(key: &str, value: Value) -> Map<String, Value> {
    [(key.to_owned(), value)].into_iter().collect()
}
