//! What all AWS services share: access keys, request signatures, policies, the JSON protocol; and STS, which lives on them.

mod credentials;
mod json;
mod permissions;
mod policy;
mod sigv4;
mod sts;

pub(crate) use credentials::{Credentials, Identity};
pub(crate) use json::{CallError, Caller, JsonService, Owner, ServiceError, amz_json, error_reply, parse};
pub(crate) use permissions::{AccessDenied, Gate, Permissions};
pub(crate) use policy::{Policy, PolicyInvalid};
pub(crate) use sigv4::{
    Scope, Signable, SignatureChain, SignatureError, SignedRequest, Signer, encode, hmac_sha256, verify,
    verify_signable,
};
pub(crate) use sts::answer as answer_sts;
