//! Splits a joined line into keyword, flags and arguments, and arguments into words, pairs or JSON strings.
//!
//! Pure text work, blind to what an instruction means. Two splitters exist because the frontend has two: blanks alone
//! separate the arguments of most instructions, while `ARG`, `ENV` and `LABEL` honour quotes and escapes (and keep
//! them for the later expansion).

use crate::error::{Fault, Reason};

/// A line taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// First word as written.
    pub(crate) keyword: String,
    /// Leading `--words`, quotes and escapes removed.
    pub(crate) flags: Vec<String>,
    /// What is left, without surrounding blanks.
    pub(crate) rest: String,
}

/// Takes a joined line apart.
pub(crate) fn split_command(line: &str, escape: char) -> Command {
    let line = line.trim();
    let keyword_end = line.find(is_separator).unwrap_or(line.len());
    let (flags, rest) = take_flags(line[keyword_end..].trim_start_matches(is_separator), escape);
    Command {
        keyword: line[..keyword_end].to_owned(),
        flags,
        rest,
    }
}

/// The blanks that separate arguments (a line feed never gets into a line).
fn is_separator(c: char) -> bool {
    matches!(c, '\t' | '\x0b' | '\x0c' | '\r' | ' ')
}

/// Takes the leading flags off. The frontend reads them byte by byte, so non-ASCII letters in flags come out as it
/// sees them: each byte a Latin-1 character.
fn take_flags(line: &str, escape: char) -> (Vec<String>, String) {
    let bytes = line.as_bytes();
    let (mut flags, mut at) = (Vec::new(), 0);
    loop {
        at += bytes[at..]
            .iter()
            .take_while(|byte| char::from(**byte).is_whitespace())
            .count();
        if !bytes[at..].starts_with(b"--") {
            break;
        }
        let (word, length) = flag_word(&bytes[at..], escape);
        at += length;
        if word == "--" {
            break;
        }
        flags.push(word);
    }
    (flags, String::from_utf8_lossy(&bytes[at..]).trim().to_owned())
}

/// Reads one flag; returns it with the number of bytes it took.
fn flag_word(bytes: &[u8], escape: char) -> (String, usize) {
    let (mut word, mut quote, mut at) = (String::new(), None, 0);
    while let Some(c) = bytes.get(at).copied().map(char::from) {
        match quote {
            None if c.is_whitespace() => break,
            None if c == '\'' || c == '"' => quote = Some(c),
            Some(open) if open == c => quote = None,
            _ if c == escape => {
                at += 1;
                word.extend(bytes.get(at).copied().map(char::from));
            }
            _ => word.push(c),
        }
        at += 1;
    }
    (word, at.min(bytes.len()))
}

/// Splits at blanks only.
pub(crate) fn blank_separated(rest: &str) -> Vec<String> {
    rest.split(is_separator)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits at blanks outside quotes; quotes and escapes stay in the words.
pub(crate) fn quoted_words(rest: &str, escape: char) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        if quote.is_none() && c.is_whitespace() {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        let escapes = c == escape && quote != Some('\'');
        match quote {
            Some(open) if open == c => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            _ => {}
        }
        if escapes {
            // An escape character at the very end is dropped.
            let Some(escaped) = chars.next() else { break };
            word.push(c);
            word.push(escaped);
        } else {
            word.push(c);
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Splits `ENV` and `LABEL` arguments: `name=value ...`, or the old form `name value`.
pub(crate) fn pairs(
    rest: &str,
    instruction: &'static str,
    escape: char,
) -> Result<Vec<(String, Option<String>)>, Fault> {
    let words = quoted_words(rest, escape);
    let Some(first) = words.first() else {
        return Ok(Vec::new());
    };
    if !first.contains('=') {
        let (name, value) = rest.split_once(is_separator).ok_or(Reason::Arguments {
            instruction,
            expected: "name=value pairs, or a name and a value",
        })?;
        return Ok(vec![(
            name.to_owned(),
            Some(value.trim_start_matches(is_separator).to_owned()),
        )]);
    }
    let pair = |word: String| match word.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), Some(value.to_owned()))),
        None => Err(Reason::NoEqualsSign { instruction, word }.into()),
    };
    words.into_iter().map(pair).collect()
}

/// Reads a JSON array of strings; nothing when the text is no JSON array, and so is meant for the shell.
pub(crate) fn json_strings(rest: &str) -> Result<Option<Vec<String>>, Fault> {
    let Ok(serde_json::Value::Array(values)) = serde_json::from_str(rest) else {
        return Ok(None);
    };
    let string = |value| match value {
        serde_json::Value::String(text) => Ok(text),
        _ => Err(Reason::JsonNotStrings.into()),
    };
    values.into_iter().map(string).collect::<Result<Vec<_>, _>>().map(Some)
}
