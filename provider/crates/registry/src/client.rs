//! The client: look a manifest up, put one, read which platform an image is for. Retries what may succeed later and logs in when asked to.
//!
//! Speaks the OCI distribution protocol through `reqwest` directly. Clients of that protocol were considered: they turn a
//! failed login into an anonymous request, cannot replace credentials that expired, read answers of any length into
//! memory, and hide the headers that say how long to wait and what was sent, and each of these would make an answer here
//! less than certain. Keeps no manifest: an answer is true when it is given. A call ends when its future is dropped.

use std::sync::Arc;

use reqwest::Client;
use tokio::sync::OnceCell;

use crate::answer;
use crate::authorization::{self, Logins};
use crate::challenge::{Challenge, Refusal};
use crate::credentials::CredentialSource;
use crate::error::RegistryError;
use crate::host;
use crate::http::{self, Answer};
use crate::manifest::{Manifest, platform_of_config};
use crate::reference::{Digest, Reference, Tag};
use crate::repository::Repository;
use crate::request::Request;
use crate::retry::{self, TRIES, Timing};

/// A client for any number of registries.
pub struct RegistryClient {
    credentials: Arc<dyn CredentialSource>,
    timing: Timing,
    local: OnceCell<Client>,
    remote: OnceCell<Client>,
    logins: Logins,
}

/// What became of a manifest that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is there, and the tag points at it.
    Stored,
    /// The tag exists, may not be moved, and is unchanged.
    TagImmutable,
}

impl RegistryClient {
    /// A client that logs in with `credentials`. Nothing is read or contacted before the first call.
    #[must_use]
    pub fn new(credentials: Arc<dyn CredentialSource>) -> Self {
        Self {
            credentials,
            timing: Timing::default(),
            local: OnceCell::new(),
            remote: OnceCell::new(),
            logins: Logins::default(),
        }
    }

