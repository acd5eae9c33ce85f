//! What an answer of AWS means, and a call without an answer.
//!
//! Reads codes, never texts, but for two: the action that a refusal names, and the state of a single sign-on session,
//! which the SDK tells by text only.

use std::error::Error;
use std::sync::Arc;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ecr::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::call::named_action;
use super::{ApiCall, AwsError, SharedError};

const SAID_MAX: usize = 1000;

impl AwsError {
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
            // S3 answers HEAD and redirects without a body that says why.
            SdkError::ResponseError(ref failure) if !failure.raw().status().is_success() => {
                refusal(call, None, None, failure.raw().status().as_u16())
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
pub(crate) fn refusal(call: ApiCall, code: Option<&str>, message: Option<&str>, status: u16) -> AwsError {
    let said = clean(message.unwrap_or("nothing"));
    let code = clean(code.unwrap_or_default());
    match (code.as_str(), status) {
        ("AccessDeniedException" | "AccessDenied" | "UnauthorizedOperation" | "AllAccessDisabled", _) | ("", 403) => {
            denied(call, said)
        }
        (
            "ExpiredTokenException"
            | "ExpiredToken"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "InvalidToken"
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
        ) => AwsError::CredentialsRefused { call, code, said },
        // The limit of a project is told as a bad request.
        (code, _) if code == "AccountLimitExceededException" || said.contains("concurrent build limit") => {
            AwsError::QuotaReached { call, said }
        }
        (
            "ThrottlingException"
            | "Throttling"
            | "TooManyRequestsException"
            | "TooManyUpdates"
            | "RequestLimitExceeded"
            | "SlowDown",
            _,
        )
        | (_, 429) => AwsError::RateLimited { call, said },
        (code, _) if code.starts_with("KMS") || code.starts_with("InvalidKeyId") => AwsError::KeyDenied {
            call,
            action: named_action(&said).unwrap_or("kms:GenerateDataKey"),
            said,
        },
        ("ServerException" | "InternalFailure" | "InternalServerError" | "InternalError" | "ServiceUnavailable", _)
        | ("RequestTimeout", _)
        | (_, 500..) => AwsError::ServerFailed {
            call,
            code: named(code, status),
            said,
        },
        _ => AwsError::Refused {
            call,
            code: named(code, status),
            said,
        },
    }
}

fn denied(call: ApiCall, said: String) -> AwsError {
    let action = named_action(&said).unwrap_or(call.iam_action());
    if action.starts_with("kms:") {
        AwsError::KeyDenied { call, action, said }
    } else {
        AwsError::Denied { call, action, said }
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
fn unanswered(call: ApiCall, source: SharedError) -> AwsError {
    let links = chain(&*source);
    if let Some(denied) = links.iter().find_map(|link| role_denied(*link)) {
        return denied;
    }
    match links.iter().find_map(|link| link.downcast_ref::<CredentialsError>()) {
        // The SDK tells the states of a single sign-on session apart by text only.
        Some(_) if links.iter().any(|link| link.to_string().contains("SSO")) => {
            AwsError::SsoLoginNeeded { call, source }
        }
        Some(CredentialsError::CredentialsNotLoaded(_)) => AwsError::CredentialsMissing { call, source },
        Some(_) => AwsError::CredentialsFailed { call, source },
        None => AwsError::Unreachable { call, source },
    }
}

fn role_denied(link: &(dyn Error + 'static)) -> Option<AwsError> {
    let error = link.downcast_ref::<AssumeRoleError>()?;
    let refused = refusal(ApiCall::AssumeRole, error.code(), error.message(), 400);
    matches!(refused, AwsError::Denied { .. }).then_some(refused)
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
