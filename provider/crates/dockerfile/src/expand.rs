//! Word expansion: variables, quotes and escapes, by the rules of the frontend's shell lexer.
//!
//! Understands `$name`, `${name}`, the modifiers `-` `:-` `+` `:+` `?` `:?`, `#` `##` `%` `%%`, `/` `//`, single and
//! double quotes and the escape character. It does not run commands, does no arithmetic and knows no positional
//! parameters (`$1` is an unset variable). The same lexer, told to keep quotes and unset variables, splits a line into
//! the words among which heredocs are found.

use crate::lexer::{Lexer, MAX_DEPTH, MAX_LENGTH};

/// Why a word cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A `${` has no closing brace.
    #[error("missing `}}`")]
    MissingBrace,
    /// A replacement `${name/pattern/replacement}` has no second slash.
    #[error("missing second `/`")]
    MissingSlash,
    /// The braces hold no variable name.
    #[error("no variable name in braces")]
    NoName,
    /// A quote is not closed.
    #[error("missing closing `{0}`")]
    OpenQuote(char),
    /// The modifier is not one of those that Dockerfiles know.
    #[error("unsupported modifier `{0}`")]
    UnsupportedModifier(String),
    /// A variable that `?` demands is unset, or empty where `:?` is used.
    #[error("`{name}` {message}")]
    Required {
        /// Name of the variable.
        name: String,
        /// The message behind the question mark, or a default one.
        message: String,
    },
    /// A pattern ends in a backslash or escapes a character that needs no escape.
    #[error("invalid pattern `{0}`")]
    InvalidPattern(String),
    /// Substitutions are nested too deeply.
    #[error("substitutions nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Variables bring in too much text.
    #[error("longer than {MAX_LENGTH} bytes when expanded")]
    TooLong,
}

/// Expands `word` with the variables that `lookup` knows; `escape` is the file's escape character.
///
/// # Errors
///
/// Returns what is wrong with the word; an unset variable is not wrong, it expands to nothing.
pub fn expand(word: &str, escape: char, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, ExpandError> {
    let style = Style {
        escape,
        ..Style::default()
    };
    expand_styled(word, style, lookup).0
}

/// Expands `word` in a style; also says what it cost, in bytes brought in and characters compared.
pub(crate) fn expand_styled(
    word: &str,
    style: Style,
    lookup: &dyn Fn(&str) -> Option<String>,
) -> (Result<String, ExpandError>, usize) {
    let mut lexer = Lexer::new(word, style, lookup);
    let text = lexer.run().map(|(text, _)| text);
    (text, lexer.spent())
}

/// What the lexer keeps as written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    /// The escape character.
    pub(crate) escape: char,
    /// Keep quotes in the result.
    pub(crate) raw_quotes: bool,
    /// Keep escape characters in the result.
    pub(crate) raw_escapes: bool,
    /// Keep references to unset variables in the result.
    pub(crate) keep_unset: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            escape: '\\',
            raw_quotes: false,
            raw_escapes: false,
            keep_unset: false,
        }
    }
}

/// Splits `text` into words without expanding anything; quotes group, and a heredoc marker stays one word.
pub(crate) fn words(text: &str, style: Style) -> Result<Vec<String>, ExpandError> {
    Lexer::new(
        text,
        Style {
            keep_unset: true,
            ..style
        },
        &|_| None,
    )
    .run()
    .map(|(_, words)| words)
}
