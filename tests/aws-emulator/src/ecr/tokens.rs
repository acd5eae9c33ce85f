//! Registry logins: GetAuthorizationToken issues them, the registry API asks about them.
//!
//! Every call gets a fresh random token, valid for one region; a token stays valid until its end even when
//! newer ones were issued. Tokens are as long as real ones, so that header limits show.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Call, EcrError};
use crate::aws::Identity;
use crate::clock;
use crate::random;

const TOKEN_BYTES: usize = 800;

/// All tokens that were issued.
pub(crate) struct AuthorizationTokens {
    lifetime_seconds: u32,
    issued: Mutex<HashMap<String, Login>>,
}

/// What a token stands for.
#[derive(Clone)]
pub(crate) struct Login {
    /// Who asked for it.
    pub(crate) identity: Identity,
    /// Region that it is valid in.
    pub(crate) region: String,
    expires_at: f64,
}

impl Login {
    /// Tells whether the token has come to its end.
    pub(crate) fn is_expired(&self) -> bool {
        self.expires_at <= clock::epoch_seconds()
    }
}

impl AuthorizationTokens {
    /// Issues tokens that live for `lifetime_seconds`.
    pub(crate) fn new(lifetime_seconds: u32) -> Self {
        Self {
            lifetime_seconds,
            issued: Mutex::default(),
        }
    }

    /// Finds what a token stands for, expired or not.
    pub(crate) fn find(&self, token: &str) -> Option<Login> {
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(token)
            .cloned()
    }

    /// Ends all tokens now.
    pub(crate) fn expire_all(&self) {
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values_mut()
            .for_each(|login| login.expires_at = 0.0);
    }

    fn issue(&self, identity: &Identity, region: &str) -> (String, f64) {
        let token = random::hex(TOKEN_BYTES);
        let expires_at = clock::epoch_seconds() + f64::from(self.lifetime_seconds);
        let login = Login {
            identity: identity.clone(),
            region: region.to_owned(),
            expires_at,
        };
        self.issued
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(token.clone(), login);
        (token, expires_at)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetAuthorizationToken {
    registry_ids: Option<Vec<String>>,
}

impl Call<'_> {
    pub(super) fn get_authorization_token(&self, request: GetAuthorizationToken) -> Result<Value, EcrError> {
        self.permit("*")?;
        let accounts = request
            .registry_ids
            .unwrap_or_else(|| vec![self.identity.account.clone()]);
        let data: Vec<Value> = accounts
            .iter()
            .map(|account| {
                let (token, expires_at) = self.emulator.tokens.issue(&self.identity, &self.region);
                json!({
                    "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
                    "expiresAt": expires_at,
                    "proxyEndpoint": format!("https://{account}.dkr.ecr.{}.amazonaws.com", self.region),
                })
            })
            .collect();
        Ok(json!({ "authorizationData": data }))
    }
}
