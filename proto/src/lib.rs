//! The Pulumi wire contract as Rust types, and nothing else.
//!
//! The contract is written down in `proto/`, in our own words: which services, messages, fields, numbers and types there
//! are. `build.rs` turns these files into clients, servers and messages. A test compares every name, number and type
//! with the descriptors inside Pulumi's Python SDK, so a slip of the pen cannot stay unnoticed.
//!
//! Meaning lives elsewhere: property values in `fastcontainer-property`, answers in the provider.

/// Types of the protobuf package `pulumirpc`: the provider and engine services with their messages.
#[expect(clippy::allow_attributes, clippy::too_many_lines, reason = "generated code")]
pub mod pulumirpc {
    include!(concat!(env!("OUT_DIR"), "/pulumirpc.rs"));
}

/// Protobuf packages below `google`.
pub mod google {
    /// Types of the protobuf package `google.rpc`: the status that carries error details.
    pub mod rpc {
        include!(concat!(env!("OUT_DIR"), "/google.rpc.rs"));
    }
}

/// The encoded `FileDescriptorSet` of everything declared here, imports included.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
