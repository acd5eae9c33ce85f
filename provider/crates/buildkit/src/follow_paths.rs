//! What a builder may ask for of a context. Pure.
//!
//! A builder never asks for a path. It sends one list of patterns for the whole transfer, the `followpaths`, and takes
//! what we list; an empty one means everything. The list is worked out from the Dockerfile by the frontend, as ours was
//! before; so a list that is not covered by ours says that the two readings differ, and that the image could depend on
//! files that the fingerprint does not know.
//!
//! Refuses to expand patterns: a pattern is covered by itself and by a directory above it, never by another pattern
//! that happens to match the same files.

use std::collections::BTreeSet;

/// What the builder is expected to ask for of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FollowPaths {
    /// Anything: the whole directory counts.
    Everything,
    /// Nothing but these patterns and what lies under them, written as in the Dockerfile: relative to the directory,
    /// `/` between names. The empty one stands for the whole directory.
    Only(BTreeSet<String>),
    /// Nothing at all.
    NotAsked,
}

impl FollowPaths {
    /// Whether a list from the builder asks for no more than this. The empty list asks for the whole directory.
    #[must_use]
    pub fn covers(&self, asked: &[String]) -> bool {
        self.beyond(asked).is_empty()
    }

    /// The patterns of the builder's list that ask for more; the empty one for a list that asks for everything.
    pub(crate) fn beyond<'a>(&self, asked: &'a [String]) -> Vec<&'a str> {
        let known: BTreeSet<String> = match self {
            Self::Everything => return Vec::new(),
            Self::NotAsked => BTreeSet::new(),
            Self::Only(patterns) => patterns.iter().map(|pattern| cleaned(pattern)).collect(),
        };
        let everything = asked.is_empty().then_some("");
        let asked = asked.iter().map(String::as_str).chain(everything);
        asked.filter(|pattern| !is_under(&known, &cleaned(pattern))).collect()
    }
}

/// Whether the set holds the path or a directory above it.
fn is_under(known: &BTreeSet<String>, path: &str) -> bool {
    let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
    known.contains("") || known.contains(path) || parents.into_iter().any(|parent| known.contains(parent))
}

/// One spelling of a path below a root that cannot be left, as the frontend cleans sources.
fn cleaned(path: &str) -> String {
    let mut names = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    names.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(patterns: &[&str]) -> FollowPaths {
        FollowPaths::Only(list(patterns).into_iter().collect())
    }

    fn list(patterns: &[&str]) -> Vec<String> {
        patterns.iter().map(|pattern| (*pattern).to_owned()).collect()
    }

    #[test]
    fn the_whole_directory_covers_every_list() {
        for known in [FollowPaths::Everything, only(&[""]), only(&["/"]), only(&["a", "."])] {
            for asked in [&[][..], &["src"], &["a/b", "*.txt"], &["/"]] {
                assert!(known.covers(&list(asked)), "{known:?} {asked:?}");
            }
        }
    }

    #[test]
    fn nothing_is_covered_where_nothing_is_asked() {
        for asked in [&[][..], &["src"], &[""]] {
            assert!(!FollowPaths::NotAsked.covers(&list(asked)), "{asked:?}");
            assert!(!only(&[]).covers(&list(asked)), "{asked:?}");
        }
    }

    #[test]
    fn patterns_cover_themselves_and_what_lies_under_them() {
        let known = only(&["src", "/docs/", "./a/../lib/*.rs", "*"]);
        for asked in [
            &["src"][..],
            &["src/a/b"],
            &["docs", "src"],
            &["lib/*.rs"],
            &["*"],
            &["*/x"],
            &["/src"],
            &["../src"],
        ] {
            assert!(known.covers(&list(asked)), "{asked:?}");
        }
    }

    #[test]
    fn everything_else_is_not_covered() {
        let known = only(&["src/a", "lib*"]);
        for asked in [
            &[][..],
            &[""],
            &["/"],
            &["."],
            &["src"],
            &["src/ab"],
            &["src/a", "other"],
            &["library"],
            &["src/a/../b"],
        ] {
            assert!(!known.covers(&list(asked)), "{asked:?}");
        }
    }
}
