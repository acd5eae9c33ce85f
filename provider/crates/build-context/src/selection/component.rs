//! One name of a pattern's path, and the wildcards in it.
//!
//! Go's `filepath.Match` and the matcher of ignore files agree on most wildcards and differ on a few: what stands in
//! brackets may match a `/`, `|` separates alternatives, `\d` is a digit. BuildKit uses the one or the other, depending
//! on flags and on whether it sends or copies. So only what both read alike is read here.

use std::sync::Arc;

use crate::ignore::Wildcards;

/// A step from a directory to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Component {
    /// A name, as it is.
    Name(Box<[u8]>),
    /// Names with wildcards.
    Wild(Arc<Wild>),
    /// Any number of directories, or none.
    AnyDepth,
}

/// A name with wildcards.
#[derive(Debug)]
pub(super) struct Wild {
    text: String,
    wildcards: Wildcards,
}

impl PartialEq for Wild {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Wild {}

impl Wild {
    /// A path without wildcards is taken literally, backslashes too, so the text itself always matches.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        name == self.text.as_bytes() || self.wildcards.matches(name)
    }
}

/// The components of a path; none if one of them has no single meaning.
pub(super) fn components(path: &str) -> Option<Vec<Component>> {
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    let wild = names.iter().any(|name| is_wild(name));
    let mut components = Vec::with_capacity(names.len());
    for name in names {
        let component = match name {
            "**" if components.last() == Some(&Component::AnyDepth) => continue,
            "**" => Component::AnyDepth,
            name if !wild => Component::Name(name.as_bytes().into()),
            name if !means_one_thing(name) => return None,
            name if !is_wild(name) => Component::Name(name.as_bytes().into()),
            name => Component::Wild(Arc::new(Wild {
                text: name.to_owned(),
                wildcards: Wildcards::compile(name)?,
            })),
        };
        components.push(component);
    }
    // All below a directory is more than the directory's entries at any depth.
    if components.last() == Some(&Component::AnyDepth) {
        components.pop();
    }
    Some(components)
}

fn is_wild(name: &str) -> bool {
    name.contains(['*', '?', '[', '\\'])
}

/// Whether all of BuildKit's matchers read a component of a pattern with wildcards alike.
fn means_one_thing(name: &str) -> bool {
    if name.contains("**") {
        return false;
    }
    let mut characters = name.chars();
    while let Some(character) = characters.next() {
        let plain = match character {
            '|' | '{' | '\u{feff}' => false,
            '\\' => characters.next().is_some_and(|escaped| escaped.is_ascii_punctuation()),
            '[' => is_plain_class(&mut characters),
            _ => true,
        };
        if !plain {
            return false;
        }
    }
    true
}

/// Reads the rest of a class. Only letters, digits, `_`, `.` and ranges of letters and digits are plain.
fn is_plain_class(characters: &mut std::str::Chars<'_>) -> bool {
    let Some((inner, after)) = characters.as_str().split_once(']') else {
        return false;
    };
    *characters = after.chars();
    let members: Vec<char> = inner.chars().collect();
    let mut rest = &members[..];
    while !rest.is_empty() {
        rest = match rest {
            [low, '-', high, after @ ..]
                if low.is_ascii_alphanumeric() && high.is_ascii_alphanumeric() && low <= high =>
            {
                after
            }
            [one, after @ ..] if one.is_ascii_alphanumeric() || matches!(one, '_' | '.') => after,
            _ => return false,
        };
    }
    !inner.is_empty()
}
