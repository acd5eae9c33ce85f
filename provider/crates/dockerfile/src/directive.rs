//! Parser directives: `# syntax=`, `# escape=` and `# check=` in the first lines of a file.
//!
//! Directives end at the first line that is anything else, a blank line or an ordinary comment included, and each may be
//! written once. The syntax line has wider rules than the others, because it is read before a frontend is chosen: it
//! may stand behind a shebang line, begin with `//`, or be a JSON object. What `check` says concerns linting only and
//! is kept without being interpreted.

use crate::error::{Fault, Reason};

/// A directive with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// Name in lower case: `syntax`, `escape` or `check`.
    pub name: &'static str,
    /// Value as written, without surrounding blanks.
    pub value: String,
    /// 1-based line.
    pub line: usize,
}

const NAMES: [&str; 3] = ["syntax", "escape", "check"];

/// Collects directives as long as lines are directives.
#[derive(Debug, Default)]
pub(crate) struct DirectiveReader {
    found: Vec<Directive>,
    finished: bool,
}

impl DirectiveReader {
    /// Looks at the next line; returns the directive in it, if it still is one.
    pub(crate) fn read(&mut self, text: &str, comment: &str, line: usize) -> Result<Option<&Directive>, Fault> {
        let parsed = if self.finished {
            None
        } else {
            text.strip_prefix(comment).and_then(split)
        };
        let Some((name, value)) = parsed else {
            self.finished = true;
            return Ok(None);
        };
        if self.found.iter().any(|directive| directive.name == name) {
            return Err(Reason::RepeatedDirective(name.to_owned()).into());
        }
        self.found.push(Directive {
            name,
            value: value.to_owned(),
            line,
        });
        Ok(self.found.last())
    }

    /// Gives the directives away.
    pub(crate) fn into_found(self) -> Vec<Directive> {
        self.found
    }
}

/// Splits `name = value`; the name has to be known and the value must not be empty.
fn split(text: &str) -> Option<(&'static str, &str)> {
    let (name, value) = text.trim_start().split_once('=')?;
    let name = NAMES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name.trim_end_matches(is_blank)))?;
    let value = value.trim_matches(is_blank);
    (!value.is_empty()).then_some((name, value))
}

fn is_blank(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

/// Checks the value of an `escape` directive.
pub(crate) fn escape_character(value: &str) -> Result<char, Fault> {
    match value {
        "\\" => Ok('\\'),
        "`" => Ok('`'),
        other => Err(Reason::InvalidEscape(other.to_owned()).into()),
    }
}

/// Returns the `syntax` directive of a file: the reference of the frontend image that is asked to read it.
///
/// Works on files that this crate cannot parse, because a frontend of its own may read any language.
#[must_use]
pub fn syntax_of(bytes: &[u8]) -> Option<Directive> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let (text, skipped) = match text.split_once('\n') {
        Some((first, rest)) if first.starts_with("#!") => (rest, 1),
        _ => (text, 0),
    };
    let line_syntax = ["#", "//"]
        .into_iter()
        .find_map(|comment| syntax_line(text, comment, skipped));
    line_syntax.or_else(|| syntax_member(text, skipped))
}

/// Finds the directive among the leading lines that begin with `comment`.
fn syntax_line(text: &str, comment: &str, skipped: usize) -> Option<Directive> {
    let mut reader = DirectiveReader::default();
    for (index, line) in text.lines().enumerate() {
        if !matches!(reader.read(line, comment, skipped + index + 1), Ok(Some(_))) {
            break;
        }
    }
    let found = reader
        .into_found()
        .into_iter()
        .find(|directive| directive.name == "syntax")?;
    Some(first_word(found))
}

/// Finds the member `syntax` when the whole file is a JSON object.
fn syntax_member(text: &str, skipped: usize) -> Option<Directive> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).ok()?;
    let value = object.get("syntax")?.as_str()?;
    Some(Directive {
        name: "syntax",
        value: value.to_owned(),
        line: skipped + 1,
    })
}

/// The reference ends at the first blank; what follows is a command line for the frontend.
fn first_word(mut directive: Directive) -> Directive {
    let end = directive.value.find(' ').unwrap_or(directive.value.len());
    directive.value.truncate(end);
    directive
}
