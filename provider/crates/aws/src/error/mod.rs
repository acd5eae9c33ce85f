//! What can go wrong at AWS, and the kinds that callers decide on.
//!
//! Names the API call, and for a refusal the IAM action that is missing. Errors are cheap to clone, because one call
//! answers many callers. What AWS says is cut to a length that fits a message, without control characters; it never
//! holds a key. [`remedy`](AwsError::remedy) says what the user can do, as a command where there is one.

mod call;
mod meaning;
mod remedy;

use std::error::Error;
use std::sync::Arc;

pub use call::ApiCall;
pub(crate) use meaning::{clean, stated};

/// A cause that several callers hold.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// Why a question to AWS has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AwsError {
    /// The repository does not exist in this account and region.
    #[error("there is no repository `{repository}` in account `{account}` and region `{region}`")]
    RepositoryMissing {
        /// The account that the host names.
        account: String,
        /// The region that the host names.
        region: String,
        /// The repository.
        repository: String,
    },
    /// The bucket does not exist.
    #[error("there is no S3 bucket `{bucket}`")]
    BucketMissing {
        /// The bucket.
        bucket: String,
    },
    /// The bucket is in another region than CodeBuild, or than it was looked for in.
    #[error("the S3 bucket `{bucket}` is not in region `{region}`{}", actual.as_ref().map(|it| format!(" but in `{it}`")).unwrap_or_default())]
    BucketElsewhere {
        /// The bucket.
        bucket: String,
        /// The region that was asked.
        region: String,
        /// The region that AWS names.
        actual: Option<String>,
    },
    /// The project does not exist in this account and region.
    #[error(
        "there is no CodeBuild project `{project}` in region `{region}` of the account whose credentials are in use"
    )]
    ProjectMissing {
        /// The project.
        project: String,
        /// The region that was asked.
        region: String,
    },
    /// CodeBuild does not know the build any more.
    #[error("CodeBuild does not know the build `{id}`")]
    BuildMissing {
        /// The build.
        id: String,
    },
    /// A parameter or a secret does not exist.
    #[error("there is no `{reference}`")]
    ReferenceMissing {
        /// The ARN.
        reference: String,
    },
    /// A parameter or a secret has no value of the wanted form.
    #[error("`{reference}` {problem}")]
    ReferenceInvalid {
        /// The ARN.
        reference: String,
        /// What is wrong with it; never the value.
        problem: String,
    },
    /// A value is too large for a parameter.
    #[error("the value of {size} bytes is too large for the parameter `{name}`: at most {limit} bytes fit")]
    ValueTooLarge {
        /// The parameter.
        name: String,
        /// Its length in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// The account or the project runs and queues as many builds as it may.
    #[error("`{call}`: the limit of builds is reached (AWS says: {said})")]
    QuotaReached {
        /// The call.
        call: ApiCall,
        /// What AWS said.
        said: String,
    },
    /// A key of KMS may not be used.
    #[error("`{call}`: the KMS key may not be used, `{action}` is denied (AWS says: {said})")]
    KeyDenied {
        /// The call.
        call: ApiCall,
        /// The action of KMS to allow.
        action: &'static str,
        /// What AWS said.
        said: String,
    },
    /// The shared configuration files have no such profile.
    #[error("there is no AWS profile `{profile}`, which {named_by} names")]
    ProfileMissing {
        /// The profile.
        profile: String,
        /// Where it is named.
        named_by: &'static str,
    },
    /// No region is configured.
    #[error("no AWS region is configured")]
    RegionMissing,
    /// The file to upload cannot be read.
    #[error("the file for `{key}` cannot be read")]
    FileUnreadable {
        /// The object that it becomes.
        key: String,
        /// What the system said.
        #[source]
        source: SharedError,
    },
    /// The caller cancelled.
    #[error("`{call}`: cancelled")]
    Cancelled {
        /// The call.
        call: ApiCall,
    },
    /// IAM or the resource's own policy does not allow the call.
    #[error("access denied for action `{action}` (AWS says: {said})")]
    Denied {
        /// The call.
        call: ApiCall,
        /// The action to allow: the one that AWS names, or the call's own.
        action: &'static str,
        /// What AWS said.
        said: String,
    },
    /// No source in the chain has credentials.
    #[error("`{call}`: there are no AWS credentials")]
    CredentialsMissing {
        /// The call.
        call: ApiCall,
        /// What the chain found.
        #[source]
        source: SharedError,
    },
    /// The session of IAM Identity Center has to be renewed by the user.
    #[error("`{call}`: the AWS single sign-on session has ended or was never begun")]
    SsoLoginNeeded {
        /// The call.
        call: ApiCall,
        /// What the chain found.
        #[source]
        source: SharedError,
    },
    /// A source of credentials failed.
    #[error("`{call}`: the AWS credentials cannot be obtained")]
    CredentialsFailed {
        /// The call.
        call: ApiCall,
        /// Why.
        #[source]
        source: SharedError,
    },
    /// AWS does not accept the credentials.
    #[error("`{call}`: AWS refuses the credentials with `{code}` (AWS says: {said})")]
    CredentialsRefused {
        /// The call.
        call: ApiCall,
        /// The error code.
        code: String,
        /// What AWS said.
        said: String,
    },
    /// The account's rate of calls is used up, also after several tries.
    #[error("`{call}`: too many requests (AWS says: {said})")]
    RateLimited {
        /// The call.
        call: ApiCall,
        /// What AWS said.
        said: String,
    },
    /// AWS failed, also after several tries.
    #[error("`{call}`: AWS failed with `{code}` (AWS says: {said})")]
    ServerFailed {
        /// The call.
        call: ApiCall,
        /// The error code.
        code: String,
        /// What AWS said.
        said: String,
    },
    /// The connection could not be made or was lost, also after several tries.
    #[error("`{call}`: no complete answer")]
    Unreachable {
        /// The call.
        call: ApiCall,
        /// What happened to the connection.
        #[source]
        source: SharedError,
    },
    /// No answer came in time.
    #[error("`{call}`: no answer in time")]
    TimedOut {
        /// The call.
        call: ApiCall,
        /// Which time ran out.
        #[source]
        source: SharedError,
    },
    /// AWS refuses the request itself.
    #[error("`{call}`: refused with `{code}` (AWS says: {said})")]
    Refused {
        /// The call.
        call: ApiCall,
        /// The error code.
        code: String,
        /// What AWS said.
        said: String,
    },
    /// The image exists, or may exist, and cannot be read.
    #[error("`{image}` in repository `{repository}` cannot be read: `{code}` (AWS says: {said})")]
    ImageUnreadable {
        /// The repository.
        repository: String,
        /// The tag or digest.
        image: String,
        /// The failure code.
        code: String,
        /// What AWS said.
        said: String,
    },
    /// The answer is not one of this API.
    #[error("`{call}`: the answer breaks the API: {problem}")]
    Malformed {
        /// The call.
        call: ApiCall,
        /// What is wrong with it.
        problem: String,
    },
    /// The certificates in `AWS_CA_BUNDLE` cannot be used.
    #[error("the certificates in `{path}`, which `AWS_CA_BUNDLE` names, cannot be read")]
    CertificatesUnreadable {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: SharedError,
    },
    /// The process ends while the call is under way.
    #[error("`{call}`: interrupted")]
    Interrupted {
        /// The call.
        call: ApiCall,
    },
}

