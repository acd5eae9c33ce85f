//! Amazon ECR through its API: logins for its registries, and which images they hold.
//!
//! Every private registry of ECR is a host, and the host says whose it is and where: [`EcrHost`] reads account and
//! region from it, and recognises nothing else, because what it recognises is sent a login that reaches every repository
//! of the caller for twelve hours. [`Ecr`] is asked about such hosts. Its logins are shared and renewed before they end;
//! its questions about images travel together, up to a hundred in one call, because a program with many images asks many
//! of them at the same moment.
//!
//! Configuration and credentials are AWS's own chain with the few things that [`AwsSettings`] overrides. Building the
//! client costs nothing; files are read and certificates loaded by the first call. Every failure is an [`EcrError`] whose
//! [kind](EcrErrorKind) says what a caller can do about it.

mod answer;
mod batch;
mod ecr;
mod error;
mod host;
mod http_client;
mod login;
mod settings;

pub use ecr::{Ecr, EcrManifest, ImageId};
pub use error::{ApiCall, EcrError, EcrErrorKind, SharedError};
pub use host::EcrHost;
pub use login::Login;
pub use settings::AwsSettings;
