//! What was asked of the emulator: counters by operation and host, and the last requests.
//!
//! Requests to the admin plane do not count. Queries and headers are not kept, so no token or signature is.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use http::StatusCode;
use http::request::Parts;
use serde::Serialize;
use serde_json::{Value, json};

const KEPT_REQUESTS: usize = 10_000;

/// Counters and recent requests since the last reset.
#[derive(Default)]
pub(crate) struct Traffic {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    next: u64,
    operations: BTreeMap<String, u64>,
    hosts: BTreeMap<String, u64>,
    requests: VecDeque<Record>,
}

#[derive(Serialize)]
struct Record {
    number: u64,
    operation: String,
    method: String,
    host: String,
    path: String,
    /// Absent while it is being answered, and when the connection was dropped.
    status: Option<u16>,
}

impl Traffic {
    /// Counts a request and returns its number.
    pub(crate) fn begin(&self, operation: &str, parts: &Parts, host: &str) -> u64 {
        let mut seen = self.lock();
        let number = seen.next;
        seen.next += 1;
        *seen.operations.entry(operation.to_owned()).or_default() += 1;
        *seen.hosts.entry(host.to_owned()).or_default() += 1;
        if seen.requests.len() == KEPT_REQUESTS {
            seen.requests.pop_front();
        }
        seen.requests.push_back(Record {
            number,
            operation: operation.to_owned(),
            method: parts.method.to_string(),
            host: host.to_owned(),
            path: parts.uri.path().to_owned(),
            status: None,
        });
        number
    }

    /// Notes how a request was answered.
    pub(crate) fn end(&self, number: u64, status: Option<StatusCode>) {
        let mut seen = self.lock();
        if let Some(record) = seen.requests.iter_mut().rev().find(|record| record.number == number) {
            record.status = status.map(|status| status.as_u16());
        }
    }

    /// Starts counting afresh.
    pub(crate) fn reset(&self) {
        let mut seen = self.lock();
        *seen = Seen {
            next: seen.next,
            ..Seen::default()
        };
    }

    /// Returns the counters.
    pub(crate) fn counters(&self) -> Value {
        let seen = self.lock();
        json!({"total": seen.operations.values().sum::<u64>(), "operations": seen.operations, "hosts": seen.hosts})
    }

    /// Returns the last requests, oldest first.
    pub(crate) fn requests(&self) -> Value {
        json!({ "requests": self.lock().requests })
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
