//! CloudWatch Logs: groups, streams, and reading them with the token rules of GetLogEvents.
//!
//! `store` holds groups and streams in memory until the process ends, `stream` the events of one stream and how they
//! are paged, `operations` the calls. Queries, filters and subscriptions are not offered: FilterLogEvents and the like
//! are unknown operations. A test may delay delivery and limit reads. Follows the API model `Logs_20140328`.

mod operations;
mod store;
mod stream;

use http::request::Parts;
use hyper::body::Incoming;
use serde_json::Value;

pub(crate) use store::LogStore;

use crate::aws::{CallError, Caller, JsonService, ServiceError};
use crate::emulator::Emulator;
use crate::reply::Reply;

/// How CloudWatch Logs is spoken to.
pub(crate) const SERVICE: JsonService = JsonService {
    name: "logs",
    target_prefix: "Logs_20140328.",
    longest_request: 8 * 1024 * 1024,
};

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    InvalidParameter(String),
    #[error("The specified log group does not exist.")]
    GroupNotFound,
    #[error("The specified log stream does not exist.")]
    StreamNotFound,
    #[error("The specified log group already exists")]
    GroupExists,
    #[error("The specified log stream already exists")]
    StreamExists,
    #[error("Rate exceeded")]
    Throttled,
}

impl ServiceError for LogsError {
    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::InvalidParameter(_) => "InvalidParameterException",
            Self::GroupNotFound | Self::StreamNotFound => "ResourceNotFoundException",
            Self::GroupExists | Self::StreamExists => "ResourceAlreadyExistsException",
            Self::Throttled => "ThrottlingException",
        }
    }
}

/// Answers a request for `operation` that was sent to `host`.
pub(crate) async fn answer(emulator: &Emulator, request: (&Parts, Incoming), call: (&str, &str)) -> Reply {
    SERVICE.answer(emulator, request, call, operate).await
}

fn operate(caller: &Caller<'_>, operation: &str, body: &[u8]) -> Result<Value, LogsError> {
    match operation {
        "CreateLogGroup" => operations::create_log_group(caller, body),
        "DeleteLogGroup" => operations::delete_log_group(caller, body),
        "DescribeLogGroups" => operations::describe_log_groups(caller, body),
        "CreateLogStream" => operations::create_log_stream(caller, body),
        "DeleteLogStream" => operations::delete_log_stream(caller, body),
        "DescribeLogStreams" => operations::describe_log_streams(caller, body),
        "PutLogEvents" => operations::put_log_events(caller, body),
        "GetLogEvents" => operations::get_log_events(caller, body),
        _ => Err(CallError::UnknownOperation.into()),
    }
}
