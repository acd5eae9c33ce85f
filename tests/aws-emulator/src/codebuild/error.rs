//! The errors of CodeBuild's control plane.
//!
//! Values that break the API model are a `ValidationException`, values that break a rule of the service an
//! `InvalidInputException`, as AWS answers them.

use crate::aws::{CallError, ServiceError};

/// Why an operation did not happen.
#[derive(Debug, thiserror::Error)]
pub(super) enum CodeBuildError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}")]
    Validation {
        member: String,
        value: String,
        constraint: String,
    },
    #[error("{0}")]
    InvalidInput(String),
    #[error("{0}")]
    NotFound(String),
    #[error("Project already exists: {0}")]
    ProjectExists(String),
    #[error("Cannot have more than {0} builds in queue for the account")]
    AccountLimit(usize),
}

impl CodeBuildError {
    /// A value breaks the API model.
    pub(super) fn constraint(member: &str, value: &str, constraint: impl Into<String>) -> Self {
        Self::Validation {
            member: member.to_owned(),
            value: value.to_owned(),
            constraint: constraint.into(),
        }
    }
}

impl ServiceError for CodeBuildError {
    fn code(&self) -> &'static str {
        match self {
            Self::Call(error) => error.code(),
            Self::Validation { .. } => "ValidationException",
            Self::InvalidInput(_) => "InvalidInputException",
            Self::NotFound(_) => "ResourceNotFoundException",
            Self::ProjectExists(_) => "ResourceAlreadyExistsException",
            Self::AccountLimit(_) => "AccountLimitExceededException",
        }
    }
}

/// Refuses a value that is not of the enumeration.
pub(super) fn check_member(member: &str, value: &str, allowed: &[&str]) -> Result<(), CodeBuildError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    let constraint = format!("Member must satisfy enum value set: [{}]", allowed.join(", "));
    Err(CodeBuildError::constraint(member, value, constraint))
}

/// Refuses a number outside of a range.
pub(super) fn check_range(member: &str, value: i64, (least, most): (i64, i64)) -> Result<(), CodeBuildError> {
    let text = value.to_string();
    if value < least {
        let constraint = format!("Member must have value greater than or equal to {least}");
        return Err(CodeBuildError::constraint(member, &text, constraint));
    }
    if value > most {
        let constraint = format!("Member must have value less than or equal to {most}");
        return Err(CodeBuildError::constraint(member, &text, constraint));
    }
    Ok(())
}
