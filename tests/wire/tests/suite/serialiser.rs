//! Property values against the serialiser of Pulumi's Python SDK, in both directions.
//!
//! The script `serialise.py` writes one bag as the SDK sends it, and reads one of ours back. It runs in the Python
//! environment of `cargo xtask setup`.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use fastcontainer_property::{
    OpaqueKind, PropertyMap, PropertyValue,
    wire::{from_struct, to_struct},
};
use prost::Message;
use prost_types::Struct;
use serde_json::{Value, json};
use wire::bag;

fn python() -> PathBuf {
    if let Some(python) = env::var_os("FASTCONTAINER_PYTHON") {
        return python.into();
    }
    let base = env::var_os("PULUMI_FASTCONTAINER_TOOLS").or_else(|| env::var_os("XDG_CACHE_HOME"));
    let base = base.map_or_else(
        || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    base.join("pulumi-fastcontainer/tools-v1/python-pulumi-3.272.0/bin/python")
}

/// Runs the script: `input` goes in, what it prints comes out.
fn run(mode: &str, input: &str) -> String {
    let python = python();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/serialise.py");
    let mut command = Command::new(&python);
    command
        .args([script, mode])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let started = command.spawn();
    let mut child = started.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", python.display()));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{} has no usable `pulumi` package; run `cargo xtask setup`",
        python.display()
    );
    String::from_utf8(output.stdout).unwrap()
}

fn sent_by_python(mode: &str) -> PropertyMap {
    let bytes = STANDARD.decode(run(mode, "").trim()).unwrap();
    from_struct(&Struct::decode(bytes.as_slice()).unwrap()).unwrap()
}

#[test]
fn what_the_sdk_sends_is_read_as_it_was_meant() {
    let nested = bag([("k", PropertyValue::secret(vec![1.0]))]);
    let expected = bag([
        ("text", "grüße".into()),
        ("number", 1.5.into()),
        ("list", vec![true.into(), PropertyValue::Null, nested.into()].into()),
        ("secret", PropertyValue::secret("x")),
        ("unknown", PropertyValue::Unknown),
        ("secretUnknown", PropertyValue::secret(PropertyValue::Unknown)),
        (
            "asset",
            PropertyValue::Opaque(OpaqueKind::Asset, bag([("text", "t".into())])),
        ),
        (
            "archive",
            PropertyValue::Opaque(OpaqueKind::Archive, bag([("path", "./d".into())])),
        ),
    ]);
    assert_eq!(sent_by_python("send"), expected);
}

#[test]
fn output_values_of_the_sdk_are_read_as_they_were_meant() {
    let output = |value: Option<PropertyValue>, secret| PropertyValue::Output {
        value: value.map(Box::new),
        secret,
        dependencies: vec![],
    };
    let expected = bag([
        ("secret", output(Some("x".into()), true)),
        ("unknown", output(None, false)),
        ("secretUnknown", output(None, true)),
    ]);
    assert_eq!(sent_by_python("send-outputs"), expected);
}

#[test]
fn what_we_send_is_read_by_the_sdk_as_it_was_meant() {
    let ours = bag([
        ("text", "grüße".into()),
        ("number", 1.5.into()),
        ("list", vec![true.into(), PropertyValue::Unknown].into()),
        ("object", bag([("k", "v".into())]).into()),
        ("secret", PropertyValue::secret("x")),
        ("secretUnknown", PropertyValue::secret(PropertyValue::Unknown)),
    ]);
    let read: Value = serde_json::from_str(&run("read", &STANDARD.encode(to_struct(&ours).encode_to_vec()))).unwrap();
    let expected = json!({
        "text": "grüße",
        "number": 1.5,
        "list": [true, {"unknown": true}],
        "object": {"k": "v"},
        "secret": {"secret": "x"},
        "secretUnknown": {"secret": {"unknown": true}},
    });
    assert_eq!(read, expected);
}
