//! The environment variables of a build, and the values behind references to parameters and secrets.
//!
//! StartBuild beats the project beats the buildspec. References are resolved with the rights of the service role; what
//! they resolve to is masked in the log.

use std::collections::BTreeMap;

use super::buildspec::Buildspec;
use super::configuration::Variable;
use super::record::Build;
use crate::aws::Identity;
use crate::emulator::Emulator;

/// Variables by name.
pub(super) type Variables = BTreeMap<String, String>;

/// Why a reference has no value.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReferenceError {
    #[error("{0}")]
    Denied(#[from] crate::aws::AccessDenied),
    #[error("parameter does not exist: {0}")]
    NoParameter(String),
    #[error("ResourceNotFoundException: Secrets Manager can't find the specified secret. {0}")]
    NoSecret(String),
    #[error("key `{key}` is not in the JSON text of secret `{secret}`")]
    NoKey { secret: String, key: String },
}

/// Variables with their values, and the values to mask.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) variables: Variables,
    pub(super) masked: Vec<String>,
}

/// Resolves the variables of a build as `role`.
pub(super) fn resolve(
    emulator: &Emulator,
    build: &Build,
    (spec, role): (&Buildspec, &Identity),
) -> Result<Resolved, ReferenceError> {
    let of_spec = |map: &BTreeMap<String, String>, kind: &str| {
        let make = |(name, value): (&String, &String)| Variable {
            name: name.clone(),
            value: value.clone(),
            kind: kind.to_owned(),
        };
        map.iter().map(make).collect::<Vec<_>>()
    };
    let mut all = of_spec(&spec.env.variables, "PLAINTEXT");
    all.extend(of_spec(&spec.env.parameter_store, "PARAMETER_STORE"));
    all.extend(of_spec(&spec.env.secrets_manager, "SECRETS_MANAGER"));
    all.extend(build.configuration.environment.environment_variables.iter().cloned());
    // The last of a name is the one that counts; the others are not even looked up.
    let last: BTreeMap<String, Variable> = all
        .into_iter()
        .map(|variable| (variable.name.clone(), variable))
        .collect();
    let mut resolved = Resolved::default();
    for (name, variable) in last {
        let value = match variable.kind.as_str() {
            "PARAMETER_STORE" => parameter(emulator, build, (&variable.value, role))?,
            "SECRETS_MANAGER" => secret(emulator, build, (&variable.value, role))?,
            _ => {
                resolved.variables.insert(name, variable.value);
                continue;
            }
        };
        resolved.masked.push(value.clone());
        resolved.variables.insert(name, value);
    }
    Ok(resolved)
}

fn parameter(emulator: &Emulator, build: &Build, (name, role): (&str, &Identity)) -> Result<String, ReferenceError> {
    let owner = &build.owner;
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        format!(
            "arn:aws:ssm:{}:{}:parameter/{}",
            owner.region,
            owner.account,
            name.trim_start_matches('/')
        )
    };
    emulator.permissions.check(role, "ssm:GetParameters", &arn)?;
    if let Some(key) = emulator.parameters.key(owner, name) {
        decrypt(emulator, build, role, ("ssm", &key))?;
    }
    let value = emulator.parameters.value(owner, name);
    value.ok_or_else(|| ReferenceError::NoParameter(name.to_owned()))
}

/// Reads `ID[:JSON-KEY[:STAGE[:VERSION]]]`; stages and versions other than the current one are not offered.
fn secret(emulator: &Emulator, build: &Build, (reference, role): (&str, &Identity)) -> Result<String, ReferenceError> {
    let (id, key) = split_reference(reference);
    let owner = &build.owner;
    let place = emulator.secrets.place(owner, id);
    let wanted = format!("arn:aws:secretsmanager:{}:{}:secret:{id}", owner.region, owner.account);
    let arn = place.as_ref().map_or(&wanted, |(arn, _)| arn);
    emulator.permissions.check(role, "secretsmanager:GetSecretValue", arn)?;
    if let Some((_, key)) = &place {
        decrypt(emulator, build, role, ("secretsmanager", key))?;
    }
    let text = emulator.secrets.value(&build.owner, id);
    let text = text.ok_or_else(|| ReferenceError::NoSecret(id.to_owned()))?;
    let Some(key) = key else { return Ok(text) };
    let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match json.get(key) {
        Some(serde_json::Value::String(value)) => Ok(value.clone()),
        Some(value) if !value.is_null() => Ok(value.to_string()),
        _ => Err(ReferenceError::NoKey {
            secret: id.to_owned(),
            key: key.to_owned(),
        }),
    }
}

fn decrypt(
    emulator: &Emulator,
    build: &Build,
    role: &Identity,
    (service, key): (&str, &str),
) -> Result<(), crate::aws::AccessDenied> {
    let via = format!("{service}.{}.amazonaws.com", build.owner.region);
    let key = build.owner.key_arn(key);
    emulator.permissions.check_key(role, ("kms:Decrypt", &key), &via)
}

/// Splits a reference into the secret's id and the JSON key; the seven parts of an ARN stay together.
fn split_reference(reference: &str) -> (&str, Option<&str>) {
    let own_colons = if reference.starts_with("arn:") { 6 } else { 0 };
    let Some((end, _)) = reference.match_indices(':').nth(own_colons) else {
        return (reference, None);
    };
    let key = reference[end + 1..].split(':').next().filter(|key| !key.is_empty());
    (&reference[..end], key)
}

#[cfg(test)]
mod tests {
    use super::split_reference;

    #[test]
    fn json_key_follows_a_name_or_a_whole_arn() {
        let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-AbCdEf";
        assert_eq!(split_reference("app"), ("app", None));
        assert_eq!(split_reference("app:token"), ("app", Some("token")));
        assert_eq!(split_reference("app:token:AWSCURRENT"), ("app", Some("token")));
        assert_eq!(split_reference("app::AWSCURRENT"), ("app", None));
        assert_eq!(split_reference(arn), (arn, None));
        assert_eq!(split_reference(&format!("{arn}:token::")), (arn, Some("token")));
    }
}
