//! Compiles our `.proto` files to Rust without a system `protoc`.
//!
//! Output: one module for each protobuf package, and the descriptors themselves, for the test that compares them with
//! what Pulumi publishes. Comments of the `.proto` files become documentation.
use std::{env, error::Error, fs, path::PathBuf};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = [
        "pulumi/provider.proto",
        "pulumi/plugin.proto",
        "pulumi/engine.proto",
        "pulumi/errors.proto",
        "google/rpc/status.proto",
    ];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
