//! Where the values of secrets come from. Pure: nothing is read here.
//!
//! A program gives a value itself, which its state keeps encrypted, or a reference, which keeps the value out of the
//! state: an ARN of Secrets Manager or of Parameter Store, an environment variable, or a file. A plan knows values and
//! ARNs only: what lives on this machine has been read before, and who builds resolves the ARNs.

use std::fmt;

use secrecy::SecretSlice;

/// A reference to a secret, as a program writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretReference {
    /// `env:NAME`, an environment variable of the machine that runs Pulumi.
    Environment(String),
    /// `file:PATH`, a file of that machine, relative to the directory that the program runs in.
    File(String),
    /// A secret of AWS.
    Aws(AwsSecret),
}

/// A secret of AWS: of Secrets Manager, with `:json-key:version-stage:version-id` behind its ARN if wanted, or of
/// Parameter Store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsSecret {
    /// The reference as it was written, which is how CodeBuild takes it.
    pub text: String,
    /// What it refers to.
    pub reference: fastcontainer_aws::SecretReference,
}

/// Where a plan has the value of a secret.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// The value itself.
    Value(SecretSlice<u8>),
    /// AWS; whoever builds asks for it.
    Aws(AwsSecret),
}

/// Not a reference. The text that was written is not repeated: it may be the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be the ARN of a Secrets Manager secret or of an SSM parameter, `env:NAME` or `file:PATH`; a value goes into `secrets`"
)]
pub struct NotAReference;

impl SecretReference {
    /// Reads a reference.
    ///
    /// # Errors
    /// When it is none of the four.
    pub fn parse(text: &str) -> Result<Self, NotAReference> {
        if let Some(name) = text.strip_prefix("env:") {
            let fits = !name.is_empty() && !name.contains(['=', '\0']);
            return fits.then(|| Self::Environment(name.to_owned())).ok_or(NotAReference);
        }
        if let Some(path) = text.strip_prefix("file:") {
            let fits = !path.is_empty() && !path.contains('\0');
            return fits.then(|| Self::File(path.to_owned())).ok_or(NotAReference);
        }
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        let reference = fastcontainer_aws::SecretReference::parse(text).filter(|_| printable);
        let text = text.to_owned();
        reference
            .map(|reference| Self::Aws(AwsSecret { text, reference }))
            .ok_or(NotAReference)
    }
}

impl fmt::Display for SecretReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{path}"),
            Self::Aws(secret) => f.write_str(&secret.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_reference_is_read_and_written_as_it_was() {
        let manager = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:npm-AbCdEf";
        let parameter = "arn:aws-cn:ssm:cn-north-1:123456789012:parameter/team/npm";
        for text in [
            "env:NPM_TOKEN",
            "file:../.npmrc",
            "file:C:\\x",
            manager,
            &format!("{manager}:token::"),
            parameter,
        ] {
            assert_eq!(SecretReference::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_without_being_repeated() {
        for text in [
            "",
            "hunter2-canary",
            "env:",
            "env:A=B",
            "file:",
            "ENV:X",
            "arn:aws:s3:::bucket",
            "arn:aws:ssm:eu-central-1:123456789012:parameter",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/",
            "arn:aws:ssm::123456789012:parameter/x",
            "arn:aws:secretsmanager:eu-central-1:12:secret:x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x:a:b:c:d",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x y",
        ] {
            let refused = SecretReference::parse(text).unwrap_err();
            assert!(!refused.to_string().contains("canary"), "{text}");
        }
    }

    #[test]
    fn debug_of_a_plan_shows_no_value() {
        let source = SecretSource::Value(b"canary".to_vec().into());
        assert!(!format!("{source:?}").contains("canary"));
    }
}
