//! What all AWS services share: access keys, request signatures, denied actions; and STS, which lives on them.

mod credentials;
mod denials;
mod sigv4;
mod sts;

pub(crate) use credentials::{Credentials, Identity};
pub(crate) use denials::{AccessDenied, Denials};
pub(crate) use sigv4::{Scope, SignatureError, SignedRequest, hmac_sha256, verify};
pub(crate) use sts::answer as answer_sts;
