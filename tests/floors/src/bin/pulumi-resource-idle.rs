//! The floor of a provider: one resource, `idle:index:Image`, that does nothing.
//!
//! It takes three inputs of an image and returns them as outputs; what an engine and its program cost with it is what they
//! cost with any provider. Nothing is read from disk and nobody is asked.

use std::error::Error;

use test_provider::{Change, Made, Resources, serve};

const SCHEMA: &str = r#"{
  "name": "idle",
  "version": "0.1.0",
  "resources": {
    "idle:index:Image": {
      "inputProperties": {
        "repository": {"type": "string"}, "context": {"type": "string"}, "dockerfile": {"type": "string"}
      },
      "requiredInputs": ["repository"],
      "properties": {
        "repository": {"type": "string"}, "context": {"type": "string"}, "dockerfile": {"type": "string"}
      },
      "required": ["repository"]
    }
  }
}"#;

struct Idle;

impl Resources for Idle {
    fn schema(&self) -> &str {
        SCHEMA
    }

    fn apply(&self, change: Change) -> Result<Made, tonic::Status> {
        Ok(Made {
            id: "image".to_owned(),
            outputs: change.inputs,
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(Idle).await
}
