//! Writing, reading and deleting parameters by name, and their tags.
//!
//! Sizes, names and the rules about types and tiers are those of the API reference; a value with `{{` is refused as
//! there, because the service would take it for a reference.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::SsmError;
use super::store::{Kind, Parameter, Tier, resolve};
use crate::aws::{Caller, Owner, parse};
use crate::{clock, random};

const STANDARD_SIZE: usize = 4096;
const ADVANCED_SIZE: usize = 8192;
const DEFAULT_KEY: &str = "alias/aws/ssm";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutParameter {
    name: String,
    value: String,
    description: Option<String>,
    #[serde(rename = "Type")]
    kind: Option<Kind>,
    key_id: Option<String>,
    #[serde(default)]
    overwrite: bool,
    #[serde(default)]
    tags: Vec<Tag>,
    tier: Option<Tier>,
    data_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Named {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ManyNamed {
    names: Vec<String>,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tagging {
    resource_type: String,
    resource_id: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn put_parameter(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: PutParameter = parse(body)?;
    caller.permit(&arn(caller, &request.name))?;
    check_name(&request.name)?;
    let tier = check_value(&request)?;
    let key = (caller.owner(), request.name.clone());
    let mut parameters = caller.emulator.parameters.lock();
    let before = parameters.get(&key);
    if before.is_some() && !request.overwrite {
        return Err(SsmError::ParameterExists);
    }
    if request.overwrite && !request.tags.is_empty() {
        return Err(invalid(
            "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove \
             overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
        ));
    }
    let kind = match (before, request.kind) {
        (Some(before), Some(kind)) if before.kind != kind => return Err(SsmError::TypeMismatch),
        (Some(before), _) => before.kind,
        (None, Some(kind)) => kind,
        (None, None) => {
            return Err(invalid("A parameter type is required when you create a parameter."));
        }
    };
    if before.is_some_and(|before| before.tier == Tier::Advanced) && tier == Tier::Standard {
        return Err(invalid(
            "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter \
             tier to the standard-parameter tier.",
        ));
    }
    let key_id = (kind == Kind::SecureString).then(|| request.key_id.unwrap_or_else(|| DEFAULT_KEY.to_owned()));
    if let Some(key_id) = &key_id {
        let action = if tier == Tier::Advanced {
            "kms:GenerateDataKey"
        } else {
            "kms:Encrypt"
        };
        caller.permit_key(action, key_id)?;
    }
    let version = before.map_or(1, |before| before.version + 1);
    let tags = match before {
        Some(before) => before.tags.clone(),
        None => check_tags(request.tags)?,
    };
    let parameter = Parameter {
        value: request.value,
        kind,
        tier,
        version,
        modified: clock::epoch_seconds(),
        modified_by: caller.identity.arn.clone(),
        description: request.description,
        data_type: request.data_type.unwrap_or_else(|| "text".to_owned()),
        key_id,
        tags,
    };
    parameters.insert(key, parameter);
    Ok(json!({"Version": version, "Tier": format!("{tier:?}")}))
}

fn check_value(request: &PutParameter) -> Result<Tier, SsmError> {
    let size = request.value.len();
    if request.value.is_empty() {
        return Err(invalid(
            "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater \
             than or equal to 1.",
        ));
    }
    if request.value.contains("{{") {
        return Err(invalid(
            "Parameter value can't nest another parameter. Do not use \"{{}}\" in the value.",
        ));
    }
    let tier = match request.tier.unwrap_or_default() {
        Tier::Intelligent if size > STANDARD_SIZE => Tier::Advanced,
        Tier::Intelligent => Tier::Standard,
        tier => tier,
    };
    match tier {
        Tier::Standard if size > STANDARD_SIZE => Err(invalid(
            "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter \
             value, upgrade the parameter to use the advanced-parameter tier. For more information, see \
             https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html",
        )),
        Tier::Advanced if size > ADVANCED_SIZE => Err(invalid(
            "Advanced tier parameters support a maximum parameter value of 8192 characters.",
        )),
        tier => Ok(tier),
    }
}

pub(super) fn get_parameter(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: Named = parse(body)?;
    let found = find(caller, &request.name, request.with_decryption)?;
    Ok(json!({ "Parameter": found }))
}

pub(super) fn get_parameters(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: ManyNamed = parse(body)?;
    check_many(&request.names)?;
    let (mut found, mut unknown) = (Vec::new(), Vec::new());
    for name in &request.names {
        match find(caller, name, request.with_decryption) {
            Ok(parameter) => found.push(parameter),
            Err(SsmError::ParameterNotFound | SsmError::VersionNotFound { .. }) => unknown.push(name),
            Err(error) => return Err(error),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": unknown}))
}

/// Finds a parameter by name or ARN, either followed by `:VERSION` perhaps.
fn find(caller: &Caller<'_>, selector: &str, decrypt: bool) -> Result<Value, SsmError> {
    let (name, version) = match selector.rsplit_once(':') {
        Some((name, digits)) if !digits.contains('/') => match digits.parse::<u64>() {
            Ok(version) => (name, Some(version)),
            Err(_) => return Err(SsmError::ParameterNotFound),
        },
        _ => (selector, None),
    };
    caller.permit(&arn(caller, name))?;
    let parameters = caller.emulator.parameters.lock();
    let key = resolve(&parameters, &caller.owner(), name).ok_or(SsmError::ParameterNotFound)?;
    let parameter = parameters.get(&key).ok_or(SsmError::ParameterNotFound)?;
    if key.0.account != caller.identity.account || key.0.region != caller.region {
        return Err(SsmError::ParameterNotFound);
    }
    if let Some(version) = version.filter(|version| *version != parameter.version) {
        return Err(SsmError::VersionNotFound { name: key.1, version });
    }
    let mut shown = show(caller, &key.1, parameter, decrypt)?;
    if let Some(version) = version {
        shown["Selector"] = json!(format!(":{version}"));
    }
    Ok(shown)
}

/// Shows a parameter with its value, which stays a cipher text unless `decrypt` is set.
pub(super) fn show(caller: &Caller<'_>, name: &str, parameter: &Parameter, decrypt: bool) -> Result<Value, SsmError> {
    let value = match &parameter.key_id {
        None => parameter.value.clone(),
        Some(key_id) if decrypt => {
            caller.permit_key("kms:Decrypt", key_id)?;
            parameter.value.clone()
        }
        Some(_) => STANDARD.encode(random::hex(64)),
    };
    Ok(json!({
        "Name": name, "Type": format!("{:?}", parameter.kind), "Value": value, "Version": parameter.version,
        "LastModifiedDate": parameter.modified, "ARN": arn(caller, name), "DataType": parameter.data_type,
    }))
}

pub(super) fn delete_parameter(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: Named = parse(body)?;
    caller.permit(&arn(caller, &request.name))?;
    let removed = caller
        .emulator
        .parameters
        .lock()
        .remove(&(caller.owner(), request.name));
    removed.map(|_| json!({})).ok_or(SsmError::ParameterNotFound)
}

pub(super) fn delete_parameters(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: ManyNamed = parse(body)?;
    check_many(&request.names)?;
    for name in &request.names {
        caller.permit(&arn(caller, name))?;
    }
    let mut parameters = caller.emulator.parameters.lock();
    let mut remove = |name: &String| parameters.remove(&(caller.owner(), name.clone())).is_some();
    let (deleted, unknown): (Vec<_>, Vec<_>) = request.names.into_iter().partition(|name| remove(name));
    Ok(json!({"DeletedParameters": deleted, "InvalidParameters": unknown}))
}

pub(super) fn add_tags(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: Tagging = parse(body)?;
    let tags = check_tags(request.tags)?;
    with_tags(caller, (&request.resource_type, request.resource_id), |own| {
        own.extend(tags);
        json!({})
    })
}

pub(super) fn list_tags(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SsmError> {
    let request: Tagging = parse(body)?;
    with_tags(caller, (&request.resource_type, request.resource_id), |own| {
        let tags: Vec<Value> = own
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        json!({ "TagList": tags })
    })
}

fn with_tags(
    caller: &Caller<'_>,
    (kind, name): (&str, String),
    work: impl FnOnce(&mut BTreeMap<String, String>) -> Value,
) -> Result<Value, SsmError> {
    if kind != "Parameter" {
        return Err(invalid(&format!("Resource type `{kind}` is not emulated.")));
    }
    caller.permit(&arn(caller, &name))?;
    let mut parameters = caller.emulator.parameters.lock();
    let key: (Owner, String) = (caller.owner(), name);
    match parameters.get_mut(&key) {
        Some(parameter) => Ok(work(&mut parameter.tags)),
        None => Err(SsmError::InvalidResource(key.1)),
    }
}

fn check_tags(tags: Vec<Tag>) -> Result<BTreeMap<String, String>, SsmError> {
    let reserved = |key: &str| key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    let valid = |tag: &Tag| {
        (1..=128).contains(&tag.key.chars().count()) && tag.value.chars().count() <= 256 && !reserved(&tag.key)
    };
    if tags.len() > 50 || !tags.iter().all(valid) {
        return Err(invalid("A tag is not valid, or there are more than 50."));
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

fn check_many(names: &[String]) -> Result<(), SsmError> {
    if (1..=10).contains(&names.len()) {
        return Ok(());
    }
    Err(invalid(
        "1 validation error detected: Value at 'names' failed to satisfy constraint: Member must have length less than or \
         equal to 10.",
    ))
}

fn check_name(name: &str) -> Result<(), SsmError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    let levels = name.matches('/').count();
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if name.is_empty() || name.len() > 1011 || !name.chars().all(allowed) || name.ends_with('/') || name.contains("//")
    {
        return Err(invalid(
            "Parameter name: can't be prefixed with \"ssm\" (case-insensitive). If formed as a path, it can consist of \
             sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following \
             3 symbols .-_",
        ));
    }
    if levels > 0 && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    if levels > 15 {
        return Err(invalid("A hierarchy can have a maximum of fifteen levels."));
    }
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(invalid(
            "No access to reserved parameter name: the prefixes \"aws\" and \"ssm\" are reserved.",
        ));
    }
    Ok(())
}

pub(super) fn invalid(message: &str) -> SsmError {
    SsmError::Validation(message.to_owned())
}

/// ARN of a parameter; a name that is one already stays as it is.
pub(super) fn arn(caller: &Caller<'_>, name: &str) -> String {
    if name.starts_with("arn:") {
        return name.to_owned();
    }
    caller.arn(&format!("parameter/{}", name.trim_start_matches('/')))
}
