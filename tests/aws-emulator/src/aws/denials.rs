//! IAM actions that a test has forbidden.
//!
//! Not a policy engine: everything is allowed until the admin plane denies an action, for everybody and on every
//! resource. The text is that of an identity-based policy that lacks the action.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::Identity;

/// The denied actions, such as `ecr:BatchGetImage`.
#[derive(Default)]
pub(crate) struct Denials {
    actions: Mutex<BTreeSet<String>>,
}

/// A denied action.
#[derive(Debug, thiserror::Error)]
#[error(
    "User: {user} is not authorized to perform: {action} on resource: {resource} because no identity-based policy allows the {action} action"
)]
pub(crate) struct AccessDenied {
    user: String,
    action: String,
    resource: String,
}

impl AccessDenied {
    /// `identity` may not do `action` on the resource.
    pub(crate) fn new(identity: &Identity, action: &str, resource: &str) -> Self {
        Self {
            user: identity.arn.clone(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        }
    }
}

impl Denials {
    /// Denies an action from now on.
    pub(crate) fn deny(&self, action: &str) {
        self.actions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(action.to_owned());
    }

    /// Allows everything again.
    pub(crate) fn clear(&self) {
        self.actions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Tells whether `identity` may do `action` on the resource.
    pub(crate) fn check(&self, identity: &Identity, action: &str, resource: &str) -> Result<(), AccessDenied> {
        if self
            .actions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(action)
        {
            return Err(AccessDenied::new(identity, action, resource));
        }
        Ok(())
    }
}
