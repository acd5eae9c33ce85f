//! AWS as the provider uses it: ECR, CodeBuild and its logs, S3, Systems Manager and Secrets Manager.
//!
//! [`Aws`] is one set of credentials; everything else is made from it. Configuration and credentials are AWS's own chain
//! with the few things that [`AwsSettings`] overrides. Building a client costs nothing; files are read and certificates
//! loaded by the first call. Every failure is an [`AwsError`] whose [kind](AwsErrorKind) says what a caller can do about
//! it, and whose [remedy](AwsError::remedy) says what a user can do.
//!
//! Every private registry of ECR is a host, and the host says whose it is and where: [`EcrHost`] reads account and
//! region from it, and recognises nothing else, because what it recognises is sent a login that reaches every repository
//! of the caller for twelve hours. [`Ecr`] is asked about such hosts. Its logins are shared and renewed before they end;
//! its questions about images travel together, up to a hundred in one call, because a program with many images asks many
//! of them at the same moment.
//!
//! What many builds would ask one by one is asked once for all of them: [`CodeBuild::watch`] and [`BuildLogs::follow`]
//! share one poller and one budget of calls in a region. [`CodeBuild::start`] never begins a second build for one
//! request. [`S3Bucket::upload`] takes no memory to speak of, and leaves nothing behind when it fails.

mod answer;
mod aws;
mod batch;
mod build_logs;
mod codebuild;
mod ecr;
mod error;
mod host;
mod http_client;
mod login;
mod parameters;
mod random;
mod s3;
mod secret_reference;
mod settings;
mod tag_mutability;

pub use aws::Aws;
pub use build_logs::{BuildLogs, LogFollower};
pub use codebuild::{
    BuildOutcome, BuildPhase, BuildStatus, BuildUpdate, BuildView, CodeBuild, EnvironmentValue, LogStream, Patience,
    PhaseContext, Project, StartBuild, StartedBuild,
};
pub use ecr::{Ecr, EcrManifest, ImageId};
pub use error::{ApiCall, AwsError, AwsErrorKind, SharedError};
pub use host::EcrHost;
pub use login::Login;
pub use parameters::Parameters;
pub use s3::{S3Bucket, StoredObject, Upload};
pub use secret_reference::SecretReference;
pub use settings::AwsSettings;
