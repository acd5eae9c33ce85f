//! Parameters of Systems Manager that live as long as a build.
//!
//! A value goes in as SecureString and is never read back. Names are the caller's, below a path of its own, so that what
//! a crash left behind can be found and removed by age.

use std::time::{Duration, SystemTime};

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{ParameterTier, ParameterType};
use secrecy::{ExposeSecret as _, SecretString};

use crate::aws::Aws;
use crate::error::{ApiCall, AwsError};

/// Bytes that a parameter takes without a charge.
const STANDARD_MAX: usize = 4096;

/// Bytes that any parameter takes.
const ADVANCED_MAX: usize = 8192;

/// Names that one call may remove.
const DELETE_MAX: usize = 10;

/// The parameters of a region.
#[derive(Clone)]
pub struct Parameters {
    aws: Aws,
    region: String,
}

impl Parameters {
    pub(crate) fn new(aws: Aws, region: &str) -> Self {
        Self {
            aws,
            region: region.to_owned(),
        }
    }

    /// Stores a value under `name`, encrypted with the account's own key. A value of more than 4096 bytes takes an
    /// advanced parameter, which AWS bills by the hour.
    ///
    /// # Errors
    /// [`AwsError::ValueTooLarge`] over 8192 bytes, and what every call may meet.
    pub async fn put_secure(&self, name: &str, value: &SecretString) -> Result<(), AwsError> {
        let secret = value.expose_secret();
        if secret.len() > ADVANCED_MAX {
            return Err(AwsError::ValueTooLarge {
                name: name.to_owned(),
                size: secret.len(),
                limit: ADVANCED_MAX,
            });
        }
        let tier = if secret.len() > STANDARD_MAX {
            ParameterTier::Advanced
        } else {
            ParameterTier::Standard
        };
        // Overwriting makes a repeated request harmless.
        let call = self
            .client()
            .await?
            .put_parameter()
            .name(name)
            .value(secret)
            .r#type(ParameterType::SecureString)
            .tier(tier)
            .overwrite(true);
        let answer = call.send().await;
        answer
            .map(|_| ())
            .map_err(|error| AwsError::of(ApiCall::PutParameter, error))
    }

    /// Removes parameters; they need not be there. All are tried.
    ///
    /// # Errors
    /// The first failure.
    pub async fn delete(&self, names: &[String]) -> Result<(), AwsError> {
        if names.is_empty() {
            return Ok(());
        }
        let client = self.client().await?;
        let mut first = Ok(());
        for names in names.chunks(DELETE_MAX) {
            let answer = client.delete_parameters().set_names(Some(names.to_vec())).send().await;
            if let Err(error) = answer {
                first = first.and(Err(AwsError::of(ApiCall::DeleteParameters, error)));
            }
        }
        first
    }

    /// Removes the parameters below `path` (such as `/name/`) that are older than `age`; gives their names. Values are
    /// not decrypted.
    ///
    /// # Errors
    /// What every call may meet.
    pub async fn sweep(&self, path: &str, age: Duration) -> Result<Vec<String>, AwsError> {
        let client = self.client().await?;
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut old = Vec::new();
        let mut next = None;
        loop {
            let call = client
                .get_parameters_by_path()
                .path(path)
                .recursive(true)
                .set_next_token(next);
            let page = call.send().await;
            let page = page.map_err(|error| AwsError::of(ApiCall::GetParametersByPath, error))?;
            for parameter in page.parameters() {
                let changed = parameter
                    .last_modified_date()
                    .and_then(|at| SystemTime::try_from(*at).ok());
                if let (Some(name), Some(changed)) = (parameter.name(), changed)
                    && changed < before
                {
                    old.push(name.to_owned());
                }
            }
            next = page.next_token;
            if next.as_deref().is_none_or(str::is_empty) {
                break;
            }
        }
        self.delete(&old).await?;
        Ok(old)
    }

    async fn client(&self) -> Result<Client, AwsError> {
        self.aws.ssm(&self.region).await
    }
}
