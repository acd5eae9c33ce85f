//! The gRPC edge: each RPC decodes, delegates to the resource, and renders errors.

mod answer;
mod engine;
pub mod server;
mod service;
mod terminal;

/// The engine and its own servers allow messages of 400 MiB in both directions.
pub(crate) const MAX_MESSAGE_BYTES: usize = 400 << 20;
