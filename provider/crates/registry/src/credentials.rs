//! Where logins come from: one small trait, a fixed list, and a chain that asks several sources in order.
//!
//! A source is asked at the time of use and for one host, so that nothing is fetched, unlocked or handed out that no
//! request needs. Nothing here stores or prints a password.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use crate::host;

/// The user name that stands for "the password is an identity token".
pub(crate) const IDENTITY_TOKEN: &str = "<token>";

/// A login for one host.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The user's name; `<token>` when the password is an identity token, as with Docker's credential helpers.
    pub username: String,
    /// The password or token.
    pub password: SecretString,
}

/// A source that should know a login cannot say.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The source failed.
    #[error("the credentials for `{host}` cannot be obtained")]
    Failed {
        /// The registry's host.
        host: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A credential helper did not answer in time.
    #[error("the credential helper for `{host}` did not answer within {seconds} s")]
    HelperTimedOut {
        /// The registry's host.
        host: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl CredentialError {
    /// A source for `host` failed because of `source`.
    #[must_use]
    pub fn other(host: impl Into<String>, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed {
            host: host.into(),
            source: source.into(),
        }
    }
}

/// Somebody who knows logins of registries.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The login for `host`, or `None` when this source has none. `fresh` is set when the last answer was refused: what
    /// was remembered from before must not be given again.
    ///
    /// # Errors
    /// When the source should know and cannot say.
    async fn credential(&self, host: &str, fresh: bool) -> Result<Option<Credential>, CredentialError>;
}

/// Logins that were given in the configuration.
pub struct StaticCredentials {
    by_host: HashMap<String, Credential>,
}

impl StaticCredentials {
    /// Takes address, user name and password of each login. An address may have a scheme and a trailing path, and Docker
    /// Hub any of its names; the last login for an address wins.
    #[must_use]
    pub fn new(logins: impl IntoIterator<Item = (String, String, SecretString)>) -> Self {
        let by_host = logins
            .into_iter()
            .map(|(address, username, password)| (host::canonical(&address), Credential { username, password }));
        Self {
            by_host: by_host.collect(),
        }
    }
}

#[async_trait]
impl CredentialSource for StaticCredentials {
    async fn credential(&self, host: &str, _fresh: bool) -> Result<Option<Credential>, CredentialError> {
        Ok(self.by_host.get(&host::canonical(host)).cloned())
    }
}

/// Sources that are asked in order; the first login counts.
pub struct Chain {
    sources: Vec<Arc<dyn CredentialSource>>,
}

impl Chain {
    /// Asks `sources` in this order.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn CredentialSource>>) -> Self {
        Self { sources }
    }
}

#[async_trait]
impl CredentialSource for Chain {
    /// A source that fails does not hide a later one that knows; its error counts when no other does.
    async fn credential(&self, host: &str, fresh: bool) -> Result<Option<Credential>, CredentialError> {
        let mut failure = None;
        for source in &self.sources {
            match source.credential(host, fresh).await {
                Ok(Some(credential)) => return Ok(Some(credential)),
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(host, %error, "a source of credentials failed");
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing;

    #[async_trait]
    impl CredentialSource for Failing {
        async fn credential(&self, host: &str, _fresh: bool) -> Result<Option<Credential>, CredentialError> {
            Err(CredentialError::other(host, "keychain is locked"))
        }
    }

    fn fixed(address: &str, user: &str) -> Arc<dyn CredentialSource> {
        Arc::new(StaticCredentials::new([(
            address.to_owned(),
            user.to_owned(),
            "hunter2".into(),
        )]))
    }

    async fn user(source: &dyn CredentialSource, host: &str) -> Option<String> {
        source
            .credential(host, false)
            .await
            .unwrap()
            .map(|credential| credential.username)
    }

    #[tokio::test]
    async fn addresses_are_compared_by_what_they_mean() {
        let hub = fixed("https://index.docker.io/v1/", "me");
        for host in ["docker.io", "registry-1.docker.io", "index.docker.io"] {
            assert_eq!(user(&*hub, host).await.as_deref(), Some("me"), "{host}");
        }
        assert_eq!(
            user(&*fixed("https://GHCR.io/", "me"), "ghcr.io").await.as_deref(),
            Some("me")
        );
        assert_eq!(user(&*fixed("ghcr.io", "me"), "ghcr.io.example.com").await, None);
    }

    #[tokio::test]
    async fn first_source_that_knows_counts_even_behind_one_that_fails() {
        let chain = Chain::new(vec![
            fixed("a.io", "first"),
            Arc::new(Failing),
            fixed("a.io", "second"),
            fixed("b.io", "third"),
        ]);
        assert_eq!(user(&chain, "a.io").await.as_deref(), Some("first"));
        assert_eq!(user(&chain, "b.io").await.as_deref(), Some("third"));
        assert!(chain.credential("c.io", false).await.is_err());
    }

    #[tokio::test]
    async fn debug_output_has_no_password() {
        let credential = fixed("a.io", "me").credential("a.io", false).await.unwrap().unwrap();
        assert!(!format!("{credential:?}").contains("hunter2"));
    }
}
