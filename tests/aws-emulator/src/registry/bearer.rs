//! Anonymous Bearer tokens of public registries: the challenge, the token server, the check.
//!
//! A token covers pulling the repositories that were asked for and that exist; asking for the right to push gives
//! a token without it, as Docker Hub does. Logging in is not offered.
//! Follows "Token Authentication Specification" of the distribution project.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::error::{RegistryError, error_reply};
use super::{Exchange, Resource};
use crate::clock;
use crate::emulator::Emulator;
use crate::random;
use crate::reply::{self, Reply};
use crate::store::RepositoryKey;

const LIFETIME_SECONDS: i64 = 300;

/// Name that Docker Hub's repositories are filed under.
pub(crate) const DOCKER_HUB: &str = "docker.io";

/// All anonymous tokens that were issued.
#[derive(Default)]
pub(crate) struct BearerTokens {
    issued: Mutex<HashMap<String, Grant>>,
}

#[derive(Clone)]
struct Grant {
    pulls: BTreeSet<RepositoryKey>,
    expires_at: i64,
}

/// Answers a request to the token server of the public registry `name`.
pub(crate) fn answer(emulator: &Emulator, parts: &Parts, name: &str) -> Reply {
    if parts.method != Method::GET {
        return error_reply(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "only GET is offered");
    }
    let query: Vec<(String, String)> = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect();
    if !query
        .iter()
        .any(|(key, value)| key == "service" && value == service(name))
    {
        return error_reply(
            StatusCode::BAD_REQUEST,
            "UNSUPPORTED",
            "service is not that of this registry",
        );
    }
    let scopes = query
        .iter()
        .filter(|(key, _)| key == "scope")
        .flat_map(|(_, scopes)| scopes.split(' '));
    let asked = scopes.filter_map(|scope| {
        let (repository, actions) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
        let key = RepositoryKey {
            registry: name.to_owned(),
            name: repository.to_owned(),
        };
        actions.split(',').any(|action| action == "pull").then_some(key)
    });
    let pulls = asked.filter(|key| emulator.catalog.look(key, |_| ()).is_ok()).collect();
    let token = random::hex(300);
    let now = clock::now();
    let grant = Grant {
        pulls,
        expires_at: now + LIFETIME_SECONDS,
    };
    emulator
        .bearer
        .issued
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(token.clone(), grant);
    let issued_at = clock::iso8601(now);
    reply::json(
        StatusCode::OK,
        &json!({"token": token, "access_token": token, "expires_in": LIFETIME_SECONDS, "issued_at": issued_at}),
    )
}

/// Refuses requests whose token does not cover them.
pub(super) fn admit(exchange: &Exchange<'_>, resource: &Resource) -> Result<(), RegistryError> {
    let is_push = resource.is_push(&exchange.parts.method);
    let scope = resource
        .repository()
        .map(|name| (name, if is_push { "pull,push" } else { "pull" }));
    let refuse = |error: &str| {
        Err(RegistryError::Unauthorized {
            challenge: challenge(exchange, scope, error),
        })
    };
    let Some(token) = exchange
        .header(AUTHORIZATION)
        .and_then(|value| value.strip_prefix("Bearer "))
    else {
        return refuse("");
    };
    let grants = exchange
        .emulator
        .bearer
        .issued
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    match grants.get(token) {
        Some(grant) if grant.expires_at > clock::now() => match resource.repository() {
            Some(name) if is_push || !grant.pulls.contains(&exchange.key(name)) => refuse("insufficient_scope"),
            _ => Ok(()),
        },
        _ => refuse("invalid_token"),
    }
}

fn challenge(exchange: &Exchange<'_>, scope: Option<(&str, &str)>, error: &str) -> String {
    let name = &exchange.registry.name;
    let realm = if name == DOCKER_HUB {
        "https://auth.docker.io/token".to_owned()
    } else {
        format!("{}/token", exchange.origin)
    };
    let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{}\"", service(name));
    if let Some((repository, actions)) = scope {
        challenge.push_str(&format!(",scope=\"repository:{repository}:{actions}\""));
    }
    if !error.is_empty() {
        challenge.push_str(&format!(",error=\"{error}\""));
    }
    challenge
}

fn service(name: &str) -> &str {
    if name == DOCKER_HUB { "registry.docker.io" } else { name }
}
