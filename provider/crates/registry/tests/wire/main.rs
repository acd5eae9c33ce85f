//! The client at the wire, against registries and credential helpers that behave in one particular way each.

#![expect(clippy::unwrap_used, reason = "a test says what it means with `unwrap`")]

mod client;
mod docker_config;
mod environment;
mod login;
mod platforms;
mod scripted;
mod tls_server;
