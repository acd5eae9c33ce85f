//! The calls of AWS's APIs that the provider makes, and the IAM action that each needs.
//!
//! Knows names only. An action that AWS itself names in a refusal may be another one than the call's, such as the key's
//! when a bucket is encrypted; [`named_action`] finds it.

use std::fmt;

macro_rules! calls {
    ($($(#[doc = $text:literal])+ $call:ident => $action:literal,)+) => {
        /// A call of the API.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ApiCall {
            $($(#[doc = $text])+ $call,)+
        }

        const CALLS: &[ApiCall] = &[$(ApiCall::$call,)+];

        impl ApiCall {
            /// The action that IAM has to allow.
            #[must_use]
            pub fn iam_action(self) -> &'static str {
                match self {
                    $(Self::$call => $action,)+
                }
            }
        }
    };
}

calls! {
    /// A login for registries.
    GetAuthorizationToken => "ecr:GetAuthorizationToken",
    /// Manifests by tag or digest.
    BatchGetImage => "ecr:BatchGetImage",
    /// Settings of a repository.
    DescribeRepositories => "ecr:DescribeRepositories",
    /// Credentials of a role.
    AssumeRole => "sts:AssumeRole",
    /// Size and metadata of an object.
    HeadObject => "s3:GetObject",
    /// An object in one request.
    PutObject => "s3:PutObject",
    /// Begins an object in parts.
    CreateMultipartUpload => "s3:PutObject",
    /// One part.
    UploadPart => "s3:PutObject",
    /// Joins the parts.
    CompleteMultipartUpload => "s3:PutObject",
    /// Throws the parts away.
    AbortMultipartUpload => "s3:AbortMultipartUpload",
    /// Removes an object.
    DeleteObject => "s3:DeleteObject",
    /// Settings of a project.
    BatchGetProjects => "codebuild:BatchGetProjects",
    /// Begins a build.
    StartBuild => "codebuild:StartBuild",
    /// Ends a build.
    StopBuild => "codebuild:StopBuild",
    /// States of builds.
    BatchGetBuilds => "codebuild:BatchGetBuilds",
    /// Lines of a log.
    GetLogEvents => "logs:GetLogEvents",
    /// Stores a parameter.
    PutParameter => "ssm:PutParameter",
    /// A parameter's value.
    GetParameter => "ssm:GetParameter",
    /// Parameters below a path.
    GetParametersByPath => "ssm:GetParametersByPath",
    /// Removes parameters.
    DeleteParameters => "ssm:DeleteParameters",
    /// A secret's value.
    GetSecretValue => "secretsmanager:GetSecretValue",
}

/// Actions that no call is named after, and that AWS asks for on the way.
const ON_THE_WAY: [&str; 6] = [
    "s3:ListBucket",
    "kms:GenerateDataKey",
    "kms:Decrypt",
    "kms:Encrypt",
    "iam:PassRole",
    "sts:AssumeRole",
];

impl fmt::Display for ApiCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.iam_action())
    }
}

/// The action that a refusal names as the missing one, if it is one that we know.
pub(super) fn named_action(said: &str) -> Option<&'static str> {
    let (_, after) = said.split_once("to perform: ")?;
    let named = after.split_whitespace().next()?.trim_end_matches(['.', ',']);
    let actions = CALLS.iter().map(|call| call.iam_action()).chain(ON_THE_WAY);
    actions.into_iter().find(|action| *action == named)
}
