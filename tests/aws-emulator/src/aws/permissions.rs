//! Who may do what: policies of identities, actions that a test has forbidden to everybody, and a record of what was asked.
//!
//! An identity without a policy may do everything in its account; one with a policy may do what the policy allows. Into
//! another account only a policy of the resource leads. Keys of KMS that AWS manages may be used by the whole account.
//! Groups, boundaries, session policies and those of organizations are not emulated.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::Identity;
use super::policy::{Access, Policy, Verdict};

/// Rules and the record of decisions.
#[derive(Default)]
pub(crate) struct Permissions {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Forbidden to everybody, such as `ecr:BatchGetImage`.
    denied: BTreeSet<String>,
    /// By the ARN of the user or role.
    policies: BTreeMap<String, Policy>,
    /// How often was decided so.
    decisions: BTreeMap<Decision, u64>,
}

/// Who asked for what, and whether it was allowed.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Decision {
    identity: String,
    action: String,
    resource: String,
    allowed: bool,
}

/// A denied action.
#[derive(Debug, thiserror::Error)]
#[error("User: {user} is not authorized to perform: {action} on resource: {resource} {reason}")]
pub(crate) struct AccessDenied {
    user: String,
    action: String,
    resource: String,
    reason: String,
}

#[derive(Clone, Copy)]
enum Refusal {
    IdentitySilent,
    IdentityDenies,
    ResourceSilent,
    ResourceDenies,
}

impl Refusal {
    fn reason(self, action: &str) -> String {
        match self {
            Self::IdentitySilent => format!("because no identity-based policy allows the {action} action"),
            Self::IdentityDenies => "with an explicit deny in an identity-based policy".to_owned(),
            Self::ResourceSilent => format!("because no resource-based policy allows the {action} action"),
            Self::ResourceDenies => "with an explicit deny in a resource-based policy".to_owned(),
        }
    }
}

/// What stands before a resource.
pub(crate) struct Gate<'a> {
    /// Account that the resource is in.
    pub(crate) account: &'a str,
    /// Its own policy.
    pub(crate) policy: Option<&'a Policy>,
}

impl Permissions {
    /// Forbids an action to everybody from now on.
    pub(crate) fn deny(&self, action: &str) {
        self.lock().denied.insert(action.to_owned());
    }

    /// Takes back what was forbidden to everybody.
    pub(crate) fn clear(&self) {
        self.lock().denied.clear();
    }

    /// Gives the user or role with this ARN a policy, or takes it away.
    pub(crate) fn attach(&self, identity: &str, policy: Option<Policy>) {
        let mut state = self.lock();
        match policy {
            Some(policy) => state.policies.insert(identity.to_owned(), policy),
            None => state.policies.remove(identity),
        };
    }

    /// Tells whether `identity` may do `action` on a resource of its own account.
    pub(crate) fn check(&self, identity: &Identity, action: &str, resource: &str) -> Result<(), AccessDenied> {
        let access = Access {
            action,
            resource,
            via: None,
        };
        self.decide(identity, access, None)
    }

    /// Tells whether `identity` may do `action` on a resource that has an account and perhaps a policy of its own.
    pub(crate) fn check_at(
        &self,
        identity: &Identity,
        (action, resource): (&str, &str),
        gate: &Gate<'_>,
    ) -> Result<(), AccessDenied> {
        let access = Access {
            action,
            resource,
            via: None,
        };
        self.decide(identity, access, Some(gate))
    }

    /// Tells whether a service, `via`, may use a key of KMS for `identity`.
    pub(crate) fn check_key(
        &self,
        identity: &Identity,
        (action, key): (&str, &str),
        via: &str,
    ) -> Result<(), AccessDenied> {
        let access = Access {
            action,
            resource: key,
            via: Some(via),
        };
        self.decide(identity, access, None)
    }

    fn decide(&self, identity: &Identity, access: Access<'_>, gate: Option<&Gate<'_>>) -> Result<(), AccessDenied> {
        let mut state = self.lock();
        if is_managed_key(access.resource) && !state.denied.contains(access.action) {
            return Ok(());
        }
        let refusal = state.refusal(identity, access, gate);
        let decision = Decision {
            identity: identity.principal(),
            action: access.action.to_owned(),
            resource: access.resource.to_owned(),
            allowed: refusal.is_none(),
        };
        *state.decisions.entry(decision).or_default() += 1;
        let Some(refusal) = refusal else { return Ok(()) };
        Err(AccessDenied {
            user: identity.arn.clone(),
            action: access.action.to_owned(),
            resource: access.resource.to_owned(),
            reason: refusal.reason(access.action),
        })
    }

    /// Lists what was decided, for one user or role or for all.
    pub(crate) fn decisions(&self, identity: Option<&str>) -> Value {
        let state = self.lock();
        let asked = state
            .decisions
            .iter()
            .filter(|(decision, _)| identity.is_none_or(|identity| decision.identity == identity));
        let shown = asked.map(|(decision, count)| {
            json!({
                "identity": decision.identity, "action": decision.action, "resource": decision.resource,
                "allowed": decision.allowed, "count": count,
            })
        });
        json!({ "decisions": shown.collect::<Vec<_>>() })
    }

    /// Forgets what was decided, for one user or role or for all.
    pub(crate) fn forget_decisions(&self, identity: Option<&str>) {
        let mut state = self.lock();
        let others = |decision: &Decision| identity.is_some_and(|identity| decision.identity != identity);
        state.decisions.retain(|decision, _| others(decision));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refusal(&self, identity: &Identity, access: Access<'_>, gate: Option<&Gate<'_>>) -> Option<Refusal> {
        if self.denied.contains(access.action) {
            return Some(Refusal::IdentitySilent);
        }
        let principal = identity.principal();
        match self.policies.get(&principal).map(|policy| policy.judge(access, &[])) {
            Some(Verdict::Denied) => return Some(Refusal::IdentityDenies),
            Some(Verdict::Silent) => return Some(Refusal::IdentitySilent),
            Some(Verdict::Allowed) | None => {}
        }
        let gate = gate?;
        let root = format!("arn:aws:iam::{}:root", identity.account);
        let names = [root.as_str(), &identity.account, &principal, &identity.arn];
        match gate.policy.map(|policy| policy.judge(access, &names)) {
            Some(Verdict::Denied) => Some(Refusal::ResourceDenies),
            Some(Verdict::Allowed) => None,
            _ if gate.account == identity.account => None,
            _ => Some(Refusal::ResourceSilent),
        }
    }
}

/// AWS's own keys let in everybody of the account who comes through their service: no policy is about them.
fn is_managed_key(resource: &str) -> bool {
    resource.contains("alias/aws/")
}
