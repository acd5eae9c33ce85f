//! Facts about build contexts, seen from outside: each test is one sentence that holds.
//!
//! One program for all of them, so that there is one to link.

#[cfg(test)]
mod archive;
#[cfg(test)]
mod digest;
#[cfg(test)]
mod ignore_rules;
#[cfg(test)]
mod manifest;
#[cfg(test)]
mod open;
#[cfg(test)]
mod selection;
#[cfg(test)]
mod source_file;
#[cfg(test)]
mod stat_cache;
#[cfg(test)]
mod tree;
#[cfg(test)]
mod walk;
