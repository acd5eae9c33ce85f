//! Logs in: turns a challenge and a credential into the value of the `Authorization` header, and remembers it.
//!
//! Follows the token authentication of the distribution project: a token for one repository and action, asked for with
//! the password, with an identity token, or anonymously. What is remembered never outlives what the registry promised,
//! and is forgotten as soon as it is refused.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::answer;
use crate::challenge::Challenge;
use crate::credentials::{Credential, IDENTITY_TOKEN};
use crate::error::{Call, RegistryError};
use crate::http;
use crate::request::Scope;

const TOKEN_MAX: usize = 1 << 20;
const CLIENT_ID: &str = "pulumi-fastcontainer";

/// How long a token is good when its issuer does not say.
const TOKEN_LIFETIME: u64 = 60;

/// How long before its end a token is not used any more.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);

/// The value of an `Authorization` header.
#[derive(Debug, Clone)]
pub(crate) struct Authorization {
    pub(crate) header: SecretString,
    good_until: Option<Instant>,
}

/// What is remembered of earlier logins.
#[derive(Default)]
pub(crate) struct Logins {
    known: Mutex<HashMap<Scope, Authorization>>,
    challenges: Mutex<HashMap<String, Challenge>>,
}

impl Logins {
    /// The authorization that was last accepted for `scope`, while it is good.
    pub(crate) fn known(&self, scope: &Scope) -> Option<Authorization> {
        let known = lock(&self.known).get(scope).cloned()?;
        known.good_until.is_none_or(|end| end > Instant::now()).then_some(known)
    }

    pub(crate) fn remember(&self, scope: &Scope, authorization: Authorization) {
        lock(&self.known).insert(scope.clone(), authorization);
    }

    pub(crate) fn forget(&self, scope: &Scope) {
        lock(&self.known).remove(scope);
    }

    /// The challenge of this answer, or the last one of the host: an expired login is refused without a challenge.
    pub(crate) fn challenge(&self, host: &str, now: Option<Challenge>) -> Option<Challenge> {
        let mut challenges = lock(&self.challenges);
        match now {
            Some(challenge) => {
                challenges.insert(host.to_owned(), challenge.clone());
                Some(challenge)
            }
            None => challenges.get(host).cloned(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers `challenge`. `None` when it needs a password and there is none.
pub(crate) async fn authorize(
    client: &Client,
    challenge: &Challenge,
    scope: &Scope,
    credential: Option<&Credential>,
) -> Result<Option<Authorization>, RegistryError> {
    match challenge {
        Challenge::Basic => Ok(credential.map(|credential| Authorization {
            header: basic(credential),
            good_until: None,
        })),
        Challenge::Bearer { realm, service } => {
            let question = Question {
                realm,
                service: service.as_deref(),
                scope,
            };
            token(client, &question, credential).await.map(Some)
        }
    }
}

fn basic(credential: &Credential) -> SecretString {
    let pair = format!("{}:{}", credential.username, credential.password.expose_secret());
    format!("Basic {}", STANDARD.encode(pair)).into()
}

/// What a token is asked for.
struct Question<'a> {
    realm: &'a Url,
    service: Option<&'a str>,
    scope: &'a Scope,
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

async fn token(
    client: &Client,
    question: &Question<'_>,
    credential: Option<&Credential>,
) -> Result<Authorization, RegistryError> {
    let identity = credential.filter(|credential| credential.username == IDENTITY_TOKEN);
    let (builder, method) = match identity {
        Some(credential) => (by_identity_token(client, question, credential), "POST"),
        None => (by_password(client, question, credential), "GET"),
    };
    let call = Call::new(method, shown(question.realm));
    let asked = Instant::now();
    let answer = http::complete(builder, &call, TOKEN_MAX).await?;
    if answer.status != StatusCode::OK {
        let problem = answer::problem(&answer, call, question.scope.action, credential.is_some());
        return Err(problem);
    }
    let malformed = |problem: &str| RegistryError::Malformed {
        problem: problem.to_owned(),
        call: call.clone(),
    };
    // The parser's own message could repeat a piece of the token.
    let answer: TokenAnswer = serde_json::from_slice(&answer.body).map_err(|_| malformed("it holds no token"))?;
    let given = answer.token.or(answer.access_token).filter(|token| !token.is_empty());
    let token = given.ok_or_else(|| malformed("it holds no token"))?;
    let lifetime = Duration::from_secs(answer.expires_in.unwrap_or(TOKEN_LIFETIME));
    Ok(Authorization {
        header: format!("Bearer {token}").into(),
        good_until: asked.checked_add(lifetime.saturating_sub(TOKEN_MARGIN)),
    })
}

fn by_password(client: &Client, question: &Question<'_>, credential: Option<&Credential>) -> reqwest::RequestBuilder {
    let mut url = question.realm.clone();
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("scope", &question.scope.to_string());
        if let Some(service) = question.service {
            query.append_pair("service", service);
        }
    }
    let builder = client.get(url);
    match credential {
        Some(credential) => builder.basic_auth(&credential.username, Some(credential.password.expose_secret())),
        None => builder,
    }
}

fn by_identity_token(client: &Client, question: &Question<'_>, credential: &Credential) -> reqwest::RequestBuilder {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", CLIENT_ID)
        .append_pair("service", question.service.unwrap_or_default())
        .append_pair("scope", &question.scope.to_string())
        .append_pair("refresh_token", credential.password.expose_secret())
        .finish();
    client
        .post(question.realm.clone())
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form)
}

/// The realm as messages show it: whatever a registry put into it beside host and path stays out.
fn shown(realm: &Url) -> String {
    let port = realm.port().map_or_else(String::new, |port| format!(":{port}"));
    format!(
        "{}://{}{port}{}",
        realm.scheme(),
        realm.host_str().unwrap_or_default(),
        realm.path()
    )
}
