//! STS: GetCallerIdentity and AssumeRole, in the query protocol with XML answers.
//!
//! AssumeRole takes any well-formed role ARN of any account that the caller's policies allow, which is how tests get a
//! second account; trust policies are not evaluated. Follows the API reference of STS version 2011-06-15.

use std::collections::HashMap;

use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use hyper::body::Incoming;
use url::form_urlencoded;

use super::{AccessDenied, Identity, Scope, SignatureError, SignedRequest, verify};
use crate::clock;
use crate::emulator::Emulator;
use crate::random;
use crate::reply::{self, Reply};

const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

#[derive(Debug, thiserror::Error)]
enum StsError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    #[error("{0}")]
    Validation(String),
    #[error("Could not find operation {0} for version 2011-06-15")]
    UnknownAction(String),
}

impl StsError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Signature(error) => (StatusCode::FORBIDDEN, error.query_code()),
            Self::Denied(_) => (StatusCode::FORBIDDEN, "AccessDenied"),
            Self::Validation(_) => (StatusCode::BAD_REQUEST, "ValidationError"),
            Self::UnknownAction(_) => (StatusCode::BAD_REQUEST, "InvalidAction"),
        }
    }
}

/// Answers an STS request that was sent to `host`.
pub(crate) async fn answer(emulator: &Emulator, parts: &Parts, body: Incoming, host: &str) -> Reply {
    let outcome = match reply::read(body, 64 * 1024).await {
        Ok(body) => operate(emulator, parts, &body, host),
        Err(error) => Err(StsError::Validation(error.to_string())),
    };
    match outcome {
        Ok(xml) => reply::text(StatusCode::OK, "text/xml", xml),
        Err(error) => {
            let (status, code) = error.status_and_code();
            reply::text(status, "text/xml", error_document(code, &error.to_string()))
        }
    }
}

/// Renders an error as STS does.
pub(crate) fn error_document(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{}</Message></Error>\
         <RequestId>{}</RequestId></ErrorResponse>",
        escape(message),
        random::hex(16)
    )
}

fn operate(emulator: &Emulator, parts: &Parts, body: &Bytes, host: &str) -> Result<String, StsError> {
    let region = host
        .strip_prefix("sts.")
        .and_then(|rest| rest.strip_suffix(".amazonaws.com"));
    let scope = Scope { service: "sts", region };
    let signer = verify(&SignedRequest { parts, host, body }, &emulator.credentials, &scope)?;
    let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    match form.get("Action").map_or("", String::as_str) {
        "GetCallerIdentity" => Ok(caller_identity(&signer.identity)),
        "AssumeRole" => assume_role(emulator, &signer.identity, &form),
        other => Err(StsError::UnknownAction(other.to_owned())),
    }
}

fn caller_identity(identity: &Identity) -> String {
    let result = format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escape(&identity.arn),
        identity.user_id,
        identity.account
    );
    document("GetCallerIdentity", &result)
}

fn assume_role(emulator: &Emulator, caller: &Identity, form: &HashMap<String, String>) -> Result<String, StsError> {
    let text = |name: &str| form.get(name).map_or("", String::as_str);
    let (role, session) = (text("RoleArn"), text("RoleSessionName"));
    let (account, role_name) = parse_role(role).ok_or_else(|| invalid("roleArn", role))?;
    if !(2..=64).contains(&session.len())
        || !session
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_=,.@-".contains(&b))
    {
        return Err(invalid("roleSessionName", session));
    }
    let seconds = match text("DurationSeconds") {
        "" => 3600,
        given => given
            .parse()
            .ok()
            .filter(|s| (900..=43_200).contains(s))
            .ok_or_else(|| invalid("durationSeconds", given))?,
    };
    emulator.permissions.check(caller, "sts:AssumeRole", role)?;
    let identity = Identity {
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{role_name}/{session}"),
        user_id: format!("AROATESTROLE00000000:{session}"),
    };
    let (access_key, key) = emulator.credentials.issue(identity, seconds);
    let result = format!(
        "<AssumedRoleUser><AssumedRoleId>{}</AssumedRoleId><Arn>{}</Arn></AssumedRoleUser><Credentials>\
         <AccessKeyId>{access_key}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken>\
         <Expiration>{}</Expiration></Credentials>",
        escape(&key.identity.user_id),
        escape(&key.identity.arn),
        key.secret,
        key.session_token.unwrap_or_default(),
        clock::iso8601(key.expires_at.unwrap_or_default()),
    );
    Ok(document("AssumeRole", &result))
}

fn parse_role(arn: &str) -> Option<(&str, &str)> {
    let (account, role) = arn.strip_prefix("arn:aws:iam::")?.split_once(":role/")?;
    let is_account = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
    let name = role.rsplit('/').next()?;
    let is_name = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b));
    (is_account && is_name).then_some((account, name))
}

fn invalid(parameter: &str, value: &str) -> StsError {
    StsError::Validation(format!(
        "1 validation error detected: Value '{value}' at '{parameter}' is invalid"
    ))
}

fn document(action: &str, result: &str) -> String {
    format!(
        "<{action}Response xmlns=\"{NAMESPACE}\"><{action}Result>{result}</{action}Result><ResponseMetadata>\
         <RequestId>{}</RequestId></ResponseMetadata></{action}Response>",
        random::hex(16)
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
