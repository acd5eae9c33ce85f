//! Who may do what at a registry.
//!
//! ECR: Basic with user `AWS` and a token of the same region, and the rights that policies give the token's owner.
//! Public: a Bearer token that covers the repository, for pulling only. Plain: the configured user, if there is one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};

use super::error::RegistryError;
use super::{Exchange, Kind, Resource, bearer};
use crate::aws::Gate;
use crate::ecr::policy_of;

impl Exchange<'_> {
    /// Refuses callers who may not do what they ask for.
    pub(super) fn admit(&self, resource: &Resource) -> Result<(), RegistryError> {
        match &self.registry.kind {
            Kind::Ecr { account, region } => self.admit_to_ecr(resource, (account, region)),
            Kind::Public => bearer::admit(self, resource),
            Kind::Plain => self.admit_to_plain(),
        }
    }

    fn admit_to_ecr(&self, resource: &Resource, (account, region): (&str, &str)) -> Result<(), RegistryError> {
        let challenge = format!(
            "Basic realm=\"https://{}/\",service=\"ecr.amazonaws.com\"",
            self.registry.name
        );
        let login = match self.basic() {
            Some((user, token)) if user == "AWS" => self.emulator.tokens.find(&token),
            _ => None,
        };
        let login = login
            .filter(|login| login.region == region)
            .ok_or(RegistryError::Unauthorized { challenge })?;
        if login.is_expired() {
            return Err(RegistryError::TokenExpired);
        }
        let Some(name) = resource.repository() else {
            return Ok(());
        };
        let has_body = self.header(CONTENT_LENGTH) != Some("0");
        let arn = format!("arn:aws:ecr:{region}:{account}:repository/{name}");
        let policy = policy_of(self.emulator, &self.key(name));
        let gate = Gate {
            account,
            policy: policy.as_ref(),
        };
        for action in resource.iam_actions(&self.parts.method, has_body) {
            self.emulator
                .permissions
                .check_at(&login.identity, (action, &arn), &gate)?;
        }
        Ok(())
    }

    fn admit_to_plain(&self) -> Result<(), RegistryError> {
        let Some((user, password)) = &self.emulator.plain_login else {
            return Ok(());
        };
        match self.basic() {
            Some((given_user, given)) if given_user == *user && given == *password => Ok(()),
            _ => Err(RegistryError::Unauthorized {
                challenge: "Basic realm=\"registry\"".to_owned(),
            }),
        }
    }

    fn basic(&self) -> Option<(String, String)> {
        let (scheme, encoded) = self.header(AUTHORIZATION)?.split_once(' ')?;
        let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        scheme
            .eq_ignore_ascii_case("basic")
            .then(|| (user.to_owned(), password.to_owned()))
    }
}
