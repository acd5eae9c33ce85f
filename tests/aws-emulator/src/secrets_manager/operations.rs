//! The calls of Secrets Manager: their members, limits and answers.
//!
//! A secret is text or bytes, never both; JSON inside the text is the client's affair.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::SecretsError;
use super::store::{CURRENT, Secret, SecretValue, Version, resolve};
use crate::aws::{Caller, parse};
use crate::{clock, random};

const LARGEST_SECRET: usize = 65_536;
pub(super) const DEFAULT_KEY: &str = "alias/aws/secretsmanager";
const DAY_SECONDS: f64 = 24.0 * 3600.0;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateSecret {
    name: String,
    client_request_token: Option<String>,
    description: Option<String>,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: Vec<Value>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    secret_string: Option<String>,
    secret_binary: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutValue {
    secret_id: String,
    client_request_token: Option<String>,
    version_stages: Option<Vec<String>>,
    #[serde(flatten)]
    content: Content,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetValue {
    secret_id: String,
    version_id: Option<String>,
    version_stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Delete {
    secret_id: String,
    recovery_window_in_days: Option<u32>,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

impl Content {
    fn value(self) -> Result<Option<SecretValue>, SecretsError> {
        let (value, size) = match (self.secret_string, self.secret_binary) {
            (None, None) => return Ok(None),
            (Some(text), None) => {
                let size = text.len();
                (SecretValue::Text(text), size)
            }
            (None, Some(encoded)) => {
                let bytes = STANDARD
                    .decode(&encoded)
                    .map_err(|_| invalid("SecretBinary is not base64."))?;
                (SecretValue::Binary(encoded), bytes.len())
            }
            (Some(_), Some(_)) => {
                return Err(invalid(
                    "You can't specify both a binary secret value and a string secret value.",
                ));
            }
        };
        if !(1..=LARGEST_SECRET).contains(&size) {
            return Err(invalid("A secret value must have 1 to 65536 bytes."));
        }
        Ok(Some(value))
    }
}

pub(super) fn create_secret(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SecretsError> {
    let request: CreateSecret = parse(body)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if !(1..=512).contains(&request.name.len()) || !request.name.chars().all(allowed) {
        return Err(invalid(
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!",
        ));
    }
    caller.permit(&caller.arn(&format!("secret:{}", request.name)))?;
    let value = request.content.value()?;
    let key = (caller.owner(), request.name.clone());
    let mut secrets = caller.emulator.secrets.lock();
    match secrets.get(&key) {
        Some(secret) if secret.deleted.is_some() => return Err(SecretsError::ScheduledForDeletion),
        Some(_) => return Err(SecretsError::SecretExists(request.name)),
        None => {}
    }
    if value.is_some() {
        permit_key(caller, request.kms_key_id.as_deref(), "kms:GenerateDataKey")?;
    }
    let now = clock::epoch_seconds();
    let mut secret = Secret {
        arn: caller.arn(&format!("secret:{}-{}", request.name, random::hex(3))),
        description: request.description,
        key_id: request.kms_key_id,
        tags: request.tags,
        versions: std::collections::BTreeMap::new(),
        created: now,
        changed: now,
        deleted: None,
    };
    let mut answer = json!({"ARN": secret.arn, "Name": request.name});
    if let Some(value) = value {
        let id = version_id(request.client_request_token)?;
        secret.add(&id, value, vec![CURRENT.to_owned()])?;
        answer["VersionId"] = json!(id);
    }
    secrets.insert(key, secret);
    Ok(answer)
}

pub(super) fn put_secret_value(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SecretsError> {
    let request: PutValue = parse(body)?;
    let stages = request.version_stages.unwrap_or_else(|| vec![CURRENT.to_owned()]);
    if stages.is_empty() || stages.len() > 20 {
        return Err(invalid("VersionStages must have 1 to 20 members."));
    }
    let value = request
        .content
        .value()?
        .ok_or_else(|| invalid("You must provide either SecretString or SecretBinary."))?;
    let id = version_id(request.client_request_token)?;
    with_secret(caller, &request.secret_id, |name, secret| {
        permit_key(caller, secret.key_id.as_deref(), "kms:GenerateDataKey")?;
        secret.add(&id, value, stages.clone())?;
        Ok(json!({"ARN": secret.arn, "Name": name, "VersionId": id, "VersionStages": stages}))
    })
}

pub(super) fn get_secret_value(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SecretsError> {
    let request: GetValue = parse(body)?;
    with_secret(caller, &request.secret_id, |name, secret| {
        let (id, version) = wanted(secret, &request)?;
        permit_key(caller, secret.key_id.as_deref(), "kms:Decrypt")?;
        let mut answer = json!({
            "ARN": secret.arn, "Name": name, "VersionId": id, "VersionStages": version.stages,
            "CreatedDate": version.created,
        });
        match &version.value {
            SecretValue::Text(text) => answer["SecretString"] = json!(text),
            SecretValue::Binary(encoded) => answer["SecretBinary"] = json!(encoded),
        }
        Ok(answer)
    })
}

fn wanted<'a>(secret: &'a Secret, request: &GetValue) -> Result<(&'a String, &'a Version), SecretsError> {
    let stage = request.version_stage.as_deref();
    let Some(id) = &request.version_id else {
        let stage = stage.unwrap_or(CURRENT);
        let missing = || SecretsError::ValueNotFound(format!("staging label: {stage}"));
        return secret.staged(stage).ok_or_else(missing);
    };
    let missing = || SecretsError::ValueNotFound(format!("VersionId: {id}"));
    let found = secret.versions.get_key_value(id).ok_or_else(missing)?;
    let has_stage = |stage: &str| found.1.stages.iter().any(|own| own == stage);
    match stage {
        Some(stage) if !has_stage(stage) => Err(missing()),
        _ => Ok(found),
    }
}

pub(super) fn describe_secret(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SecretsError> {
    let request: GetValue = parse(body)?;
    let (arn, key) = locate(caller, &request.secret_id)?;
    caller.permit(&arn)?;
    let secrets = caller.emulator.secrets.lock();
    let secret = secrets.get(&key).ok_or(SecretsError::SecretNotFound)?;
    let stages: Map<String, Value> = secret
        .versions
        .iter()
        .filter(|(_, version)| !version.stages.is_empty())
        .map(|(id, version)| (id.clone(), json!(version.stages)))
        .collect();
    let mut answer = json!({
        "ARN": secret.arn, "Name": key.1, "CreatedDate": secret.created, "LastChangedDate": secret.changed,
        "Tags": secret.tags, "VersionIdsToStages": stages,
    });
    let optional = [
        ("Description", secret.description.as_ref().map(|text| json!(text))),
        ("KmsKeyId", secret.key_id.as_ref().map(|text| json!(text))),
        ("DeletedDate", secret.deleted.map(|at| json!(at))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            answer[name] = value;
        }
    }
    Ok(answer)
}

pub(super) fn delete_secret(caller: &Caller<'_>, body: &[u8]) -> Result<Value, SecretsError> {
    let request: Delete = parse(body)?;
    let days = request.recovery_window_in_days;
    if days.is_some() && request.force_delete_without_recovery {
        return Err(invalid(
            "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.",
        ));
    }
    if days.is_some_and(|days| !(7..=30).contains(&days)) {
        return Err(invalid(
            "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).",
        ));
    }
    let (arn, key) = locate(caller, &request.secret_id)?;
    caller.permit(&arn)?;
    let now = clock::epoch_seconds();
    let mut secrets = caller.emulator.secrets.lock();
    if request.force_delete_without_recovery {
        secrets.remove(&key);
        return Ok(json!({"ARN": arn, "Name": key.1, "DeletionDate": now}));
    }
    let secret = secrets.get_mut(&key).ok_or(SecretsError::SecretNotFound)?;
    if secret.deleted.replace(now).is_some() {
        return Err(SecretsError::MarkedForDeletion);
    }
    let end = now + f64::from(days.unwrap_or(30)) * DAY_SECONDS;
    Ok(json!({"ARN": arn, "Name": key.1, "DeletionDate": end}))
}

/// Gives a secret that is not marked for deletion to `work`.
fn with_secret(
    caller: &Caller<'_>,
    id: &str,
    work: impl FnOnce(&str, &mut Secret) -> Result<Value, SecretsError>,
) -> Result<Value, SecretsError> {
    let (arn, key) = locate(caller, id)?;
    caller.permit(&arn)?;
    let mut secrets = caller.emulator.secrets.lock();
    let secret = secrets.get_mut(&key).ok_or(SecretsError::SecretNotFound)?;
    if secret.deleted.is_some() {
        return Err(SecretsError::MarkedForDeletion);
    }
    work(&key.1, secret)
}

/// Finds a secret of the caller's account and region; what may not be seen is denied before it is missing.
fn locate(caller: &Caller<'_>, id: &str) -> Result<(String, (crate::aws::Owner, String)), SecretsError> {
    let secrets = caller.emulator.secrets.lock();
    let owner = caller.owner();
    let found = resolve(&secrets, &owner, id).filter(|(of, _)| *of == owner);
    let Some(key) = found else {
        caller.permit(&caller.arn(&format!("secret:{id}")))?;
        return Err(SecretsError::SecretNotFound);
    };
    let arn = secrets.get(&key).map(|secret| secret.arn.clone()).unwrap_or_default();
    Ok((arn, key))
}

fn permit_key(caller: &Caller<'_>, key: Option<&str>, action: &str) -> Result<(), SecretsError> {
    caller
        .permit_key(action, key.unwrap_or(DEFAULT_KEY))
        .map_err(|_| SecretsError::KmsDenied)
}

fn version_id(token: Option<String>) -> Result<String, SecretsError> {
    match token {
        None => Ok(random::hex(16)),
        Some(token) if (32..=64).contains(&token.len()) => Ok(token),
        Some(_) => Err(invalid("ClientRequestToken must be 32-64 characters long.")),
    }
}

fn invalid(message: &str) -> SecretsError {
    SecretsError::InvalidParameter(message.to_owned())
}