/// What a caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AwsErrorKind {
    /// Create the repository.
    RepositoryMissing,
    /// Create what is named, or correct its name.
    Missing,
    /// Wait, build less at once, or raise the quota.
    QuotaReached,
    /// Nothing: the caller wanted it.
    Cancelled,
    /// Provide credentials.
    Unauthenticated,
    /// Allow the call.
    Denied {
        /// The action to allow in IAM.
        action: &'static str,
    },
    /// Ask less often.
    RateLimited,
    /// Try again later.
    Unavailable,
    /// Try again later; the time ran out.
    TimedOut,
    /// Correct the request or the configuration.
    Invalid,
}

impl AwsError {
    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> AwsErrorKind {
        match self {
            Self::RepositoryMissing { .. } => AwsErrorKind::RepositoryMissing,
            Self::BucketMissing { .. }
            | Self::ProjectMissing { .. }
            | Self::BuildMissing { .. }
            | Self::ReferenceMissing { .. } => AwsErrorKind::Missing,
            Self::QuotaReached { .. } => AwsErrorKind::QuotaReached,
            Self::Cancelled { .. } => AwsErrorKind::Cancelled,
            Self::Denied { action, .. } | Self::KeyDenied { action, .. } => AwsErrorKind::Denied { action },
            Self::ProfileMissing { .. }
            | Self::CredentialsMissing { .. }
            | Self::SsoLoginNeeded { .. }
            | Self::CredentialsFailed { .. }
            | Self::CredentialsRefused { .. } => AwsErrorKind::Unauthenticated,
            Self::RateLimited { .. } => AwsErrorKind::RateLimited,
            Self::ServerFailed { .. } | Self::Unreachable { .. } | Self::Interrupted { .. } => {
                AwsErrorKind::Unavailable
            }
            Self::TimedOut { .. } => AwsErrorKind::TimedOut,
            Self::Refused { .. }
            | Self::ImageUnreadable { .. }
            | Self::Malformed { .. }
            | Self::BucketElsewhere { .. }
            | Self::ReferenceInvalid { .. }
            | Self::ValueTooLarge { .. }
            | Self::RegionMissing
            | Self::FileUnreadable { .. }
            | Self::CertificatesUnreadable { .. } => AwsErrorKind::Invalid,
        }
    }

    /// Whether the repository itself does not exist.
    #[must_use]
    pub fn is_repository_missing(&self) -> bool {
        self.kind() == AwsErrorKind::RepositoryMissing
    }

    /// Whether good credentials do not allow this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.kind(), AwsErrorKind::Denied { .. })
    }

    /// Whether credentials are missing, refused or cannot be obtained.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == AwsErrorKind::Unauthenticated
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use AwsErrorKind::{RateLimited, TimedOut, Unavailable};
        matches!(self.kind(), RateLimited | TimedOut | Unavailable)
    }

    /// Whether the caller cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.kind() == AwsErrorKind::Cancelled
    }
}
