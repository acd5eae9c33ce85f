//! One pattern of an ignore file, and the form in which it is matched.
//!
//! Follows BuildKit's choice of form, which decides some of its oddities: a pattern without wildcards is compared byte
//! by byte, a single `**` at its end makes a prefix and one at its start a suffix (so `**foo` matches `xfoo`), and
//! everything else becomes a regular expression in which a few characters keep the meaning they have there.

use super::glob::{Unusable, compile};
use super::program::{Program, after, before};
use super::syntax::check;

/// The daemon's compiler drops it where it starts a pattern with wildcards.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// A pattern, cleaned, without its `!`.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) line: usize,
    pub(super) negated: bool,
    pub(super) text: String,
    form: Form,
}

#[derive(Debug, Clone)]
enum Form {
    /// The text itself.
    Exact,
    /// What stands before a final `**`.
    Prefix(String),
    /// What stands behind a leading `**`.
    Suffix(String),
    /// Wildcards.
    Wildcards(Program),
    /// Invalid, which counts only when the pattern is tried.
    Invalid(&'static str),
    /// Has another meaning for the daemon than the documented grammar gives it.
    NotModelled,
}

impl Pattern {
    /// Compiles a pattern; `faithful` tells that no byte was replaced to make it text. Gives the reason if it is
    /// refused at once.
    pub(super) fn new(line: usize, negated: bool, text: String, faithful: bool) -> Result<Self, &'static str> {
        check(&text)?;
        let form = if faithful { form_of(&text) } else { Form::NotModelled };
        Ok(Self {
            line,
            negated,
            text,
            form,
        })
    }

    /// Whether the pattern matches exactly this path; what it says about directories above is the caller's business.
    /// Gives the reason if the pattern turns out to be invalid.
    pub(super) fn matches(&self, path: &[u8]) -> Result<bool, &'static str> {
        Ok(match &self.form {
            Form::Exact => path == self.text.as_bytes(),
            Form::Prefix(prefix) => after(path, prefix.as_bytes()).is_some(),
            Form::Suffix(suffix) => {
                before(path, suffix.as_bytes()).is_some()
                    || suffix.strip_prefix('/').is_some_and(|whole| path == whole.as_bytes())
            }
            Form::Wildcards(program) => program.matches(path),
            Form::Invalid(reason) => return Err(reason),
            Form::NotModelled => self.negated,
        })
    }

    /// What every path that the pattern matches begins with, up to a final `/*` or `/**`; none if there is an earlier
    /// wildcard, so that nothing is known.
    pub(super) fn fixed_part(&self) -> Option<&[u8]> {
        let fixed = self.text.strip_suffix("/**").unwrap_or(&self.text);
        let fixed = fixed.strip_suffix("/*").unwrap_or(fixed);
        let known = !fixed.contains(['*', '[', ']', '?', '^', '\\']) && !self.is_not_modelled();
        known.then_some(fixed.as_bytes())
    }

    pub(super) fn is_not_modelled(&self) -> bool {
        matches!(self.form, Form::NotModelled)
    }
}

fn form_of(text: &str) -> Form {
    let special = |text: &str| text.contains(['*', '?', '[', ']', '\\']);
    if !special(text) {
        return Form::Exact;
    }
    if text.starts_with(BYTE_ORDER_MARK) {
        return Form::NotModelled;
    }
    if let Some(suffix) = text.strip_prefix("**").filter(|suffix| !special(suffix)) {
        return Form::Suffix(suffix.to_owned());
    }
    if let Some(prefix) = text.strip_suffix("**").filter(|prefix| !special(prefix)) {
        return Form::Prefix(prefix.to_owned());
    }
    match compile(text) {
        Ok(program) => Form::Wildcards(program),
        Err(Unusable::Invalid(reason)) => Form::Invalid(reason),
        Err(Unusable::NotModelled) => Form::NotModelled,
    }
}
