//! Parameters by account, region and name.
//!
//! Names are those of the service: either without a slash or beginning with one. An ARN leaves that slash out, so a
//! lookup by ARN tries both. Values never appear in Debug output.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::aws::Owner;
use crate::clock;

/// Type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Kind {
    String,
    StringList,
    SecureString,
}

/// Size class of a parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) enum Tier {
    #[default]
    Standard,
    Advanced,
    #[serde(rename = "Intelligent-Tiering")]
    Intelligent,
}

/// One parameter at its latest version.
#[derive(Clone)]
pub(super) struct Parameter {
    pub(super) value: String,
    pub(super) kind: Kind,
    pub(super) tier: Tier,
    pub(super) version: u64,
    /// Seconds since the epoch.
    pub(super) modified: f64,
    pub(super) modified_by: String,
    pub(super) description: Option<String>,
    pub(super) data_type: String,
    /// KMS key of a SecureString.
    pub(super) key_id: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
}

/// Parameters by owner and name.
pub(super) type Parameters = BTreeMap<(Owner, String), Parameter>;

/// All parameters.
#[derive(Default)]
pub(crate) struct ParameterStore {
    parameters: Mutex<Parameters>,
}

impl ParameterStore {
    /// Returns the decrypted value of a parameter that is named or given by its ARN.
    pub(crate) fn value(&self, owner: &Owner, name: &str) -> Option<String> {
        let parameters = self.lock();
        let found = resolve(&parameters, owner, name)?;
        parameters.get(&found).map(|parameter| parameter.value.clone())
    }

    /// Returns the key of KMS behind a parameter that is named or given by its ARN.
    pub(crate) fn key(&self, owner: &Owner, name: &str) -> Option<String> {
        let parameters = self.lock();
        let found = resolve(&parameters, owner, name)?;
        parameters.get(&found)?.key_id.clone()
    }

    /// Lists all names.
    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().keys().map(|(_, name)| name.clone()).collect()
    }

    /// Makes a parameter look as if it had been changed `seconds` ago; tells whether there is one.
    pub(crate) fn age(&self, name: &str, seconds: u32) -> bool {
        let mut parameters = self.lock();
        let mut found = false;
        for (_, parameter) in parameters.iter_mut().filter(|((_, of), _)| of == name) {
            parameter.modified = clock::epoch_seconds() - f64::from(seconds);
            found = true;
        }
        found
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Parameters> {
        self.parameters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Finds the key of a parameter that is named or given by its ARN.
pub(super) fn resolve(parameters: &Parameters, owner: &Owner, name: &str) -> Option<(Owner, String)> {
    let Some(arn) = name.strip_prefix("arn:aws:ssm:") else {
        let key = (owner.clone(), name.to_owned());
        return parameters.contains_key(&key).then_some(key);
    };
    let (place, bare) = arn.split_once(":parameter/")?;
    let (region, account) = place.split_once(':')?;
    let owner = Owner {
        account: account.to_owned(),
        region: region.to_owned(),
    };
    [format!("/{bare}"), bare.to_owned()]
        .into_iter()
        .map(|name| (owner.clone(), name))
        .find(|key| parameters.contains_key(key))
}
