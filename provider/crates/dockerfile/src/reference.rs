//! Image names in their full and in their short form.
//!
//! `alpine`, `docker.io/library/alpine` and `index.docker.io/library/alpine:latest` are one image. The full form is what
//! BuildKit shows and pulls, the short form is the key under which it looks for a named context. Only the rules that
//! tell these forms apart are here; whether a name is valid is the builder's to say. Specification: the reference
//! grammar of distribution.

/// Host of names that name none.
const DEFAULT_HOST: &str = "docker.io";

/// A name taken apart.
struct Parts<'a> {
    host: &'a str,
    /// Path of the repository, `library/` included.
    path: String,
    /// Tag and digest as written, with `:` and `@`.
    suffix: &'a str,
}

fn parts(name: &str) -> Parts<'_> {
    let (host, rest) = match name.split_once('/') {
        Some(("index.docker.io", rest)) => (DEFAULT_HOST, rest),
        Some((first, rest)) if is_host(first) => (first, rest),
        _ => (DEFAULT_HOST, name),
    };
    let end = rest.find(['@', ':']).unwrap_or(rest.len());
    let (path, suffix) = rest.split_at(end);
    let path = if host == DEFAULT_HOST && !path.contains('/') {
        format!("library/{path}")
    } else {
        path.to_owned()
    };
    Parts { host, path, suffix }
}

fn is_host(word: &str) -> bool {
    word == "localhost" || word.contains(['.', ':']) || word != word.to_lowercase()
}

/// Returns the name with host, path and tag written out.
pub(crate) fn full(name: &str) -> String {
    let Parts { host, path, suffix } = parts(name);
    let tag = if suffix.is_empty() { ":latest" } else { "" };
    format!("{host}/{path}{suffix}{tag}")
}

/// Returns the key under which the frontend looks for a named context of this name: the short form without `:latest`.
///
/// Whoever sends a named context to the builder has to send it under this key, or the builder never finds it.
#[must_use]
pub fn context_key(name: &str) -> String {
    let Parts { host, path, suffix } = parts(name);
    let suffix = suffix.strip_suffix(":latest").unwrap_or(suffix);
    let short = path.strip_prefix("library/").filter(|short| !short.contains('/'));
    match short {
        Some(short) if host == DEFAULT_HOST => format!("{short}{suffix}"),
        _ if host == DEFAULT_HOST => format!("{path}{suffix}"),
        _ => format!("{host}/{path}{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{context_key, full};

    #[test]
    fn spellings_of_one_image_have_one_full_and_one_short_form() {
        let table = [
            ("alpine", "docker.io/library/alpine:latest", "alpine"),
            (
                "docker.io/library/alpine:latest",
                "docker.io/library/alpine:latest",
                "alpine",
            ),
            ("index.docker.io/alpine:3", "docker.io/library/alpine:3", "alpine:3"),
            ("acme/tool", "docker.io/acme/tool:latest", "acme/tool"),
            ("localhost/a", "localhost/a:latest", "localhost/a"),
            ("host:5000/a/b:1", "host:5000/a/b:1", "host:5000/a/b:1"),
            ("a@sha256:00", "docker.io/library/a@sha256:00", "a@sha256:00"),
        ];
        for (name, long, short) in table {
            assert_eq!(
                (full(name).as_str(), context_key(name).as_str()),
                (long, short),
                "{name}"
            );
        }
    }
}
