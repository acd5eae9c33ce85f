//! The shell lexer behind word expansion: words, quotes, escapes and where variables begin.
//!
//! One pass over the text yields both the expanded text and the words in it. Blanks that a variable brings in separate
//! words, quoted and escaped ones do not. What happens inside `${...}` is in `substitution`.

use crate::expand::{ExpandError, Style};

/// Deepest nesting of `${a:-${b:-...}}` that is followed.
pub(crate) const MAX_DEPTH: usize = 64;
/// Most text that the variables of one word may bring in, in bytes; arguments that double each other grow fast.
pub(crate) const MAX_LENGTH: usize = 1 << 20;
/// What the patterns of one word may cost, in characters compared.
const MAX_WORK: usize = 1 << 24;

/// One pass over a word. Nested substitutions share the input and the word under construction.
pub(crate) struct Lexer<'a> {
    pub(crate) input: std::iter::Peekable<std::str::Chars<'a>>,
    pub(crate) style: Style,
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<String>,
    word: String,
    pub(crate) depth: usize,
    /// Bytes that variables have brought in so far.
    brought_in: usize,
    /// What patterns may still cost.
    pub(crate) work: usize,
}

/// The words found so far at one level.
#[derive(Default)]
struct Words {
    found: Vec<String>,
    inside: bool,
}

impl Words {
    fn push_raw(&mut self, word: &mut String, text: &str) {
        word.push_str(text);
        self.inside = true;
    }

    fn push(&mut self, word: &mut String, text: &str) {
        for c in text.chars() {
            if !c.is_whitespace() {
                word.push(c);
                self.inside = true;
            } else if self.inside && !word.is_empty() {
                self.found.push(std::mem::take(word));
                self.inside = false;
            }
        }
    }

    fn finish(mut self, word: &mut String) -> Vec<String> {
        if !word.is_empty() {
            self.found.push(std::mem::take(word));
        }
        self.found
    }
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str, style: Style, lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            input: text.chars().peekable(),
            style,
            lookup,
            word: String::new(),
            depth: 0,
            brought_in: 0,
            work: MAX_WORK,
        }
    }

    pub(crate) fn run(&mut self) -> Result<(String, Vec<String>), ExpandError> {
        self.until(None)
    }

    /// What has been spent so far, in bytes brought in and characters compared.
    pub(crate) fn spent(&self) -> usize {
        self.brought_in + (MAX_WORK - self.work)
    }

    /// Processes up to `stop` (which is consumed), or to the end of the input.
    pub(crate) fn until(&mut self, stop: Option<char>) -> Result<(String, Vec<String>), ExpandError> {
        if self.depth > MAX_DEPTH {
            return Err(ExpandError::TooDeep);
        }
        self.word.clear();
        let (mut out, mut words) = (String::new(), Words::default());
        while let Some(c) = self.input.peek().copied() {
            if Some(c) == stop {
                self.input.next();
                return Ok((out, words.finish(&mut self.word)));
            }
            let (text, splits) = match c {
                '$' => (self.dollar()?, true),
                '<' => (self.less_than(), false),
                '\'' => (self.single_quoted()?, false),
                '"' => (self.double_quoted()?, false),
                _ if c == self.style.escape => (self.escaped(), false),
                _ => (self.input.next().map(String::from).unwrap_or_default(), true),
            };
            out.push_str(&text);
            if splits {
                words.push(&mut self.word, &text);
            } else if !text.is_empty() || c != self.style.escape {
                words.push_raw(&mut self.word, &text);
            }
        }
        match stop {
            None => Ok((out, words.finish(&mut self.word))),
            Some('/') => Err(ExpandError::MissingSlash),
            Some(_) => Err(ExpandError::MissingBrace),
        }
    }

    /// The escape character and what it protects; at the end of the input it protects nothing.
    fn escaped(&mut self) -> String {
        let escape = self.input.next().filter(|_| self.style.raw_escapes);
        escape.into_iter().chain(self.input.next()).collect()
    }

    /// `<<` takes the blanks behind it along, so that `<< EOF` is one word.
    fn less_than(&mut self) -> String {
        let mut out: String = self.input.next().into_iter().collect();
        if let Some(second) = self.input.next_if_eq(&'<') {
            out.push(second);
            while let Some(blank) = self.input.next_if(|c| matches!(c, ' ' | '\t' | '\r')) {
                out.push(blank);
            }
        }
        out
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        let mut out: String = self
            .input
            .next()
            .filter(|_| self.style.raw_quotes)
            .into_iter()
            .collect();
        loop {
            match self.input.next() {
                None => return Err(ExpandError::OpenQuote('\'')),
                Some('\'') => {
                    out.extend(self.style.raw_quotes.then_some('\''));
                    return Ok(out);
                }
                Some(c) => out.push(c),
            }
        }
    }

    fn double_quoted(&mut self) -> Result<String, ExpandError> {
        let mut out: String = self
            .input
            .next()
            .filter(|_| self.style.raw_quotes)
            .into_iter()
            .collect();
        loop {
            match self.input.peek().copied() {
                None => return Err(ExpandError::OpenQuote('"')),
                Some('$') => out.push_str(&self.dollar()?),
                Some('"') => {
                    self.input.next();
                    out.extend(self.style.raw_quotes.then_some('"'));
                    return Ok(out);
                }
                Some(c) => {
                    self.input.next();
                    if c == self.style.escape {
                        out.push_str(&self.escaped_in_quotes(c));
                    } else {
                        out.push(c);
                    }
                }
            }
        }
    }

    /// Inside double quotes only the quote, `$` and the escape character itself can be escaped.
    fn escaped_in_quotes(&mut self, escape: char) -> String {
        let mut out: String = self.style.raw_escapes.then_some(escape).into_iter().collect();
        if self.input.peek().is_some() {
            out.push(
                self.input
                    .next_if(|c| *c == '"' || *c == '$' || *c == escape)
                    .unwrap_or(escape),
            );
        }
        out
    }

    /// A variable or a substitution, within the bound on what these may bring in.
    fn dollar(&mut self) -> Result<String, ExpandError> {
        let text = self.variable()?;
        self.brought_in += text.len();
        if self.brought_in > MAX_LENGTH {
            Err(ExpandError::TooLong)
        } else {
            Ok(text)
        }
    }

    fn variable(&mut self) -> Result<String, ExpandError> {
        self.input.next();
        if self.input.next_if_eq(&'{').is_some() {
            return match self.input.peek() {
                None => Err(ExpandError::MissingBrace),
                Some('{' | '}' | ':') => Err(ExpandError::NoName),
                Some(_) => {
                    self.depth += 1;
                    let value = self.braces();
                    self.depth -= 1;
                    value
                }
            };
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        Ok(match (self.lookup)(&name) {
            Some(value) => value,
            None if self.style.keep_unset => format!("${name}"),
            None => String::new(),
        })
    }

    /// A name is letters, digits and underscores; digits alone, or one special character, are names as well.
    pub(crate) fn name(&mut self) -> String {
        let mut name = String::new();
        if self.input.peek().is_some_and(|c| c.is_numeric()) {
            while let Some(digit) = self.input.next_if(|c| c.is_numeric()) {
                name.push(digit);
            }
            return name;
        }
        if let Some(special) = self
            .input
            .next_if(|c| matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!'))
        {
            return special.to_string();
        }
        while let Some(c) = self.input.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }
}
