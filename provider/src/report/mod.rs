//! How an error reads: headline, causes, hint. The one place that knows hints and gRPC codes.
//!
//! The crates below say what happened; this module says it once to a person and adds what to do next.

mod image;
mod registry;

use std::error::Error;
use std::fmt::Write as _;

use tonic::Code;

pub use image::content_problem;

/// An error as it is shown to a person.
#[derive(Debug, Clone)]
pub struct Report {
    /// gRPC code. `Internal`, `Unknown` and `DataLoss` are never used: they would mark the user's state as suspect.
    pub code: Code,
    /// What failed, and where.
    pub headline: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Report {
    /// A report about `error` and its chain of sources.
    pub fn new(code: Code, error: &(dyn Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self {
            code,
            headline: error.to_string(),
            causes,
            hint: None,
        }
    }

    /// A report of one sentence.
    pub fn say(code: Code, headline: impl Into<String>) -> Self {
        Self {
            code,
            headline: headline.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// The same report with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.headline.clone();
        for cause in &self.causes {
            let _ = write!(text, "\n  caused by: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        neutralise(&text)
    }

    /// Headline and causes on one line, for use inside a sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
        neutralise(&format!("{}{causes}", self.headline)).replace('\n', " ")
    }
}

/// Makes foreign text safe for a terminal and for Pulumi's display: control characters but line breaks and tabs are
/// replaced, and colour directives (`<{%…%}>`) are broken up.
#[must_use]
pub fn neutralise(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in strip_escapes(text).chars() {
        safe.push(if c.is_control() && c != '\n' && c != '\t' {
            '\u{fffd}'
        } else {
            c
        });
    }
    safe.replace("<{%", "<{ %").replace("%}>", "% }>")
}

/// Drops terminal escape sequences (CSI and OSC) whole, so that coloured build output stays readable.
fn strip_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            kept.push(c);
            continue;
        }
        match chars.next_if(|next| matches!(next, '[' | ']')) {
            Some('[') => while chars.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
            Some(_) => while chars.next_if(|next| *next != '\u{7}' && *next != '\u{1b}').is_some() {},
            None => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_colour_directives_do_nothing() {
        assert_eq!(neutralise("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(neutralise("<{%reset%}>"), "<{ %reset% }>");
        assert_eq!(neutralise("a\rb\u{8}c\n\td"), "a\u{fffd}b\u{fffd}c\n\td");
        assert_eq!(neutralise("\u{1b}]0;title\u{7}x"), "\u{fffd}x");
        assert_eq!(neutralise("\u{1b}["), "");
    }
}
