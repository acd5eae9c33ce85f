//! SetRepositoryPolicy and GetRepositoryPolicy: who of other accounts may use a repository.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::account_of;
use super::{Call, EcrError};
use crate::aws::Policy;
use crate::emulator::Emulator;
use crate::store::RepositoryKey;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SetPolicy {
    registry_id: Option<String>,
    repository_name: String,
    policy_text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetPolicy {
    registry_id: Option<String>,
    repository_name: String,
}

impl Call<'_> {
    pub(super) fn set_policy(&self, request: SetPolicy) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        Policy::of_resource(request.policy_text.as_bytes())
            .map_err(|error| EcrError::parameter("PolicyText", &error.to_string()))?;
        self.emulator.catalog.change(&key, |repository| {
            repository.policy = Some(request.policy_text.clone());
            Ok::<_, EcrError>(())
        })?;
        Ok(describe(&key, &request.policy_text))
    }

    pub(super) fn get_policy(&self, request: GetPolicy) -> Result<Value, EcrError> {
        let key = self.repository(request.registry_id.as_deref(), &request.repository_name)?;
        let policy = self
            .emulator
            .catalog
            .look(&key, |repository| repository.policy.clone())?;
        let text = policy.ok_or_else(|| EcrError::PolicyNotFound {
            name: key.name.clone(),
            account: account_of(&key).to_owned(),
        })?;
        Ok(describe(&key, &text))
    }
}

/// Who of other accounts may use a repository.
pub(crate) fn policy_of(emulator: &Emulator, key: &RepositoryKey) -> Option<Policy> {
    let text = emulator
        .catalog
        .look(key, |repository| repository.policy.clone())
        .ok()??;
    // It was read before it was kept.
    Policy::of_resource(text.as_bytes()).ok()
}

fn describe(key: &RepositoryKey, text: &str) -> Value {
    json!({"registryId": account_of(key), "repositoryName": key.name, "policyText": text})
}
