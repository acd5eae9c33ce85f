//! The Pulumi package schema, derived from the Rust types that decode and encode.
//!
//! Names, types, requiredness and descriptions come from the types by way of JSON Schema; this module adds what only
//! Pulumi knows: tokens, language settings, examples, which inputs replace.
//!
//! Defaults are told in descriptions and nowhere else: SDKs would write a `default` into the program's inputs, where it hides the
//! provider's own setting and makes the same program differ between languages.

mod convert;
mod examples;
mod package;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod tests;

use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::config::ProviderConfig;
use crate::functions::{GetImageArgs, GetImageResult};
use crate::image::fingerprint::GetFingerprintResult;
use crate::image::inputs::ImageInputs;
use crate::image::outputs::ImageOutputs;
use crate::image::secret_inputs::SECRETS;
use convert::{ObjectType, Objects};

/// Name of the package.
pub const PACKAGE: &str = "fastcontainer";
/// Version of the package and of the plugin.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Token of the resource.
pub const IMAGE: &str = "fastcontainer:index:FastContainerImage";
/// Token of the function that looks an image up.
pub const GET_IMAGE: &str = "fastcontainer:index:getImage";
/// Token of the function that computes a fingerprint.
pub const GET_FINGERPRINT: &str = "fastcontainer:index:getFingerprint";

/// Environment variable in which `__main__.py` says what the CLI calls the version of the plugin that it has cloned.
const CLONED_AS: &str = "PULUMI_FASTCONTAINER_CLONED_AS";

/// The schema as this process serves it. What the CLI has cloned itself has the version that it gave it, after the Git commit: under
/// that one it looks for the plugin again.
#[must_use]
pub fn served_schema() -> Value {
    let mut schema = package_schema();
    if let Ok(version) = std::env::var(CLONED_AS) {
        schema["version"] = version.into();
    }
    schema
}

/// The whole schema as JSON.
#[must_use]
pub fn package_schema() -> Value {
    let mut objects = Objects::new(SchemaGenerator::new(SchemaSettings::draft2020_12()));
    let inputs = objects.object::<ImageInputs>();
    let outputs = objects.object::<ImageOutputs>();
    let config = objects.object::<ProviderConfig>();
    let mut input_properties = inputs.properties.clone();
    mark_replacing(&mut input_properties, "repository");
    let mut properties = inputs.properties.clone();
    // Outputs do not repeat the values of secrets.
    properties.remove(SECRETS);
    properties.extend(outputs.properties);
    let required: Vec<_> = inputs.required.iter().chain(&outputs.required).cloned().collect();
    let image_arguments = objects.object::<GetImageArgs>();
    let functions = json!({
        (GET_IMAGE): function::<GetImageResult>(&mut objects, &examples::get_image(LOOK_UP), image_arguments),
        (GET_FINGERPRINT): function::<GetFingerprintResult>(
            &mut objects,
            &examples::get_fingerprint(FINGERPRINT),
            build_inputs(&inputs.properties),
        ),
    });
    let mut schema = package::package();
    schema.extend(
        [
            ("config", json!({ "variables": config.properties })),
            (
                "provider",
                json!({ "description": PROVIDER, "inputProperties": config.properties }),
            ),
            (
                "resources",
                json!({ (IMAGE): {
                    "description": examples::image(RESOURCE),
                    "inputProperties": input_properties,
                    "requiredInputs": inputs.required,
                    "properties": properties,
                    "required": required,
                }}),
            ),
            ("functions", functions),
            ("types", Value::Object(objects.types())),
        ]
        .map(|(key, value)| (key.to_owned(), value)),
    );
    Value::Object(schema)
}

const PROVIDER: &str = "Configuration of the fastcontainer provider.";
const RESOURCE: &str = "A container image, built from a directory with a Dockerfile and pushed to a registry. It is built \
again only when its content changed: preview says which images will rebuild, and why.\n\n\
Deleting the resource forgets it: nothing is removed from the registry, since other stacks may use the same image.";

const LOOK_UP: &str = "Looks up an image in a registry, by tag or by digest.";
const FINGERPRINT: &str =
    "Computes the fingerprint of a build without building, and says which files count in it and why.";
/// Inputs that say where an image goes or who builds it, not what it is.
const NOT_OF_THE_BUILD: [&str; 6] = ["repository", "tags", "noCache", "cache", "reuse", "builder"];

/// The inputs that `getFingerprint` shares with the resource.
fn build_inputs(inputs: &Map<String, Value>) -> ObjectType {
    let of_the_build = inputs
        .iter()
        .filter(|(name, _)| !NOT_OF_THE_BUILD.contains(&name.as_str()));
    ObjectType {
        description: Value::Null,
        properties: of_the_build
            .map(|(name, property)| (name.clone(), property.clone()))
            .collect(),
        required: Vec::new(),
    }
}

fn function<R: JsonSchema>(objects: &mut Objects, description: &str, arguments: ObjectType) -> Value {
    let result = objects.object::<R>();
    json!({
        "description": description,
        "inputs": { "type": "object", "properties": arguments.properties, "required": arguments.required },
        "outputs": { "type": "object", "properties": result.properties, "required": result.required },
    })
}

fn mark_replacing(properties: &mut Map<String, Value>, name: &str) {
    if let Some(Value::Object(property)) = properties.get_mut(name) {
        property.insert("willReplaceOnChanges".to_owned(), Value::Bool(true));
    }
}
