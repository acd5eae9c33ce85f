//! The package schema as Pulumi's own tools read it.

#![expect(clippy::expect_used, reason = "a test: a panic is a finding")]

use std::path::PathBuf;
use std::process::Command;

use e2e::lab;
use serde_json::Value;

fn plugin() -> PathBuf {
    lab()
        .pulumi_home()
        .join("plugins/resource-fastcontainer-v0.1.0/pulumi-resource-fastcontainer")
}

fn pulumi(arguments: &[&str]) -> String {
    let output = Command::new("pulumi").args(arguments).output().expect("the Pulumi CLI");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pulumi {arguments:?}: {errors}");
    format!("{}{errors}", String::from_utf8_lossy(&output.stdout))
}

#[test]
fn the_schema_passes_pulumis_check_without_a_warning() {
    let said = pulumi(&["schema", "check", plugin().to_str().expect("a path")]);
    assert!(!said.to_lowercase().contains("warning"), "{said}");
}

#[test]
fn the_schema_describes_every_property() {
    let schema = pulumi(&["package", "get-schema", plugin().to_str().expect("a path")]);
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let image = &schema["resources"]["fastcontainer:index:FastContainerImage"];
    for group in [
        &image["inputProperties"],
        &image["properties"],
        &schema["provider"]["inputProperties"],
    ] {
        for (name, property) in group.as_object().expect("properties") {
            assert!(
                property["description"].as_str().is_some_and(|text| text.len() > 10),
                "{name} has no description"
            );
        }
    }
    assert_eq!(image["requiredInputs"], serde_json::json!(["repository"]));
    assert_eq!(schema["provider"]["inputProperties"]["reuseKey"]["secret"], true);
}
