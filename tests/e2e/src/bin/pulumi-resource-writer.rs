//! A provider for tests with one resource, `writer:index:File`, that writes a file.
//!
//! Inputs are `path`, relative to the program's directory, and `content`. Outputs are the inputs and `directory`, the
//! path's parent; all of them are unknown until the file is written, as those of any resource that makes things are.
//! Delete leaves the file: it stands for a generator, not for the file.

use std::error::Error;
use std::path::Path;

use serde_json::{Value, json};
use test_provider::{Change, Made, Resources, UNKNOWN, from_json, serve, to_json};
use tonic::Status;

const SCHEMA: &str = r#"{
  "name": "writer",
  "version": "0.1.0",
  "resources": {
    "writer:index:File": {
      "inputProperties": {"path": {"type": "string"}, "content": {"type": "string"}},
      "requiredInputs": ["path", "content"],
      "properties": {"path": {"type": "string"}, "content": {"type": "string"}, "directory": {"type": "string"}},
      "required": ["path", "content", "directory"]
    }
  }
}"#;

struct Writer;

impl Resources for Writer {
    fn schema(&self) -> &str {
        SCHEMA
    }

    fn apply(&self, change: Change) -> Result<Made, Status> {
        let outputs = if change.preview {
            json!({ "path": UNKNOWN, "content": UNKNOWN, "directory": UNKNOWN })
        } else {
            write(to_json(change.inputs))?
        };
        Ok(Made {
            id: "file".to_owned(),
            outputs: from_json(outputs),
        })
    }
}

/// Writes the file and returns the outputs.
fn write(inputs: Value) -> Result<Value, Status> {
    let path = Path::new(text(&inputs, "path")?);
    let content = text(&inputs, "content")?;
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory)
        .and_then(|()| std::fs::write(path, content))
        .map_err(|error| Status::failed_precondition(format!("{}: {error}", path.display())))?;
    Ok(json!({ "path": path, "content": content, "directory": directory }))
}

fn text<'a>(inputs: &'a Value, name: &str) -> Result<&'a str, Status> {
    let text = inputs[name].as_str();
    text.ok_or_else(|| Status::invalid_argument(format!("`{name}` must be a string, not {}", inputs[name])))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    serve(Writer).await
}
