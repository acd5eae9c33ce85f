//! What the provider can say: the text literals of its sources, with `…` for what is filled in.
//!
//! Sources of tests do not count. Refuses to understand Rust beyond comments, characters and texts.

use std::fs;
use std::path::{Path, PathBuf};

use fastcontainer_lab::workspace_root;

/// The literals of all sources of the provider.
#[derive(Debug)]
pub struct Sentences(Vec<String>);

impl Sentences {
    /// Reads the sources.
    #[must_use]
    pub fn of_the_provider() -> Self {
        let mut files = Vec::new();
        sources(&workspace_root().join("provider"), &mut files);
        let texts = files.iter().map(|path| {
            let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            // What a shell script says is as good as what Rust says.
            if path.extension().is_some_and(|extension| extension == "sh") {
                text.lines().map(filled).collect()
            } else {
                literals(text.split("#[cfg(test)]").next().unwrap_or_default())
            }
        });
        Self(texts.flatten().collect())
    }

    /// Holds these literals.
    #[must_use]
    pub fn of(literals: Vec<String>) -> Self {
        Self(literals)
    }

    /// Whether one of them says `text`; `…` in either stands for anything.
    #[must_use]
    pub fn say(&self, text: &str) -> bool {
        let parts: Vec<&str> = text.split('…').map(str::trim).filter(|part| !part.is_empty()).collect();
        self.0.iter().any(|literal| {
            let mut rest = literal.as_str();
            parts.iter().all(|part| {
                let found = rest.find(part);
                rest = found.map_or("", |at| &rest[at + part.len()..]);
                found.is_some()
            })
        })
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && !["tests", "examples"].iter().any(|of_tests| name == *of_tests) {
            sources(&path, found);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "rs" || extension == "sh")
            && name != "tests.rs"
        {
            found.push(path);
        }
    }
}

/// The text literals of a Rust source; each `{…}` of a format is `…`.
#[must_use]
pub fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '\'', '/']) {
        let (before, from) = rest.split_at(at);
        rest = if from.starts_with("//") {
            from.find('\n').map_or("", |end| &from[end..])
        } else if let Some(from) = from.strip_prefix('"') {
            let raw = before.len() - before.trim_end_matches('#').len();
            let is_raw = before.trim_end_matches('#').ends_with('r');
            let (text, after) = if is_raw { raw_text(from, raw) } else { text(from) };
            found.push(filled(&text));
            after
        } else if ["'\"'", "'/'", "'\\"].iter().any(|start| from.starts_with(start)) {
            &from[3..]
        } else {
            &from[1..]
        };
    }
    found
}

fn raw_text(from: &str, hashes: usize) -> (String, &str) {
    let end = format!("\"{}", "#".repeat(hashes));
    match from.split_once(&end) {
        Some((text, after)) => (text.to_owned(), after),
        None => (from.to_owned(), ""),
    }
}

/// A text up to its closing quote, unescaped.
fn text(from: &str) -> (String, &str) {
    let (mut text, mut rest) = (String::new(), from);
    loop {
        let Some(at) = rest.find(['"', '\\']) else {
            return (text, "");
        };
        text.push_str(&rest[..at]);
        if rest[at..].starts_with('"') {
            return (text, &rest[at + 1..]);
        }
        let escaped = rest[at + 1..].chars().next().unwrap_or_default();
        rest = rest[at + 1..].strip_prefix(escaped).unwrap_or_default();
        match escaped {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            '\n' => rest = rest.trim_start(),
            other => text.push(other),
        }
    }
}

/// A format with `…` for each of its arguments.
fn filled(text: &str) -> String {
    let (mut out, mut depth) = (String::with_capacity(text.len()), 0);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '{' if letters.next_if_eq(&'{').is_some() => out.push('{'),
            '}' if depth == 0 => {
                letters.next_if_eq(&'}');
                out.push('}');
            }
            '{' => {
                depth += 1;
                out.push('…');
            }
            '}' => depth -= 1,
            other if depth == 0 => out.push(other),
            _ => {}
        }
    }
    out
}
