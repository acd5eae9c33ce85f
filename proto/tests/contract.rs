//! Our `.proto` files against Pulumi's own descriptors.
//!
//! Everything that we declare must be declared there in the same way: names, numbers, types, labels, oneofs, JSON names,
//! enum values and methods. The reverse does not hold, because we declare only what we use. The descriptors come from
//! the `pulumi` package of PyPI, inside the Python environment of `cargo xtask setup`.
#![cfg(test)]

use std::{collections::BTreeMap, env, path::PathBuf, process::Command};

use fastcontainer_proto::FILE_DESCRIPTOR_SET;
use prost::Message;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorSet, ServiceDescriptorProto};
use serde_json::{Value, json};

/// Full name to description, each description an object of members.
type Named = BTreeMap<String, BTreeMap<String, Value>>;

#[derive(Default, serde::Deserialize)]
struct Contract {
    messages: Named,
    enums: Named,
    services: Named,
}

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

fn published() -> Contract {
    let python = python();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dump_descriptors.py");
    let run = Command::new(&python).arg(script).output();
    let output = run.unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask setup`", python.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{} has no usable `pulumi` package; run `cargo xtask setup`\n{errors}",
        python.display()
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn declared() -> Contract {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut contract = Contract::default();
    for file in set.file.iter().filter(|file| file.package() != "google.protobuf") {
        file.message_type
            .iter()
            .for_each(|message| add_message(message, file.package(), &mut contract));
        file.enum_type
            .iter()
            .for_each(|one| add_enum(one, file.package(), &mut contract));
        file.service
            .iter()
            .for_each(|service| add_service(service, file.package(), &mut contract));
    }
    contract
}

fn add_message(message: &DescriptorProto, scope: &str, contract: &mut Contract) {
    let name = format!("{scope}.{}", message.name());
    let mut fields = BTreeMap::new();
    for field in &message.field {
        let oneof = field
            .oneof_index
            .map(|index| message.oneof_decl[usize::try_from(index).unwrap()].name());
        let description = json!({
            "name": field.name(),
            "json": field.json_name(),
            "type": field.r#type() as i32,
            "label": field.label() as i32,
            "of": field.type_name().trim_start_matches('.'),
            "oneof": oneof.unwrap_or_default(),
        });
        fields.insert(field.number().to_string(), description);
    }
    message
        .nested_type
        .iter()
        .for_each(|nested| add_message(nested, &name, contract));
    message
        .enum_type
        .iter()
        .for_each(|nested| add_enum(nested, &name, contract));
    contract.messages.insert(name, fields);
}

fn add_enum(one: &EnumDescriptorProto, scope: &str, contract: &mut Contract) {
    let values = one
        .value
        .iter()
        .map(|value| (value.name().to_owned(), json!(value.number())));
    contract
        .enums
        .insert(format!("{scope}.{}", one.name()), values.collect());
}

fn add_service(service: &ServiceDescriptorProto, scope: &str, contract: &mut Contract) {
    let methods = service.method.iter().map(|method| {
        let types = [method.input_type(), method.output_type()].map(|name| name.trim_start_matches('.'));
        let shape = json!([types[0], types[1], method.client_streaming(), method.server_streaming()]);
        (method.name().to_owned(), shape)
    });
    contract
        .services
        .insert(format!("{scope}.{}", service.name()), methods.collect());
}

/// Every declared member that is published differently or not at all.
fn slips(declared: &Named, published: &Named) -> Vec<String> {
    let mut slips = Vec::new();
    for (name, members) in declared {
        let Some(theirs) = published.get(name) else {
            slips.push(format!("{name} does not exist"));
            continue;
        };
        for (member, description) in members {
            if theirs.get(member) != Some(description) {
                slips.push(format!(
                    "{name} {member}: {description}, published as {:?}",
                    theirs.get(member)
                ));
            }
        }
    }
    slips
}

#[test]
fn everything_declared_is_published_in_the_same_way() {
    let (declared, published) = (declared(), published());
    let none: [String; 0] = [];
    assert_eq!(slips(&declared.messages, &published.messages), none);
    assert_eq!(slips(&declared.services, &published.services), none);
    assert!(declared.messages.len() > 30 && declared.services["pulumirpc.ResourceProvider"].len() > 15);
    // Enums are declared whole: a value that is missing here would arrive as a number without a name.
    for (name, values) in &declared.enums {
        assert_eq!(Some(values), published.enums.get(name), "{name}");
    }
}

#[test]
fn messages_lack_only_what_is_left_out_on_purpose() {
    let (declared, published) = (declared(), published());
    let mut missing: Vec<String> = Vec::new();
    for (name, fields) in &declared.messages {
        let theirs = &published.messages[name];
        let left_out = theirs.iter().filter(|(number, _)| !fields.contains_key(*number));
        missing.extend(left_out.map(|(_, field)| format!("{name}.{}", field["name"].as_str().unwrap())));
    }
    let views = ["DeleteRequest", "ReadRequest", "UpdateRequest"].map(|name| format!("pulumirpc.{name}.old_views"));
    assert_eq!(missing, views);
    let ours = &declared.services["pulumirpc.ResourceProvider"];
    let theirs = published.services["pulumirpc.ResourceProvider"].keys();
    let methods: Vec<&String> = theirs.filter(|name| !ours.contains_key(*name)).collect();
    assert_eq!(methods, ["Call", "Construct", "List", "Parameterize"]);
}
