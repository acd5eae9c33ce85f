//! Places inside a property bag, and the notation for them.
//!
//! Parses and prints `a.b`, `a[0]`, `a["key.with.dots"]` and the wildcards `a.*` and `a[*]`, the notation of
//! `ignoreChanges`, of check failures and of detailed diffs. Inside quotes `\"` is the only escape, as in Pulumi's own
//! parser; so a key that needs quotes and ends in a backslash has no notation. Looks nothing up.

use std::{fmt, str::FromStr};

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// Into an object, by name.
    Key(String),
    /// Into a list, counted from 0.
    Index(usize),
    /// Into every member; only in patterns.
    Wildcard,
}

/// A place inside a property bag; the empty path is the bag itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyPath(Vec<Segment>);

/// A text that is no property path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParsePathError {
    /// A name was expected and none was found, as in `a..b` or `a.`.
    #[error("a property name is missing")]
    MissingName,
    /// A quoted name does not end.
    #[error("a closing quote is missing")]
    MissingQuote,
    /// A bracket does not end.
    #[error("a closing bracket is missing")]
    MissingBracket,
    /// Brackets hold neither a number nor a quoted name nor `*`.
    #[error("brackets must hold a number, a quoted name or `*`")]
    BadIndex,
    /// A name follows a bracket without a dot.
    #[error("a dot is missing after a bracket")]
    MissingDot,
}

impl PropertyPath {
    /// The path of a top-level property, whatever its name holds.
    pub fn key(name: impl Into<String>) -> Self {
        Self(vec![Segment::Key(name.into())])
    }

    /// Parses a path; a text that is none is taken as one literal property name, as the engine does.
    pub fn parse_or_key(text: &str) -> Self {
        text.parse().unwrap_or_else(|_| Self::key(text))
    }

    /// The steps, outermost first.
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The name of the top-level property that the path begins with.
    pub fn root(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Key(name)) => Some(name),
            _ => None,
        }
    }

    /// The path of a named member.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        self.join(Segment::Key(name.to_owned()))
    }

    /// The path of a list item.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        self.join(Segment::Index(index))
    }

    fn join(&self, segment: Segment) -> Self {
        let mut segments = self.0.clone();
        segments.push(segment);
        Self(segments)
    }

    /// True if this pattern names exactly `other`: as long, and equal but for wildcards.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.contains(other)
    }

    /// True if this pattern names `other` or something around it: `a[*]` contains `a[1].b`.
    pub fn contains(&self, other: &Self) -> bool {
        self.0.len() <= other.0.len()
            && self
                .0
                .iter()
                .zip(&other.0)
                .all(|(own, theirs)| *own == Segment::Wildcard || own == theirs)
    }
}

impl fmt::Display for PropertyPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(name) if !is_bare(name) => write!(f, "[\"{}\"]", name.replace('"', "\\\""))?,
                Segment::Key(name) if position == 0 => f.write_str(name)?,
                Segment::Key(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Wildcard => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

fn is_bare(name: &str) -> bool {
    let mut characters = name.chars();
    characters
        .next()
        .is_some_and(|first| first == '_' || first.is_alphabetic())
        && characters.all(|c| c == '_' || c.is_alphanumeric())
}

impl FromStr for PropertyPath {
    type Err = ParsePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (segment, after) = match rest.strip_prefix('[') {
                Some(inside) => parse_bracket(inside)?,
                None => parse_name(rest, segments.is_empty())?,
            };
            segments.push(segment);
            rest = after;
        }
        Ok(Self(segments))
    }
}

fn parse_name(text: &str, first: bool) -> Result<(Segment, &str), ParsePathError> {
    let name = match text.strip_prefix('.') {
        Some(_) if first => return Err(ParsePathError::MissingName),
        Some(name) => name,
        None if first => text,
        None => return Err(ParsePathError::MissingDot),
    };
    let (name, rest) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
    match name {
        "" => Err(ParsePathError::MissingName),
        "*" => Ok((Segment::Wildcard, rest)),
        _ => Ok((Segment::Key(name.to_owned()), rest)),
    }
}

