//! What can go wrong at AWS, and the kinds that callers decide on.
//!
//! Names the API call, and for a refusal the IAM action that is missing. Errors are cheap to clone, because one call
//! answers many callers. What AWS says is cut to a length that fits a message, without control characters; it never
//! holds a key.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

const SAID_MAX: usize = 1000;

/// A cause that several callers hold.
pub type SharedError = Arc<dyn Error + Send + Sync>;

/// A call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ApiCall {
    /// A login for registries.
    GetAuthorizationToken,
    /// Manifests by tag or digest.
    BatchGetImage,
    /// Credentials of a role.
    AssumeRole,
}

impl ApiCall {
    /// The action that IAM has to allow.
    #[must_use]
    pub fn iam_action(self) -> &'static str {
        match self {
            Self::GetAuthorizationToken => "ecr:GetAuthorizationToken",
            Self::BatchGetImage => "ecr:BatchGetImage",
            Self::AssumeRole => "sts:AssumeRole",
        }
    }
}

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iam_action())
    }
}

/// Why a question to AWS has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EcrError {
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
    /// IAM or the repository's policy does not allow the call.
    #[error("access denied for action `{call}` (AWS says: {said})")]
    Denied {
        /// The call.
        call: ApiCall,
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
pub enum EcrErrorKind {
    /// Create the repository.
    RepositoryMissing,
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

impl EcrError {
    /// What can be done about it.
    #[must_use]
    pub fn kind(&self) -> EcrErrorKind {
        match self {
            Self::RepositoryMissing { .. } => EcrErrorKind::RepositoryMissing,
            Self::Denied { call, .. } => EcrErrorKind::Denied {
                action: call.iam_action(),
            },
            Self::CredentialsMissing { .. }
            | Self::SsoLoginNeeded { .. }
            | Self::CredentialsFailed { .. }
            | Self::CredentialsRefused { .. } => EcrErrorKind::Unauthenticated,
            Self::RateLimited { .. } => EcrErrorKind::RateLimited,
            Self::ServerFailed { .. } | Self::Unreachable { .. } | Self::Interrupted { .. } => {
                EcrErrorKind::Unavailable
            }
            Self::TimedOut { .. } => EcrErrorKind::TimedOut,
            Self::Refused { .. }
            | Self::ImageUnreadable { .. }
            | Self::Malformed { .. }
            | Self::CertificatesUnreadable { .. } => EcrErrorKind::Invalid,
        }
    }

    /// Whether the repository itself does not exist.
    #[must_use]
    pub fn is_repository_missing(&self) -> bool {
        self.kind() == EcrErrorKind::RepositoryMissing
    }

    /// Whether good credentials do not allow this.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.kind(), EcrErrorKind::Denied { .. })
    }

    /// Whether credentials are missing, refused or cannot be obtained.
    #[must_use]
    pub fn is_unauthenticated(&self) -> bool {
        self.kind() == EcrErrorKind::Unauthenticated
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        use EcrErrorKind::{RateLimited, TimedOut, Unavailable};
        matches!(self.kind(), RateLimited | TimedOut | Unavailable)
    }

    /// What the failure of an SDK call means.
    pub(crate) fn of<E>(call: ApiCall, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(failure) => {
                let status = failure.raw().status().as_u16();
                refusal(call, failure.err().code(), failure.err().message(), status)
            }
            SdkError::TimeoutError(_) => Self::TimedOut {
                call,
                source: cause(error),
            },
            SdkError::DispatchFailure(ref failure) if failure.is_timeout() => Self::TimedOut {
                call,
                source: cause(error),
            },
            _ => unanswered(call, cause(error)),
        }
    }
}

/// The cause below the SDK's own error.
fn cause<E: Error + Send + Sync + 'static>(error: SdkError<E, HttpResponse>) -> SharedError {
    let text = error.to_string();
    error.into_source().map_or_else(|_| stated(&text), Arc::from)
}

/// A cause that is only known by its text.
pub(crate) fn stated(text: &str) -> SharedError {
    Arc::from(Box::<dyn Error + Send + Sync>::from(text))
}

/// What an error code of AWS means.
fn refusal(call: ApiCall, code: Option<&str>, message: Option<&str>, status: u16) -> EcrError {
    let said = clean(message.unwrap_or("nothing"));
    let code = clean(code.unwrap_or_default());
    match (code.as_str(), status) {
        ("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation", _) => EcrError::Denied { call, said },
        (
            "ExpiredTokenException"
            | "ExpiredToken"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "InvalidAccessKeyId",
            _,
        ) => EcrError::CredentialsRefused { call, code, said },
        ("ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded", _) | (_, 429) => {
            EcrError::RateLimited { call, said }
        }
        ("ServerException" | "InternalFailure" | "InternalServerError" | "ServiceUnavailable", _) | (_, 500..) => {
            EcrError::ServerFailed {
                call,
                code: named(code, status),
                said,
            }
        }
        ("", 403) => EcrError::Denied { call, said },
        _ => EcrError::Refused {
            call,
            code: named(code, status),
            said,
        },
    }
}

fn named(code: String, status: u16) -> String {
    if code.is_empty() {
        format!("HTTP status {status}")
    } else {
        code
    }
}

/// A call that got no answer: the credentials could not be obtained, or the connection failed.
fn unanswered(call: ApiCall, source: SharedError) -> EcrError {
    let links = chain(&*source);
    if let Some(denied) = links.iter().find_map(|link| role_denied(*link)) {
        return denied;
    }
    match links.iter().find_map(|link| link.downcast_ref::<CredentialsError>()) {
        // The SDK tells the states of a single sign-on session apart by text only.
        Some(_) if links.iter().any(|link| link.to_string().contains("SSO")) => {
            EcrError::SsoLoginNeeded { call, source }
        }
        Some(CredentialsError::CredentialsNotLoaded(_)) => EcrError::CredentialsMissing { call, source },
        Some(_) => EcrError::CredentialsFailed { call, source },
        None => EcrError::Unreachable { call, source },
    }
}

fn role_denied(link: &(dyn Error + 'static)) -> Option<EcrError> {
    let error = link.downcast_ref::<AssumeRoleError>()?;
    let refused = refusal(ApiCall::AssumeRole, error.code(), error.message(), 400);
    matches!(refused, EcrError::Denied { .. }).then_some(refused)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&link| link.source()).collect()
}

/// What AWS says, safe to be shown.
pub(crate) fn clean(said: &str) -> String {
    let printable = said
        .trim()
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character });
    let mut text: String = printable.take(SAID_MAX + 1).collect();
    if let Some((cut, _)) = text.char_indices().nth(SAID_MAX) {
        text.truncate(cut);
        text.push('…');
    }
    text
}
