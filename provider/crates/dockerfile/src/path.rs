//! Sources of `COPY` and `ADD`: which are no paths, and what a path is relative to the context.
//!
//! A source that is not certainly remote counts as a path, which at worst covers too much. Paths are cleaned by name
//! alone and cannot leave the context. Specification: BuildKit's frontend (`dfgitutil`, `path.Join`) and Go's
//! `filepath.Match`.

use crate::reads::Why;
use crate::scope::shortened;

/// Cleans a path below the root; the result is relative and empty for the root itself.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Splits a source of `COPY --parents` at its pivot; returns the directory before it and the whole path.
pub(crate) fn pivoted(source: &str) -> (String, String) {
    let (parent, rest) = source.split_once("/./").unwrap_or(("", source));
    let (parent, rest) = (clean(parent), clean(rest));
    let path = match (parent.is_empty(), rest.is_empty()) {
        (true, _) => rest,
        (_, true) => parent.clone(),
        _ => format!("{parent}/{rest}"),
    };
    (parent, path)
}

/// Refuses paths that the builder's parts do not all read in one way.
pub(crate) fn check(path: &str, takes_wildcards: bool) -> Result<(), Why> {
    if path.contains('\u{fffd}') {
        return Err(Why::NotUtf8(shortened(path)));
    }
    let plain = !path.contains('\\')
        && if takes_wildcards {
            path.split('/').all(brackets_fit)
        } else {
            !path.contains(['*', '?', '['])
        };
    // An exclamation mark in front turns a pattern into an exception.
    if plain && !path.starts_with('!') {
        Ok(())
    } else {
        Err(Why::AmbiguousPath(shortened(path)))
    }
}

/// Whether each bracket expression in a name is of the plain form: characters and ranges, possibly negated by `^`.
fn brackets_fit(name: &str) -> bool {
    let mut rest = name;
    while let Some((_, inside)) = rest.split_once('[') {
        let Some((set, behind)) = inside.split_once(']') else {
            return false;
        };
        if !set_fits(set.strip_prefix('^').unwrap_or(set)) {
            return false;
        }
        rest = behind;
    }
    true
}

fn set_fits(set: &str) -> bool {
    let mut chars = set.chars().peekable();
    if chars.peek().is_none() {
        return false;
    }
    while let Some(low) = chars.next() {
        if !low.is_alphanumeric() && !matches!(low, '_' | '.' | ' ') {
            return false;
        }
        if chars.next_if_eq(&'-').is_some() && !chars.next().is_some_and(|high| high.is_alphanumeric() && low <= high) {
            return false;
        }
    }
    true
}

/// Whether `ADD` takes the source from the network.
pub(crate) fn is_remote(source: &str) -> bool {
    is_http(source) || is_git(source)
}

/// Whether the source begins like a web address, in lower case.
pub(crate) fn is_http(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://")
}

/// Whether the source is a Git repository: an `ssh` or `git` address, or `user@host:path`.
fn is_git(source: &str) -> bool {
    // Characters that an address cannot hold, or that need more rules than are worth having here.
    if source.contains(|c: char| c.is_ascii_control() || matches!(c, ' ' | '%' | '?' | '[' | '\\')) {
        return false;
    }
    if let Some((scheme, rest)) = source.split_once("://") {
        let known = scheme.eq_ignore_ascii_case("ssh") || scheme.eq_ignore_ascii_case("git");
        let place = rest.split(['/', '#']).next().unwrap_or_default();
        let (host, port) = place.split_once(':').unwrap_or((place, ""));
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '@');
        return known && !host.is_empty() && host.chars().all(fits) && port.bytes().all(|byte| byte.is_ascii_digit());
    }
    let Some((user, (host, _))) = source
        .split_once('@')
        .and_then(|(user, rest)| Some((user, rest.split_once(':')?)))
    else {
        return false;
    };
    let fits = |word: &str, extra: char| {
        !word.is_empty()
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == extra)
    };
    fits(user, '_') && fits(host, '.')
}

#[cfg(test)]
mod tests {
    use super::{check, clean, is_remote, pivoted};

    #[test]
    fn paths_are_cleaned_and_cannot_leave_the_context() {
        for (path, expected) in [
            ("a", "a"),
            ("/a/b/", "a/b"),
            ("./a//b/.", "a/b"),
            ("../../a", "a"),
            ("a/../b", "b"),
            (".", ""),
            ("/", ""),
            ("", ""),
            ("a*/../b", "b"),
        ] {
            assert_eq!(clean(path), expected, "{path}");
        }
    }

    #[test]
    fn the_pivot_is_a_clean_directory_of_its_own() {
        for (source, parent, path) in [
            ("a/b", "", "a/b"),
            ("a/./b", "a", "a/b"),
            ("./a/./b/./c", "a", "a/b/c"),
            ("a/b/./../c", "a/b", "a/b/c"),
            ("/./a", "", "a"),
            ("a/././", "a", "a"),
        ] {
            assert_eq!(pivoted(source), (parent.to_owned(), path.to_owned()), "{source}");
        }
    }

    #[test]
    fn remote_sources_are_addresses_and_git_repositories() {
        for source in [
            "http://x/y",
            "https://x/y.git#main",
            "git://github.com/a/b",
            "ssh://git@host:22/a",
            "git@github.com:a/b.git",
            "git@github.com:a/b.git#v1:sub",
        ] {
            assert!(is_remote(source), "{source}");
        }
        for source in [
            "github.com/a/b",
            "HTTP://x/y",
            "ftp://x/y",
            "./git@github.com:a",
            "a@b",
            "a.b@c:d",
            "http:/x",
            "ssh://",
        ] {
            assert!(!is_remote(source), "{source}");
        }
    }

    #[test]
    fn paths_that_can_be_read_in_two_ways_are_refused() {
        for path in ["a", "a*b/?", "[a-c]x", "[^a]", "**/x", "a!"] {
            assert_eq!(check(path, true), Ok(()), "{path}");
        }
        for path in ["a\\b", "[", "[]a]", "[a", "[!a]", "[a/b]", "[z-a]", "[a-]", "!a"] {
            assert!(check(path, true).is_err(), "{path}");
        }
        for path in ["a*", "a?", "[a]"] {
            assert!(check(path, false).is_err(), "{path}");
        }
    }
}