fn parse_bracket(inside: &str) -> Result<(Segment, &str), ParsePathError> {
    if let Some(quoted) = inside.strip_prefix('"') {
        let (name, rest) = parse_quoted(quoted)?;
        let rest = rest.strip_prefix(']').ok_or(ParsePathError::MissingBracket)?;
        return Ok((Segment::Key(name), rest));
    }
    let (index, rest) = inside.split_once(']').ok_or(ParsePathError::MissingBracket)?;
    if index == "*" {
        return Ok((Segment::Wildcard, rest));
    }
    if !index.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ParsePathError::BadIndex);
    }
    let index = index.parse().map_err(|_| ParsePathError::BadIndex)?;
    Ok((Segment::Index(index), rest))
}

fn parse_quoted(text: &str) -> Result<(String, &str), ParsePathError> {
    let mut name = String::new();
    let mut rest = text;
    while let Some(end) = rest.find('"') {
        let (part, after) = (&rest[..end], &rest[end + 1..]);
        match part.strip_suffix('\\') {
            Some(before) => {
                name.push_str(before);
                name.push('"');
                rest = after;
            }
            None => {
                name.push_str(part);
                return Ok((name, after));
            }
        }
    }
    Err(ParsePathError::MissingQuote)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PropertyPath {
        text.parse().unwrap()
    }

    #[test]
    fn names_brackets_and_quotes_are_steps() {
        let expected = [
            Segment::Key("a".into()),
            Segment::Key("b".into()),
            Segment::Index(0),
            Segment::Key("x.y".into()),
        ];
        assert_eq!(path(r#"a.b[0]["x.y"]"#).segments(), expected);
        assert_eq!(path("a[0].b").to_string(), "a[0].b");
        assert_eq!(path(r#"a["b"]"#).to_string(), "a.b");
        assert_eq!(path(r#"["say \"hi\""]"#), PropertyPath::key(r#"say "hi""#));
    }

    #[test]
    fn keys_that_are_no_identifiers_are_quoted() {
        assert_eq!(
            PropertyPath::key("labels").child("org.x/y").to_string(),
            r#"labels["org.x/y"]"#
        );
        assert_eq!(PropertyPath::key("a-b").item(3).to_string(), r#"["a-b"][3]"#);
        assert_eq!(PropertyPath::key("*").to_string(), r#"["*"]"#);
        assert_eq!(PropertyPath::key("").to_string(), r#"[""]"#);
    }

    #[test]
    fn texts_that_are_no_paths_are_refused() {
        let refusals = [
            ("a..b", ParsePathError::MissingName),
            (".a", ParsePathError::MissingName),
            ("a.", ParsePathError::MissingName),
            ("a[", ParsePathError::MissingBracket),
            ("a[]", ParsePathError::BadIndex),
            ("a[+1]", ParsePathError::BadIndex),
            ("a[x]", ParsePathError::BadIndex),
            (r#"a["x"#, ParsePathError::MissingQuote),
            (r#"a["x""#, ParsePathError::MissingBracket),
            ("a[0]b", ParsePathError::MissingDot),
        ];
        for (text, error) in refusals {
            assert_eq!(text.parse::<PropertyPath>(), Err(error), "{text}");
        }
        assert_eq!(PropertyPath::parse_or_key("a[x]"), PropertyPath::key("a[x]"));
    }

    #[test]
    fn a_pattern_contains_what_lies_inside_it() {
        assert!(path("fingerprint").contains(&path("fingerprint.context")));
        assert!(path("a[*]").contains(&path("a[1].b")));
        assert!(path("a.*.c").contains(&path("a.b.c")));
        assert!(path("*").contains(&path("anything[4]")));
        assert!(!path("fingerprint.context").contains(&path("fingerprint")));
        assert!(!path("a[0]").contains(&path("a[1]")));
        assert!(!path("a").contains(&path("ab")));
    }

    #[test]
    fn a_pattern_matches_only_at_its_own_depth() {
        assert!(path("a[*]").matches(&path("a[1]")));
        assert!(!path("a[*]").matches(&path("a[1].b")));
        assert!(!PropertyPath::key("*").matches(&path("a")), "a quoted star is a name");
    }
}
