//! Stands in for the AWS provider in a lab, for programs of the real `@pulumi/aws` and `pulumi_aws`.
//!
//! What it is given becomes outputs, so that the stack's state tells a test what arrived. Repositories, buckets, CodeBuild projects
//! and policies of roles are made in the emulated account for real; functions and containers are not run, but their images are
//! looked at as Lambda and ECS do. Any other type of resource is refused.

mod account;
mod images;
mod kinds;

use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Value, json};
use test_provider::{Change, Made, Resources, UNKNOWN, from_json, serve, to_json};
use tonic::Status;

use kinds::Kind;

/// A resource that the engine wants to be made or changed.
struct Asked {
    /// Its physical name, which is its id too.
    name: String,
    /// Its inputs.
    inputs: Value,
    /// Whether it is there already.
    exists: bool,
}

impl Asked {
    /// A text of the inputs; empty when it is not there.
    fn text(&self, input: &str) -> &str {
        self.inputs[input].as_str().unwrap_or_default()
    }
}

struct Aws;

impl Resources for Aws {
    /// Programs bring their own types: only YAML would ask for these.
    fn schema(&self) -> &str {
        r#"{"name": "aws", "version": "7.0.0"}"#
    }

    fn apply(&self, change: Change) -> Result<Made, Status> {
        let kind = Kind::of(&change.kind)?;
        let inputs = to_json(change.inputs);
        let given = inputs[kind.name].as_str();
        let asked = Asked {
            exists: change.id.is_some(),
            name: match change.id {
                Some(id) => id,
                None => given.map_or_else(|| automatic_name(&change.urn), str::to_owned),
            },
            inputs,
        };
        let is_open = change.preview && (!asked.exists || asked.inputs.to_string().contains(UNKNOWN));
        if !change.preview {
            (kind.act)(&asked)?;
        }
        Ok(Made {
            outputs: from_json(outputs(kind, &asked, is_open)),
            id: asked.name,
        })
    }

    fn call(&self, function: &str, _: prost_types::Struct) -> Result<prost_types::Struct, Status> {
        account::answer(function).map(from_json)
    }
}

/// The inputs with what AWS adds to them; what it adds is unknown as long as `is_open`.
fn outputs(kind: &Kind, asked: &Asked, is_open: bool) -> Value {
    let mut outputs = asked.inputs.clone();
    let mut added = (kind.added)(asked);
    added[kind.name] = json!(asked.name);
    for (name, value) in added.as_object().into_iter().flatten() {
        let is_given = asked.inputs[name].is_string();
        outputs[name] = if is_open && !is_given {
            json!(UNKNOWN)
        } else {
            value.clone()
        };
    }
    outputs
}

/// The logical name with seven characters, as Pulumi's own providers make it.
fn automatic_name(urn: &str) -> String {
    let logical = urn.rsplit("::").next().unwrap_or(urn);
    format!("{logical}-{:07x}", number_of(urn) & 0x0fff_ffff)
}

fn number_of(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(Aws).await
}
