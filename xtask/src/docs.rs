//! `cargo xtask docs`: `docs/reference.md`, written from the provider's schema and committed.
//!
//! Says what the schema says, in its words; nobody edits the page. `--check` compares it with what would be written.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;
use fastcontainer_lab::{Profile, build_program, say};
use serde_json::{Map, Value};

use crate::shell::{Outcome, output, workspace_root};

/// Write the reference of inputs, outputs and configuration from the schema.
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// Write nothing; fail if the page is not what would be written.
    #[arg(long)]
    check: bool,
}

impl Docs {
    pub(crate) fn run(&self) -> Outcome {
        if self.check {
            return current();
        }
        fs::write(page(), text()?)?;
        say(&format!("wrote {}", page().display()));
        Ok(())
    }
}

/// Demands that the page was written from the present schema.
pub(crate) fn current() -> Outcome {
    if fs::read_to_string(page()).ok() == Some(text()?) {
        return Ok(());
    }
    Err("docs/reference.md is not what the schema gives: run `cargo xtask docs` and commit the result".into())
}

fn page() -> PathBuf {
    workspace_root().join("docs/reference.md")
}

fn text() -> Result<String, Box<dyn std::error::Error>> {
    let name = "pulumi-resource-fastcontainer";
    let plugin = build_program(name, name, Profile::Debug)?;
    let schema = output(Command::new(plugin).arg("schema"))?;
    Ok(reference(&serde_json::from_str(&schema)?))
}

/// The head of the page.
const HEAD: &str = "\
# Reference

Every input, output and setting, written from the provider's schema by `cargo xtask docs`. How they play together is in
[how it decides](how-it-decides.md) and in the [how-to pages](how-to.md). An input that does not work yet is not in the schema.
";

/// The whole page.
fn reference(schema: &Value) -> String {
    let mut page = HEAD.to_owned();
    for (token, resource) in members(&schema["resources"]) {
        section(&mut page, 2, &short(token), "Resource", resource);
        table(
            &mut page,
            "Inputs",
            &resource["inputProperties"],
            &resource["requiredInputs"],
        );
        let inputs = members(&resource["inputProperties"]);
        let mut outputs = members(&resource["properties"]);
        outputs.retain(|(name, _)| !inputs.iter().any(|(input, _)| input == name));
        rows(
            &mut page,
            "Outputs, beside the inputs without values of secrets",
            &outputs,
            &Value::Null,
        );
    }
    for (token, function) in members(&schema["functions"]) {
        section(&mut page, 2, &short(token), "Function", function);
        table(
            &mut page,
            "Arguments",
            &function["inputs"]["properties"],
            &function["inputs"]["required"],
        );
        table(&mut page, "Result", &function["outputs"]["properties"], &Value::Null);
    }
    page.push_str("\n## Provider configuration\n\n");
    page.push_str("`pulumi config set fastcontainer:NAME VALUE`, or properties of a provider resource.\n");
    table(&mut page, "Settings", &schema["config"]["variables"], &Value::Null);
    page.push_str("\n## Types\n");
    for (token, one) in members(&schema["types"]) {
        section(&mut page, 3, &short(token), "Type", one);
        if one["enum"].is_array() {
            values(&mut page, one);
        } else {
            table(&mut page, "Properties", &one["properties"], &one["required"]);
        }
    }
    page
}

/// Named members in the order of their names.
fn members(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter).collect()
}

fn short(token: &str) -> String {
    token.rsplit(':').next().unwrap_or(token).to_owned()
}

fn section(page: &mut String, level: usize, name: &str, kind: &str, described: &Value) {
    let text = described["description"].as_str().unwrap_or_default();
    let text = text.split("{{% examples %}}").next().unwrap_or_default().trim();
    let marks = "#".repeat(level);
    let _ = write!(page, "\n{marks} {name}\n\n");
    let _ = match kind {
        "Type" => writeln!(page, "{text}"),
        _ => writeln!(page, "{kind}. {text}"),
    };
}

fn table(page: &mut String, title: &str, properties: &Value, required: &Value) {
    rows(page, title, &members(properties), required);
}

fn rows(page: &mut String, title: &str, properties: &[(&String, &Value)], required: &Value) {
    if properties.is_empty() {
        return;
    }
    let _ = write!(page, "\n| {title} | type | description |\n|---|---|---|\n");
    let is_required = |name: &String| required.as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (name, property) in properties {
        let kind = kind(property);
        let required = if is_required(name) { ", required" } else { "" };
        let secret = if property["secret"] == true { ", secret" } else { "" };
        let text = cell(property["description"].as_str().unwrap_or_default());
        let _ = writeln!(page, "| `{name}` | {kind}{required}{secret} | {text} |");
    }
}

fn values(page: &mut String, one: &Value) {
    page.push_str("\n| value | description |\n|---|---|\n");
    for value in one["enum"].as_array().into_iter().flatten() {
        let (name, text) = (value["value"].as_str(), value["description"].as_str());
        let _ = writeln!(
            page,
            "| `{}` | {} |",
            name.unwrap_or_default(),
            cell(text.unwrap_or_default())
        );
    }
}

/// A type, with a link to its own table if it has one.
fn kind(property: &Value) -> String {
    if let Some(name) = property["$ref"].as_str().map(short) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    match property["type"].as_str().unwrap_or_default() {
        "array" => format!("list of {}", plural(&kind(&property["items"]))),
        "object" => format!("map of {}", plural(&kind(&property["additionalProperties"]))),
        other => other.to_owned(),
    }
}

fn plural(kind: &str) -> String {
    if kind.starts_with('[') {
        kind.to_owned()
    } else {
        format!("{kind}s")
    }
}

/// A text that does not end its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_property_says_its_type_whether_it_is_required_and_whether_it_is_secret() {
        let schema = json!({
            "resources": { "p:index:Image": {
                "description": "An image.\n\n{{% examples %}} x",
                "inputProperties": {
                    "repository": { "type": "string", "description": "Where a|b." },
                    "keys": { "type": "object", "additionalProperties": { "type": "string" }, "secret": true, "description": "K." },
                },
                "requiredInputs": ["repository"],
                "properties": { "repository": {}, "cache": { "$ref": "#/types/p:index:Cache", "description": "C." } },
            }},
            "types": { "p:index:Cache": { "description": "Off.", "enum": [{ "value": "off", "description": "No." }] } },
        });
        let page = reference(&schema);
        for part in [
            "## Image\n\nResource. An image.\n",
            "| `repository` | string, required | Where a\\|b. |",
            "| `keys` | map of strings, secret | K. |",
            "| `cache` | [Cache](#cache) | C. |",
            "### Cache\n\nOff.\n\n| value | description |\n|---|---|\n| `off` | No. |",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
    }
}
