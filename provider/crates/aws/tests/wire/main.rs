//! ECR at the wire, against an AWS that behaves in one particular way in each test.

#![expect(clippy::unwrap_used, reason = "a test says what it means with `unwrap`")]

mod environment;
mod login;
mod look_up;
mod scripted;
mod tls_server;
