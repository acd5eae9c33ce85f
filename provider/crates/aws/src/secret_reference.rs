//! Values that live at AWS and are named by an ARN: parameters of Systems Manager, secrets of Secrets Manager.
//!
//! Follows how CodeBuild and ECS write references to secrets: `:json-key:stage:version` may follow a secret's ARN, and
//! each of the three may be empty. The region is the ARN's. A value is never part of an error.

use std::fmt;

use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use aws_sdk_ssm::operation::get_parameter::GetParameterError;
use secrecy::SecretString;

use crate::aws::Aws;
use crate::error::{ApiCall, AwsError};

/// A reference to a value at AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// A parameter of Systems Manager.
    Parameter {
        /// Its ARN.
        arn: String,
        /// The region that the ARN names.
        region: String,
    },
    /// A secret of Secrets Manager, or one value in it.
    Secret {
        /// Its ARN, without what follows it.
        arn: String,
        /// The region that the ARN names.
        region: String,
        /// The key of a value in a secret that is a JSON object.
        json_key: Option<String>,
        /// The staging label of a version.
        stage: Option<String>,
        /// The id of a version.
        version: Option<String>,
    },
}

impl SecretReference {
    /// Reads a reference. `None` when it is neither ARN.
    #[must_use]
    pub fn parse(reference: &str) -> Option<Self> {
        let parts: Vec<&str> = reference.split(':').collect();
        let ["arn", partition, service, region, account, rest @ ..] = parts.as_slice() else {
            return None;
        };
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !partition.starts_with("aws") || !plain(partition) || !plain(region) || !digits {
            return None;
        }
        let region = (*region).to_owned();
        let some = |part: Option<&&str>| part.filter(|part| !part.is_empty()).map(|part| (*part).to_owned());
        match (*service, rest) {
            ("ssm", [name]) if name.len() > "parameter/".len() && name.starts_with("parameter/") => {
                Some(Self::Parameter {
                    arn: reference.to_owned(),
                    region,
                })
            }
            ("secretsmanager", ["secret", name, more @ ..]) if !name.is_empty() && more.len() <= 3 => {
                Some(Self::Secret {
                    arn: parts[..7].join(":"),
                    region,
                    json_key: some(more.first()),
                    stage: some(more.get(1)),
                    version: some(more.get(2)),
                })
            }
            _ => None,
        }
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter { arn, .. } | Self::Secret { arn, .. } => f.write_str(arn),
        }
    }
}

impl Aws {
    /// The value behind a reference.
    ///
    /// # Errors
    /// [`AwsError::ReferenceMissing`], [`AwsError::ReferenceInvalid`] when there is no text of the wanted form, and what
    /// every call may meet.
    pub async fn resolve(&self, reference: &SecretReference) -> Result<SecretString, AwsError> {
        match reference {
            SecretReference::Parameter { arn, region } => self.parameter(arn, region).await,
            SecretReference::Secret { json_key, .. } => {
                let text = self.secret(reference).await?;
                match json_key {
                    Some(key) => value_of(&text, key).map_err(|problem| invalid(reference, &problem)),
                    None => Ok(text.into()),
                }
            }
        }
    }

    async fn parameter(&self, arn: &str, region: &str) -> Result<SecretString, AwsError> {
        let call = self.ssm(region).await?.get_parameter().name(arn).with_decryption(true);
        let answer = call.send().await.map_err(|error| match error.as_service_error() {
            Some(GetParameterError::ParameterNotFound(_)) => missing(arn),
            _ => AwsError::of(ApiCall::GetParameter, error),
        });
        let value = answer?.parameter.and_then(|parameter| parameter.value);
        value.map(SecretString::from).ok_or_else(|| AwsError::ReferenceInvalid {
            reference: arn.to_owned(),
            problem: "has no value".to_owned(),
        })
    }

    async fn secret(&self, reference: &SecretReference) -> Result<String, AwsError> {
        let SecretReference::Secret {
            arn,
            region,
            stage,
            version,
            ..
        } = reference
        else {
            return Err(invalid(reference, "is no secret"));
        };
        let call = self.secrets_manager(region).await?.get_secret_value().secret_id(arn);
        let call = call.set_version_stage(stage.clone()).set_version_id(version.clone());
        let answer = call.send().await.map_err(|error| match error.as_service_error() {
            Some(GetSecretValueError::ResourceNotFoundException(_)) => missing(arn),
            _ => AwsError::of(ApiCall::GetSecretValue, error),
        })?;
        let text = match (answer.secret_string, answer.secret_binary) {
            (Some(text), _) => Some(text),
            (None, Some(bytes)) => String::from_utf8(bytes.into_inner()).ok(),
            (None, None) => None,
        };
        text.ok_or_else(|| invalid(reference, "holds no text"))
    }
}

/// The value of `key` in a JSON object; a text without its quotes, anything else as JSON writes it.
fn value_of(text: &str, key: &str) -> Result<SecretString, String> {
    let object: serde_json::Value = serde_json::from_str(text).map_err(|_| "is no JSON object".to_owned())?;
    let object = object.as_object().ok_or("is no JSON object")?;
    Ok(match object.get(key) {
        Some(serde_json::Value::String(value)) => value.clone().into(),
        Some(value) => value.to_string().into(),
        None => return Err(format!("has no key `{}`", key.escape_debug())),
    })
}

fn missing(reference: &str) -> AwsError {
    AwsError::ReferenceMissing {
        reference: reference.to_owned(),
    }
}

fn invalid(reference: &SecretReference, problem: &str) -> AwsError {
    AwsError::ReferenceInvalid {
        reference: reference.to_string(),
        problem: problem.to_owned(),
    }
}
