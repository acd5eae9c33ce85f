//! The JSON protocol of AWS, version 1.1, as far as it is the same for every service that speaks it.
//!
//! Reads the body, verifies the signature, says who calls and renders answers and errors. What an operation does and
//! which errors it has is each service's own. Follows "AWS JSON 1.1 protocol" of the Smithy specification.

use std::fmt::Display;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderName};
use http::request::Parts;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{AccessDenied, Identity, Scope, SignatureError, SignedRequest, verify};
use crate::emulator::Emulator;
use crate::random;
use crate::reply::{self, Reply, WithHeader};

/// A service that speaks this protocol.
pub(crate) struct JsonService {
    /// Signing name, first label of the host, and prefix of IAM actions.
    pub(crate) name: &'static str,
    /// Prefix of the `X-Amz-Target` header, with its dot.
    pub(crate) target_prefix: &'static str,
    /// Longest request body, in bytes.
    pub(crate) longest_request: usize,
}

/// Where something lives that has a name of its own per account and region.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    /// Twelve-digit account id.
    pub(crate) account: String,
    /// Region name.
    pub(crate) region: String,
}

impl Owner {
    /// ARN of a key of KMS that is named by ARN, alias or id.
    pub(crate) fn key_arn(&self, key: &str) -> String {
        let resource = match key {
            arn if arn.starts_with("arn:") => return arn.to_owned(),
            alias if alias.starts_with("alias/") => alias.to_owned(),
            id => format!("key/{id}"),
        };
        format!("arn:aws:kms:{}:{}:{resource}", self.region, self.account)
    }
}

/// Whoever makes a verified call, and what for.
pub(crate) struct Caller<'a> {
    pub(crate) emulator: &'a Emulator,
    pub(crate) identity: Identity,
    /// Region of the signature.
    pub(crate) region: String,
    service: &'static str,
    operation: &'a str,
}

/// What can be wrong with a call to any service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error(transparent)]
    Denied(#[from] AccessDenied),
    #[error("{0}")]
    Serialization(String),
    #[error("")]
    UnknownOperation,
}

impl CallError {
    /// Returns the error type.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Signature(error) => error.json_code(),
            Self::Denied(_) => "AccessDeniedException",
            Self::Serialization(_) => "SerializationException",
            Self::UnknownOperation => "UnknownOperationException",
        }
    }
}

/// Why an operation of a service did not happen, with the type that its error has on the wire.
pub(crate) trait ServiceError: From<CallError> + Display {
    /// The error type.
    fn code(&self) -> &'static str;
}

impl JsonService {
    /// Answers a call of an operation that was sent to a host: reads and verifies it, and lets `operate` do it.
    pub(crate) async fn answer<E: ServiceError>(
        &self,
        emulator: &Emulator,
        request: (&Parts, Incoming),
        call: (&str, &str),
        operate: impl FnOnce(&Caller<'_>, &str, &[u8]) -> Result<Value, E>,
    ) -> Reply {
        let outcome = match self.receive(emulator, request, call).await {
            Ok((caller, body)) => operate(&caller, call.1, &body),
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(value) => amz_json(StatusCode::OK, &value),
            Err(error) => error_reply(StatusCode::BAD_REQUEST, error.code(), &error.to_string()),
        }
    }

    async fn receive<'a>(
        &self,
        emulator: &'a Emulator,
        (parts, body): (&Parts, Incoming),
        (host, operation): (&str, &'a str),
    ) -> Result<(Caller<'a>, Bytes), CallError> {
        let body = reply::read(body, self.longest_request)
            .await
            .map_err(|error| CallError::Serialization(error.to_string()))?;
        let scope = Scope {
            service: self.name,
            region: host
                .strip_prefix(self.name)
                .and_then(|rest| rest.strip_prefix('.')?.strip_suffix(".amazonaws.com")),
        };
        let request = SignedRequest {
            parts,
            host,
            body: &body,
        };
        let signer = verify(&request, &emulator.credentials, &scope)?;
        let caller = Caller {
            emulator,
            identity: signer.identity,
            region: signer.region,
            service: self.name,
            operation,
        };
        Ok((caller, body))
    }
}

impl Caller<'_> {
    /// Returns whose things the call is about.
    pub(crate) fn owner(&self) -> Owner {
        Owner {
            account: self.identity.account.clone(),
            region: self.region.clone(),
        }
    }

    /// Returns the ARN of something that the called service has in this account and region.
    pub(crate) fn arn(&self, resource: &str) -> String {
        format!(
            "arn:aws:{}:{}:{}:{resource}",
            self.service, self.region, self.identity.account
        )
    }

    /// Checks that the called operation is allowed on a resource.
    pub(crate) fn permit(&self, resource: &str) -> Result<(), CallError> {
        let action = format!("{}:{}", self.service, self.operation);
        Ok(self.emulator.permissions.check(&self.identity, &action, resource)?)
    }

    /// Checks what the operation asks of a key of KMS, which is named by ARN, alias or id.
    pub(crate) fn permit_key(&self, action: &str, key: &str) -> Result<(), CallError> {
        let via = format!("{}.{}.amazonaws.com", self.service, self.region);
        let key = self.owner().key_arn(key);
        Ok(self
            .emulator
            .permissions
            .check_key(&self.identity, (action, &key), &via)?)
    }
}

/// Reads the members of a request.
pub(crate) fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| CallError::Serialization(error.to_string()))
}

/// Renders an error.
pub(crate) fn error_reply(status: StatusCode, code: &str, message: &str) -> Reply {
    amz_json(status, &json!({"__type": code, "message": message}))
        .with(HeaderName::from_static("x-amzn-errortype"), code)
}

/// Renders an answer.
pub(crate) fn amz_json(status: StatusCode, value: &Value) -> Reply {
    reply::json(status, value)
        .with(CONTENT_TYPE, "application/x-amz-json-1.1")
        .with(HeaderName::from_static("x-amzn-requestid"), &random::hex(16))
}
