//! Finds the heredocs that a line announces.
//!
//! A heredoc is a word `[n]<<[-]NAME` of `RUN`, `COPY` or `ADD`. Words are found with the shell lexer, always with the
//! backslash as escape character and with variables left alone; a line that this lexer cannot read has no heredocs. A
//! quoted name means that the body is not expanded. Bodies are collected by the parser, which owns the lines.

use crate::expand::{Style, words};

/// A heredoc of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// Name that ends it, and under which `COPY` and `ADD` create a file.
    pub name: String,
    /// Whether variables in the body are expanded (`COPY` and `ADD` only; the shell decides for `RUN`).
    pub expand: bool,
    /// Whether leading tabs are removed from the lines of the body (`<<-`).
    pub chomp: bool,
    /// The body as written, line ends included.
    pub content: String,
}

/// Returns the heredocs that `line` announces, their bodies still empty.
pub(crate) fn announced(line: &str) -> Vec<Heredoc> {
    if !line.contains("<<") {
        return Vec::new();
    }
    let style = Style {
        raw_quotes: true,
        raw_escapes: true,
        ..Style::default()
    };
    words(line, style)
        .unwrap_or_default()
        .iter()
        .filter_map(|word| parse(word))
        .collect()
}

/// Reads one word as a heredoc.
pub(crate) fn parse(word: &str) -> Option<Heredoc> {
    let (descriptor, rest) = word.split_once("<<")?;
    if !descriptor.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (chomp, rest) = rest.strip_prefix('-').map_or((false, rest), |rest| (true, rest));
    let rest = rest.trim_start_matches(['\t', '\n', '\x0c', '\r', ' ']);
    if rest.is_empty() || rest.contains('<') {
        return None;
    }
    let name = only_word(rest, Style::default())?;
    let quoted = only_word(
        rest,
        Style {
            raw_quotes: true,
            ..Style::default()
        },
    )?;
    Some(Heredoc {
        expand: count_quotes(&name) == count_quotes(&quoted),
        name,
        chomp,
        content: String::new(),
    })
}

/// The single word in `text`, if it is exactly one.
fn only_word(text: &str, style: Style) -> Option<String> {
    let mut words = words(text, style).ok()?;
    if words.len() == 1 { words.pop() } else { None }
}

fn count_quotes(text: &str) -> usize {
    text.chars().filter(|c| matches!(c, '\'' | '"')).count()
}
