//! ECR and CodeBuild at the wire, against an AWS that behaves in one particular way in each test.

#![expect(clippy::unwrap_used, reason = "a test says what it means with `unwrap`")]

mod build_states;
mod builds;
mod environment;
mod farm;
mod login;
mod look_up;
mod scripted;
mod starts;
mod tls_server;
