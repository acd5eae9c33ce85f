//! S3, builds, logs, parameters and secrets against the emulator, which checks every signature, checksum and permission.

#![expect(clippy::unwrap_used, reason = "a test says what it means with `unwrap`")]

mod bucket;
mod bucket_trouble;
mod builds;
mod emulator;
mod logs;
mod recorder;
mod secrets;
