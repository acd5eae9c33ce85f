//! The provider's record of a build, compiled from the provider's own files.
//!
//! The provider as a dependency would bring a hundred crates along, all compiled with counters, for one pure module.
//! Nothing is written a second time here; what the record does not need is simply not there.

#[path = "../../../provider/src/planning/fingerprint.rs"]
pub mod fingerprint;
#[path = "../../../provider/src/planning/options.rs"]
pub mod options;
#[path = "../../../provider/src/planning/record/mod.rs"]
pub mod record;
