//! One spelling for each image reference, the one that builders use. Pure.
//!
//! Follows the grammar of Docker's references: a name without a host lives on Docker Hub, a single component there
//! under `library/`, and a reference without tag and digest means `latest`.
//!
//! Refuses nothing but the obviously impossible: whether an image exists is for the builder to find out.

/// Docker Hub as it is written in references.
const DOCKER_HUB: &str = "docker.io";
/// Another name for it, which builders replace.
const DOCKER_HUB_INDEX: &str = "index.docker.io";

/// The spelling under which builders know an image: `alpine` is `docker.io/library/alpine:latest`. `None` for what is
/// no image reference, such as `scratch` or a text with a variable in it.
#[must_use]
pub fn canonical_reference(reference: &str) -> Option<String> {
    let impossible = |byte: u8| !byte.is_ascii_graphic() || matches!(byte, b'$' | b'*');
    if reference.is_empty() || reference == "scratch" || reference.contains("://") || reference.bytes().any(impossible)
    {
        return None;
    }
    let (host, rest) = match reference.split_once('/') {
        Some((DOCKER_HUB_INDEX, rest)) => (DOCKER_HUB, rest),
        Some((host, rest)) if is_host(host) => (host, rest),
        _ => (DOCKER_HUB, reference),
    };
    let library = if host == DOCKER_HUB && !rest.contains('/') {
        "library/"
    } else {
        ""
    };
    let latest = if rest.contains([':', '@']) { "" } else { ":latest" };
    Some(format!("{host}/{library}{rest}{latest}"))
}

/// The key under which the frontend looks a named context up: the short spelling, `latest` left out.
pub(crate) fn context_key(name: &str) -> String {
    let Some(canonical) = canonical_reference(name) else {
        return name.to_owned();
    };
    let hub = canonical
        .strip_prefix(DOCKER_HUB)
        .and_then(|rest| rest.strip_prefix('/'));
    let short = match hub {
        Some(rest) => rest
            .strip_prefix("library/")
            .filter(|rest| !rest.contains('/'))
            .unwrap_or(rest),
        None => &canonical,
    };
    short.strip_suffix(":latest").unwrap_or(short).to_owned()
}

fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':']) || component.chars().any(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_have_one_spelling() {
        let digest = format!("sha256:{}", "0".repeat(64));
        let with_digest = format!("ghcr.io/a/b@{digest}");
        let rows = [
            ("alpine", "docker.io/library/alpine:latest"),
            ("alpine:3", "docker.io/library/alpine:3"),
            ("docker.io/alpine", "docker.io/library/alpine:latest"),
            ("index.docker.io/me/app", "docker.io/me/app:latest"),
            ("me/app:v1", "docker.io/me/app:v1"),
            ("localhost/app", "localhost/app:latest"),
            ("localhost:5000/app", "localhost:5000/app:latest"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
            ("a.example/b/c:d", "a.example/b/c:d"),
            (with_digest.as_str(), with_digest.as_str()),
        ];
        for (written, canonical) in rows {
            assert_eq!(canonical_reference(written).as_deref(), Some(canonical), "{written}");
            assert_eq!(
                canonical_reference(canonical).as_deref(),
                Some(canonical),
                "{canonical}"
            );
        }
    }

    #[test]
    fn what_is_no_image_has_no_spelling() {
        for text in [
            "",
            "scratch",
            "$BASE",
            "two words",
            "docker-image://alpine",
            "bild\u{e4}r",
        ] {
            assert_eq!(canonical_reference(text), None, "{text}");
        }
    }

    #[test]
    fn named_contexts_are_looked_up_by_their_short_names() {
        let rows = [
            ("src", "src"),
            ("alpine:latest", "alpine"),
            ("docker.io/library/alpine:3", "alpine:3"),
            ("docker.io/me/app", "me/app"),
            ("ghcr.io/me/app:latest", "ghcr.io/me/app"),
            ("localhost:5000/app:v1", "localhost:5000/app:v1"),
        ];
        for (written, key) in rows {
            assert_eq!(context_key(written), key, "{written}");
        }
    }
}
