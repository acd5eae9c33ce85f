//! Access keys: long-lived ones of IAM users, and the temporary ones of sessions of roles.
//!
//! There is one user from the beginning; a test makes more, shortens the sessions of a role or ends them. All keys but
//! the first end with the process. Signatures are checked in `sigv4`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock;
use crate::random;

/// Who makes a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Twelve-digit account id.
    pub(crate) account: String,
    /// ARN of the user or of the assumed role's session.
    pub(crate) arn: String,
    /// Unique id of the user or session.
    pub(crate) user_id: String,
}

impl Identity {
    /// A user of an account.
    fn user(account: &str, name: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/{name}"),
            user_id: format!("AIDA{:0>16}", name.to_ascii_uppercase()),
        }
    }

    /// ARN of what policies are attached to: the user, or the role of the session.
    pub(crate) fn principal(&self) -> String {
        let role = self.arn.split_once(":assumed-role/").map(|(_, session)| session);
        match role.and_then(|session| session.split('/').next()) {
            Some(name) => format!("arn:aws:iam::{}:role/{name}", self.account),
            None => self.arn.clone(),
        }
    }
}

/// What belongs to an access key id.
#[derive(Clone)]
pub(crate) struct Key {
    /// Secret access key.
    pub(crate) secret: String,
    /// Token that temporary keys must be accompanied by.
    pub(crate) session_token: Option<String>,
    /// End of validity, in seconds since the epoch.
    pub(crate) expires_at: Option<i64>,
    /// Whose key it is.
    pub(crate) identity: Identity,
}

/// All keys that the emulator knows.
pub(crate) struct Credentials {
    keys: Mutex<HashMap<String, Key>>,
    /// How long sessions of a role live, where a test has said so; in seconds, by the role's ARN.
    lifetimes: Mutex<HashMap<String, u32>>,
}

impl Credentials {
    /// Knows one IAM user named `test`.
    pub(crate) fn new(account: &str, access_key: &str, secret_key: &str) -> Self {
        let key = Key {
            secret: secret_key.to_owned(),
            session_token: None,
            expires_at: None,
            identity: Identity::user(account, "test"),
        };
        Self {
            keys: Mutex::new(HashMap::from([(access_key.to_owned(), key)])),
            lifetimes: Mutex::default(),
        }
    }

    /// Looks a key up by its id.
    pub(crate) fn find(&self, access_key: &str) -> Option<Key> {
        self.keys().get(access_key).cloned()
    }

    /// Makes a key for a user; returns its id and the key.
    pub(crate) fn add_user(&self, account: &str, name: &str) -> (String, Key) {
        let key = Key {
            secret: random::hex(20),
            session_token: None,
            expires_at: None,
            identity: Identity::user(account, name),
        };
        self.keep("AKIA", key)
    }

    /// Issues a temporary key for a session of a role; returns its id and the key.
    pub(crate) fn issue(&self, identity: Identity, seconds: u32) -> (String, Key) {
        let shortened = self.lifetimes().get(&identity.principal()).copied();
        let key = Key {
            secret: random::hex(20),
            session_token: Some(random::hex(200)),
            expires_at: Some(clock::now() + i64::from(shortened.unwrap_or(seconds))),
            identity,
        };
        self.keep("ASIA", key)
    }

    fn keep(&self, prefix: &str, key: Key) -> (String, Key) {
        let id = format!("{prefix}{}", random::hex(8).to_uppercase());
        self.keys().insert(id.clone(), key.clone());
        (id, key)
    }

    /// Lets new sessions of a role live so long.
    pub(crate) fn limit_sessions(&self, role: &str, seconds: u32) {
        self.lifetimes().insert(role.to_owned(), seconds);
    }

    /// Ends all sessions of a role now.
    pub(crate) fn end_sessions(&self, role: &str) {
        let mut keys = self.keys();
        let sessions = keys
            .values_mut()
            .filter(|key| key.expires_at.is_some() && key.identity.principal() == role);
        sessions.for_each(|key| key.expires_at = Some(0));
    }

    fn keys(&self) -> MutexGuard<'_, HashMap<String, Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lifetimes(&self) -> MutexGuard<'_, HashMap<String, u32>> {
        self.lifetimes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
