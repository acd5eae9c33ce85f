//! The resource `FastContainerImage`: gather facts, decide, act.
//!
//! | file | part |
//! |---|---|
//! | `lifecycle` | what the engine calls: property maps in, property maps out |
//! | `inputs`, `decode`, `outputs`, `state` | the types, and how they become properties |
//! | `check`, `content` | validation, and the content on disk behind the fingerprint |
//! | `diff` | pure comparison |
//! | `preview` | what an update would do |
//! | `apply`, `recheck`, `make`, `publish` | Create and Update |
//! | `read` | refresh and import |

pub mod apply;
pub mod check;
pub mod content;
pub mod decode;
pub mod diff;
pub mod error;
pub mod inputs;
pub mod lifecycle;
pub mod make;
pub mod operation;
pub mod outputs;
pub mod preview;
pub mod publish;
pub mod read;
pub mod recheck;
pub mod state;