    /// Sets other limits in time.
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        Self { timing, ..self }
    }

    /// The manifest under `reference`, verified against its digest. `None` only when there is definitely none; a missing
    /// repository is [`RegistryError::RepositoryMissing`].
    ///
    /// # Errors
    /// When the registry cannot be asked or does not answer the question.
    pub async fn look_up(
        &self,
        repository: &Repository,
        reference: &Reference,
    ) -> Result<Option<Manifest>, RegistryError> {
        let request = Request::get_manifest(repository, reference);
        let answer = self.call(&request).await?;
        answer::manifest(answer, request.call(), reference)
    }

    /// The digest of the manifest or index that `tag` points at. `None` only when there is definitely none.
    ///
    /// Asks for headers first, which counts against no limit of pulls; the digest is then the registry's word, which
    /// whoever pulls by it will verify. A registry that tells none is asked for the manifest itself.
    ///
    /// # Errors
    /// As [`RegistryClient::look_up`].
    pub async fn digest_of(&self, repository: &Repository, tag: &Tag) -> Result<Option<Digest>, RegistryError> {
        let reference = Reference::Tag(tag.clone());
        let answer = self.call(&Request::head_manifest(repository, &reference)).await?;
        if let Some(digest) = answer::content_digest(&answer.headers).filter(|_| answer.status.is_success()) {
            return Ok(Some(digest));
        }
        // Without a body, "no such manifest" cannot be told from a page of a proxy.
        let manifest = self.look_up(repository, &reference).await?;
        Ok(manifest.map(|manifest| manifest.digest))
    }

    /// The platform of an image as its configuration names it, `os/architecture[/variant]`.
    ///
    /// # Errors
    /// When the configuration cannot be read, or is not the one that the manifest names.
    pub async fn platform_of(&self, repository: &Repository, image: &Manifest) -> Result<String, RegistryError> {
        let expected = image.config_digest()?;
        let request = Request::get_blob(repository, &expected);
        let answer = self.call(&request).await?;
        if !answer.status.is_success() {
            return Err(answer::problem(&answer, request.call(), request.scope.action, true));
        }
        let actual = Digest::of(&answer.body);
        if actual != expected {
            let call = request.call();
            return Err(RegistryError::DigestMismatch { expected, actual, call });
        }
        platform_of_config(&answer.body).map_err(|error| RegistryError::Malformed {
            problem: format!("it is no image configuration: {error}"),
            call: request.call(),
        })
    }

    /// Stores `manifest`, whose blobs or images are in the repository already, under a tag or under its digest alone. A
    /// tag that exists is moved if the registry lets it: whether it should be is for the caller to decide.
    ///
    /// # Errors
    /// When the manifest was not stored, or it is not known whether it was.
    pub async fn put_manifest(
        &self,
        repository: &Repository,
        manifest: &Manifest,
        reference: impl Into<Reference>,
    ) -> Result<Put, RegistryError> {
        let request = Request::put_manifest(repository, manifest, &reference.into())?;
        let answer = self.call(&request).await?;
        if answer::is_tag_immutable(&answer) {
            return Ok(Put::TagImmutable);
        }
        if !answer.status.is_success() {
            return Err(answer::problem(&answer, request.call(), request.scope.action, true));
        }
        match answer::content_digest(&answer.headers) {
            Some(actual) if actual != manifest.digest => Err(RegistryError::DigestMismatch {
                expected: manifest.digest.clone(),
                actual,
                call: request.call(),
            }),
            _ => Ok(Put::Stored),
        }
    }

    async fn call(&self, request: &Request) -> Result<Answer, RegistryError> {
        let after = self.timing.whole_call;
        let timed_out = |_| RegistryError::TimedOut {
            after,
            call: request.call(),
        };
        tokio::time::timeout(after, self.persistently(request))
            .await
            .map_err(timed_out)?
    }

    /// Sends until there is an answer or it is time to give up.
    async fn persistently(&self, request: &Request) -> Result<Answer, RegistryError> {
        let mut tried = 1;
        loop {
            let outcome = self.logged_in(request).await;
            let (again, asked_for) = match &outcome {
                Ok(answer) => {
                    let busy = answer.status.as_u16() == 429 || answer.status.is_server_error();
                    (busy, retry::retry_after(&answer.headers))
                }
                Err(error) => (error.is_transient(), None),
            };
            if !again || tried == TRIES {
                return outcome;
            }
            let wait = retry::wait(&self.timing, tried, asked_for);
            tracing::debug!(call = %request.call(), tried, ?wait, "the registry will be asked again");
            tokio::time::sleep(wait).await;
            tried += 1;
        }
    }

    /// Sends with the login that is known, and logs in anew if it is refused: first with the credentials that the source
    /// remembers, then with fresh ones.
    async fn logged_in(&self, request: &Request) -> Result<Answer, RegistryError> {
        let client = self.client(request).await?;
        let known = self.logins.known(&request.scope);
        let mut answer = http::send(client, request, known.map(|known| known.header).as_ref()).await?;
        for fresh in [false, true] {
            if !answer::asks_for_login(&answer) {
                return Ok(answer);
            }
            self.logins.forget(&request.scope);
            if let Some(better) = self.log_in(client, request, &answer, fresh).await? {
                answer = better;
            }
        }
        if answer::asks_for_login(&answer) {
            Err(refused(&answer, request))
        } else {
            Ok(answer)
        }
    }

    /// One login and the request with it. `None` when the login itself was refused and a fresh one may be better.
    async fn log_in(
        &self,
        client: &Client,
        request: &Request,
        answer: &Answer,
        fresh: bool,
    ) -> Result<Option<Answer>, RegistryError> {
        let challenge = self.challenge(request, answer)?;
        let scope = &request.scope;
        let credential = self.credentials.credential(&scope.host, fresh).await?;
        let authorization = match authorization::authorize(client, &challenge, scope, credential.as_ref()).await {
            Ok(Some(authorization)) => authorization,
            Ok(None) => return Err(answer::problem(answer, request.call(), scope.action, false)),
            Err(error) if error.is_unauthenticated() && credential.is_some() && !fresh => return Ok(None),
            Err(error) => return Err(error),
        };
        let answer = http::send(client, request, Some(&authorization.header)).await?;
        if !answer::asks_for_login(&answer) {
            self.logins.remember(scope, authorization);
        } else if credential.is_none() {
            return Err(answer::problem(&answer, request.call(), scope.action, false));
        }
        Ok(Some(answer))
    }

    async fn client(&self, request: &Request) -> Result<&Client, RegistryError> {
        let local = host::is_loopback(&request.scope.host);
        let cell = if local { &self.local } else { &self.remote };
        cell.get_or_try_init(|| async { http::client(&self.timing, local) })
            .await
    }

    fn challenge(&self, request: &Request, answer: &Answer) -> Result<Challenge, RegistryError> {
        let refusal = Refusal::read(&answer.headers);
        let offered = self.logins.challenge(&request.scope.host, refusal.challenge);
        offered.ok_or_else(|| {
            let problem = match refusal.unsafe_realm {
                Some(realm) => format!(
                    "it asks for the password to be sent to `{}`, which is not protected",
                    realm.escape_default()
                ),
                None => "it asks for a login and offers no way to log in".to_owned(),
            };
            RegistryError::Malformed {
                problem,
                call: request.call(),
            }
        })
    }
}

/// The registry knows who we are, or does not want us.
fn refused(answer: &Answer, request: &Request) -> RegistryError {
    let problem = answer::problem(answer, request.call(), request.scope.action, true);
    match problem {
        RegistryError::Unauthenticated { call, said, .. } if Refusal::read(&answer.headers).insufficient_scope => {
            RegistryError::Denied {
                action: request.scope.action,
                call,
                said,
            }
        }
        other => other,
    }
}
