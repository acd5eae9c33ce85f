//! The resource `FastContainerImage`: gather facts, decide, act.
//!
//! | file | part |
//! |---|---|
//! | `lifecycle` | what the engine calls: property maps in, property maps out |
//! | `inputs`, `decode`, `outputs`, `state` | the types, and how they become properties |
//! | `check`, `content`, `base_images` | validation, and what stands behind the fingerprint: disk, and tracked images |
//! | `reasons`, `fingerprint` | what differs from the last build; which files count, and why |
//! | `diff` | pure comparison |
//! | `preview` | what an update would do |
//! | `apply`, `recheck`, `make`, `builds`, `publish`, `published` | Create and Update |
//! | `read` | refresh and import |

pub mod apply;
pub mod base_images;
pub mod builds;
pub mod cache_inputs;
pub mod caches;
pub mod check;
pub mod content;
pub mod decode;
pub mod diff;
pub mod error;
pub mod fingerprint;
pub mod inputs;
pub mod lifecycle;
pub mod make;
pub mod operation;
pub mod outputs;
pub mod preview;
pub mod publish;
pub mod published;
pub mod read;
pub mod reasons;
pub mod recheck;
pub mod secret_inputs;
pub mod secrets;
pub mod state;
