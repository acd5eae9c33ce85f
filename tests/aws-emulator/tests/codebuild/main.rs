//! CodeBuild as its clients see it: the AWS SDK starts builds, waits for them and reads their logs.
//!
//! Builds really execute, in sandboxes without a network of their own; the tools are the machine's.

#[cfg(test)]
mod account;
#[cfg(test)]
mod control_plane;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod execution;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod variables;
