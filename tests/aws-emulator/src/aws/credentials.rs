//! Access keys: one long-lived key of an IAM user, and the temporary keys that AssumeRole issues.
//!
//! Keys are held in memory: temporary ones end with the process. Signatures are checked in `sigv4`.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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

/// What belongs to an access key id.
#[derive(Clone)]
pub(crate) struct Key {
    /// Secret access key.
    pub(crate) secret: String,
    /// Token that temporary keys must be accompanied by.
    pub(crate) session_token: Option<String>,
    /// End of validity, in seconds since the epoch.
    pub(crate) expires_at: Option<f64>,
    /// Whose key it is.
    pub(crate) identity: Identity,
}

/// All keys that the emulator knows.
pub(crate) struct Credentials {
    keys: Mutex<HashMap<String, Key>>,
}

impl Credentials {
    /// Knows one IAM user named `test`.
    pub(crate) fn new(account: &str, access_key: &str, secret_key: &str) -> Self {
        let identity = Identity {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/test"),
            user_id: "AIDATESTUSER00000000".to_owned(),
        };
        let key = Key {
            secret: secret_key.to_owned(),
            session_token: None,
            expires_at: None,
            identity,
        };
        Self {
            keys: Mutex::new(HashMap::from([(access_key.to_owned(), key)])),
        }
    }

    /// Looks a key up by its id.
    pub(crate) fn find(&self, access_key: &str) -> Option<Key> {
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(access_key)
            .cloned()
    }

    /// Issues a temporary key for a session of a role; returns its id and the key.
    pub(crate) fn issue(&self, identity: Identity, seconds: u32) -> (String, Key) {
        let access_key = format!("ASIA{}", random::hex(8).to_uppercase());
        let key = Key {
            secret: random::hex(20),
            session_token: Some(random::hex(200)),
            expires_at: Some(clock::epoch_seconds() + f64::from(seconds)),
            identity,
        };
        self.keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(access_key.clone(), key.clone());
        (access_key, key)
    }
}
