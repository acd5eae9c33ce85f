//! Reads the `WWW-Authenticate` header: how a registry wants to be logged in to.
//!
//! Follows the token authentication of the distribution project and RFC 7235. A registry that offers several ways is
//! answered with a token, the way that does not repeat the password in every request.

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use url::Url;

use crate::host;

/// How a registry wants to be logged in to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// The password in every request.
    Basic,
    /// A token from `realm`.
    Bearer { realm: Url, service: Option<String> },
}

/// What the header of a refused request says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The way to log in, if a usable one is offered.
    pub(crate) challenge: Option<Challenge>,
    /// Whether the login was good and does not reach far enough.
    pub(crate) insufficient_scope: bool,
    /// A realm that must not be sent a password.
    pub(crate) unsafe_realm: Option<String>,
}

impl Refusal {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let mut refusal = Self::default();
        for value in headers
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .filter_map(|value| value.to_str().ok())
        {
            for challenge in http_auth::parse_challenges(value).unwrap_or_default() {
                refusal.add(&challenge);
            }
        }
        refusal
    }

    fn add(&mut self, challenge: &http_auth::ChallengeRef<'_>) {
        let param = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        self.insufficient_scope |= param("error").is_some_and(|error| error == "insufficient_scope");
        if challenge.scheme.eq_ignore_ascii_case("bearer") {
            let Some(realm) = param("realm") else { return };
            match Url::parse(&realm).ok().filter(is_safe) {
                Some(realm) => {
                    self.challenge = Some(Challenge::Bearer {
                        realm,
                        service: param("service"),
                    })
                }
                None => self.unsafe_realm = Some(realm),
            }
        } else if challenge.scheme.eq_ignore_ascii_case("basic") && self.challenge.is_none() {
            self.challenge = Some(Challenge::Basic);
        }
    }
}

/// A password is sent over TLS or to this machine.
fn is_safe(realm: &Url) -> bool {
    match realm.scheme() {
        "https" => true,
        "http" => realm.host_str().is_some_and(host::is_loopback),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Refusal {
        Refusal::read(
            &values
                .iter()
                .map(|value| (WWW_AUTHENTICATE, value.parse().unwrap()))
                .collect(),
        )
    }

    fn bearer(realm: &str, service: &str) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: realm.parse().unwrap(),
            service: Some(service.to_owned()),
        })
    }

    #[test]
    fn challenges_of_real_registries() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull",error="insufficient_scope""#;
        let ecr = r#"Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#;
        let refusal = read(&[hub]);
        assert_eq!(
            refusal.challenge,
            bearer("https://auth.docker.io/token", "registry.docker.io")
        );
        assert!(refusal.insufficient_scope);
        assert_eq!(read(&[ecr]).challenge, Some(Challenge::Basic));
        assert_eq!(
            read(&[r#"basic realm=x"#, r#"BEARER realm="https://a/t", service="s""#]).challenge,
            bearer("https://a/t", "s")
        );
    }

    #[test]
    fn a_realm_without_tls_is_for_this_machine_only() {
        assert_eq!(
            read(&[r#"Bearer realm="http://127.0.0.1:1/t",service="s""#]).challenge,
            bearer("http://127.0.0.1:1/t", "s")
        );
        for realm in [
            "http://auth.example.com/t",
            "file:///etc/passwd",
            "/token",
            "http://localhost.example.com/",
        ] {
            let refusal = read(&[&format!(r#"Bearer realm="{realm}""#)]);
            assert_eq!(
                (refusal.challenge, refusal.unsafe_realm.as_deref()),
                (None, Some(realm))
            );
        }
    }

    #[test]
    fn no_usable_challenge_is_none() {
        for values in [&[][..], &["Negotiate"], &["Bearer"], &["\u{7f}garbage,,,="]] {
            let headers = values
                .iter()
                .filter_map(|value| Some((WWW_AUTHENTICATE, value.parse().ok()?)))
                .collect();
            assert_eq!(Refusal::read(&headers).challenge, None, "{values:?}");
        }
    }
}
