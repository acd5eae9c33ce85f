//! The part of the admin plane that is about who may do what: users, policies, sessions of roles, and what was decided.
//!
//! An identity is a user or a role: `user/NAME` or `role/NAME` in the account of the access key, or an ARN.

use hyper::body::Incoming;
use serde_json::{Value, json};

use super::{AdminError, Query};
use crate::aws::Policy;
use crate::emulator::Emulator;
use crate::reply;

/// IAM's own limit for the documents of a role is smaller.
const LONGEST_POLICY: usize = 64 * 1024;

/// Does what METHOD and PATH ask for.
pub(super) async fn operate(
    emulator: &Emulator,
    line: (&str, &str),
    query: &Query,
    body: Incoming,
) -> Result<Value, AdminError> {
    let permissions = &emulator.permissions;
    match line {
        ("PUT", "identity") => return user(emulator, query),
        ("PUT", "policy") => {
            let text = reply::read(body, LONGEST_POLICY).await?;
            permissions.attach(&query.identity(emulator)?, Some(Policy::of_identity(&text)?));
        }
        ("DELETE", "policy") => permissions.attach(&query.identity(emulator)?, None),
        ("PUT", "sessions") => {
            let seconds = query.number("lifetime")?;
            emulator.credentials.limit_sessions(&query.identity(emulator)?, seconds);
        }
        ("DELETE", "sessions") => emulator.credentials.end_sessions(&query.identity(emulator)?),
        (_, "decisions") => {
            let identity = query
                .get("identity")
                .is_ok()
                .then(|| query.identity(emulator))
                .transpose()?;
            match line.0 {
                "GET" => return Ok(permissions.decisions(identity.as_deref())),
                "DELETE" => permissions.forget_decisions(identity.as_deref()),
                _ => return Err(AdminError::Unknown),
            }
        }
        _ => return Err(AdminError::Unknown),
    }
    Ok(json!({}))
}

/// Makes a key for a user, who need not have been heard of before.
fn user(emulator: &Emulator, query: &Query) -> Result<Value, AdminError> {
    let (name, account) = (query.get("name")?, query.get("account").unwrap_or(&emulator.account));
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) {
        return Err(AdminError::Value(name.to_owned(), "name"));
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AdminError::Value(account.to_owned(), "account"));
    }
    let (id, key) = emulator.credentials.add_user(account, name);
    Ok(json!({"accessKeyId": id, "secretAccessKey": key.secret, "arn": key.identity.arn}))
}

impl Query {
    /// ARN of the user or role.
    fn identity(&self, emulator: &Emulator) -> Result<String, AdminError> {
        let text = self.get("identity")?;
        let (account, name) = match text.strip_prefix("arn:aws:iam::") {
            Some(rest) => rest.split_once(':').unwrap_or_default(),
            None => (emulator.account.as_str(), text),
        };
        // A path is no part of what makes a name unique.
        match (name.split_once('/'), name.rsplit('/').next()) {
            (Some((kind @ ("user" | "role"), _)), Some(own)) if !own.is_empty() => {
                Ok(format!("arn:aws:iam::{account}:{kind}/{own}"))
            }
            _ => Err(AdminError::Value(text.to_owned(), "identity")),
        }
    }
}
