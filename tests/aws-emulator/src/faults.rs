//! Faults that a test orders: the next matching requests fail, are delayed or cut, or lose their connection.
//!
//! A fault is judged before authentication, as trouble on the way would be. The first fault that matches is the only
//! one applied; requests it lets pass because of `skip` count as matched by no other.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::request::Parts;
use serde::{Deserialize, Serialize};

use crate::reply::{self, Reply, WithHeader};
use crate::route::Route;
use crate::{aws, registry, s3};

/// A fault as a test orders it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Which requests are hit; an empty match is all of them.
    #[serde(default, rename = "match")]
    matching: Match,
    /// How many of them are hit.
    #[serde(default = "once")]
    count: u32,
    /// How many of them pass before.
    #[serde(default)]
    skip: u32,
    kind: Kind,
    /// Status to answer, with `kind: status`.
    status: Option<u16>,
    /// Error code to answer, such as `ThrottlingException` or `TOOMANYREQUESTS`.
    code: Option<String>,
    /// Error text to answer.
    message: Option<String>,
    /// `Retry-After` to answer, in seconds.
    retry_after: Option<u32>,
    /// Delay, with `kind: latency`.
    milliseconds: Option<u64>,
    /// Bytes of the body that still come, with `kind: partial`; half of it if absent.
    bytes: Option<u64>,
    /// Speed of the body, with `kind: slow`.
    bytes_per_second: Option<u32>,
    /// How many requests were hit so far.
    #[serde(default, skip_deserializing)]
    hits: u32,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Match {
    /// Name in the counters, such as `ecr:BatchGetImage` or `PUT manifest`.
    operation: Option<String>,
    method: Option<String>,
    /// A part of the host, such as a bucket's name.
    host: Option<String>,
    /// A part of the path.
    path: Option<String>,
    /// Whose request it is: the access key of its signature.
    access_key: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Status,
    DropBefore,
    DropAfter,
    Latency,
    Partial,
    Slow,
}

/// What happens to one request.
pub(crate) enum Effect {
    /// An error instead of the service's answer.
    Status(StatusFault),
    /// The connection ends before the service sees the request.
    DropBefore,
    /// The connection ends after the service has done its work.
    DropAfter,
    /// The service answers later.
    Latency(Duration),
    /// The answer breaks off after so many bytes, or in the middle.
    Cut(Option<u64>),
    /// The answer comes with so many bytes a second.
    Slow(u32),
}

/// An error to answer.
pub(crate) struct StatusFault {
    status: StatusCode,
    code: String,
    message: String,
    retry_after: Option<u32>,
}

/// A fault whose members do not fit its kind.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FaultInvalid {
    #[error("kind `status` needs a `status` from 400 to 599")]
    Status,
    #[error("kind `latency` needs `milliseconds`")]
    Latency,
    #[error("kind `slow` needs `bytes_per_second`")]
    Slow,
}

impl StatusFault {
    /// Renders the error in the words of the service that was asked.
    pub(crate) fn render(&self, route: &Route) -> Reply {
        let reply = match route {
            Route::Ecr { .. }
            | Route::CodeBuild { .. }
            | Route::Logs { .. }
            | Route::Ssm { .. }
            | Route::SecretsManager { .. } => aws::error_reply(self.status, &self.code, &self.message),
            Route::Registry { .. } | Route::Token { .. } => {
                registry::error_reply(self.status, &self.code, &self.message)
            }
            Route::S3(_) => s3::error_reply(self.status, &self.code, &self.message),
            _ => reply::text(self.status, "text/plain", format!("{}: {}\n", self.code, self.message)),
        };
        match self.retry_after {
            Some(seconds) => reply.with(RETRY_AFTER, &seconds.to_string()),
            None => reply,
        }
    }
}

/// All faults that were ordered.
#[derive(Default)]
pub(crate) struct Faults {
    ordered: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Orders a fault.
    pub(crate) fn add(&self, fault: Fault) -> Result<(), FaultInvalid> {
        fault.effect()?;
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
        Ok(())
    }

    /// Cancels all faults.
    pub(crate) fn clear(&self) {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Lists the faults, with what is left of them.
    pub(crate) fn list(&self) -> Vec<Fault> {
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes the effect of a fault on this request, if one is due.
    pub(crate) fn take(&self, operation: &str, (parts, host): (&Parts, &str)) -> Option<Effect> {
        let mut ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = ordered
            .iter_mut()
            .find(|fault| fault.count > 0 && fault.matching.covers(operation, (parts, host)))?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        fault.count -= 1;
        fault.hits += 1;
        fault.effect().ok()
    }
}

impl Fault {
    fn effect(&self) -> Result<Effect, FaultInvalid> {
        Ok(match self.kind {
            Kind::DropBefore => Effect::DropBefore,
            Kind::DropAfter => Effect::DropAfter,
            Kind::Latency => Effect::Latency(Duration::from_millis(self.milliseconds.ok_or(FaultInvalid::Latency)?)),
            Kind::Partial => Effect::Cut(self.bytes),
            Kind::Slow => Effect::Slow(self.bytes_per_second.ok_or(FaultInvalid::Slow)?),
            Kind::Status => {
                let status = self
                    .status
                    .filter(|status| (400..600).contains(status))
                    .ok_or(FaultInvalid::Status)?;
                Effect::Status(StatusFault {
                    status: StatusCode::from_u16(status).map_err(|_| FaultInvalid::Status)?,
                    code: self.code.clone().unwrap_or_else(|| "UNKNOWN".to_owned()),
                    message: self
                        .message
                        .clone()
                        .unwrap_or_else(|| "fault ordered by a test".to_owned()),
                    retry_after: self.retry_after,
                })
            }
        })
    }
}

impl Match {
    fn covers(&self, operation: &str, (parts, host): (&Parts, &str)) -> bool {
        self.operation.as_ref().is_none_or(|wanted| wanted == operation)
            && self
                .method
                .as_ref()
                .is_none_or(|wanted| wanted == parts.method.as_str())
            && self.host.as_ref().is_none_or(|wanted| host.contains(wanted))
            && self
                .path
                .as_ref()
                .is_none_or(|wanted| parts.uri.path().contains(wanted))
            && self
                .access_key
                .as_ref()
                .is_none_or(|wanted| access_key(parts) == Some(wanted))
    }
}

/// The key that a request says it is signed with.
fn access_key(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (_, credential) = header.split_once("Credential=")?;
    credential.split('/').next()
}

fn once() -> u32 {
    1
}
