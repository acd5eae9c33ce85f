//! Secrets by account, region and name, with the rules that staging labels move by.
//!
//! One version carries `AWSCURRENT`; the one before carries `AWSPREVIOUS`. Values never appear in Debug output.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::SecretsError;
use super::operations::DEFAULT_KEY;
use crate::aws::Owner;
use crate::clock;

/// Label of the version that is read by default.
pub(super) const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// A secret's content.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum SecretValue {
    Text(String),
    /// In base64, as it travels.
    Binary(String),
}

/// One version of a secret.
pub(super) struct Version {
    pub(super) value: SecretValue,
    pub(super) stages: Vec<String>,
    /// Seconds since the epoch.
    pub(super) created: f64,
}

/// One secret.
pub(super) struct Secret {
    pub(super) arn: String,
    pub(super) description: Option<String>,
    pub(super) key_id: Option<String>,
    pub(super) tags: Vec<serde_json::Value>,
    pub(super) versions: BTreeMap<String, Version>,
    /// Seconds since the epoch.
    pub(super) created: f64,
    pub(super) changed: f64,
    /// When it was marked for deletion, in seconds since the epoch.
    pub(super) deleted: Option<f64>,
}

/// Secrets by owner and name.
pub(super) type Secrets = BTreeMap<(Owner, String), Secret>;

/// All secrets.
#[derive(Default)]
pub(crate) struct SecretStore {
    secrets: Mutex<Secrets>,
}

impl SecretStore {
    /// Returns the current text of a secret that is given by its name or ARN.
    pub(crate) fn value(&self, owner: &Owner, id: &str) -> Option<String> {
        let secrets = self.lock();
        let secret = secrets.get(&resolve(&secrets, owner, id)?)?;
        let (_, version) = secret.staged(CURRENT).filter(|_| secret.deleted.is_none())?;
        match &version.value {
            SecretValue::Text(text) => Some(text.clone()),
            SecretValue::Binary(_) => None,
        }
    }

    /// Returns the ARN of a secret that is given by name or ARN, and the key of KMS behind it.
    pub(crate) fn place(&self, owner: &Owner, id: &str) -> Option<(String, String)> {
        let secrets = self.lock();
        let secret = secrets.get(&resolve(&secrets, owner, id)?)?;
        let key = secret.key_id.as_deref().unwrap_or(DEFAULT_KEY);
        Some((secret.arn.clone(), key.to_owned()))
    }

    /// Lists the names of secrets that are not deleted.
    pub(crate) fn names(&self) -> Vec<String> {
        let secrets = self.lock();
        let alive = secrets.iter().filter(|(_, secret)| secret.deleted.is_none());
        alive.map(|((_, name), _)| name.clone()).collect()
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Secrets> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Secret {
    /// Finds the version with a label.
    pub(super) fn staged(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions
            .iter()
            .find(|(_, version)| version.stages.iter().any(|own| own == stage))
    }

    /// Adds a version and moves the labels to it; the same version again is no change.
    pub(super) fn add(&mut self, id: &str, value: SecretValue, stages: Vec<String>) -> Result<(), SecretsError> {
        if let Some(before) = self.versions.get(id) {
            return if before.value == value {
                Ok(())
            } else {
                Err(SecretsError::VersionExists)
            };
        }
        let now = clock::epoch_seconds();
        if stages.iter().any(|stage| stage == CURRENT)
            && let Some(current) = self.staged(CURRENT).map(|(id, _)| id.clone())
        {
            self.take_away(&[PREVIOUS.to_owned()]);
            if let Some(version) = self.versions.get_mut(&current) {
                version.stages.push(PREVIOUS.to_owned());
            }
        }
        self.take_away(&stages);
        let version = Version {
            value,
            stages,
            created: now,
        };
        self.versions.insert(id.to_owned(), version);
        self.changed = now;
        Ok(())
    }

    fn take_away(&mut self, stages: &[String]) {
        for version in self.versions.values_mut() {
            version.stages.retain(|own| !stages.contains(own));
        }
    }
}

/// Finds the key of a secret that is given by its name, its ARN, or its ARN without the random end.
pub(super) fn resolve(secrets: &Secrets, owner: &Owner, id: &str) -> Option<(Owner, String)> {
    if id.starts_with("arn:") {
        let is_meant = |arn: &str| {
            arn == id
                || arn
                    .strip_prefix(id)
                    .is_some_and(|end| end.len() == 7 && end.starts_with('-'))
        };
        let found = secrets.iter().find(|(_, secret)| is_meant(&secret.arn));
        return found.map(|(key, _)| key.clone());
    }
    let key = (owner.clone(), id.to_owned());
    secrets.contains_key(&key).then_some(key)
}
