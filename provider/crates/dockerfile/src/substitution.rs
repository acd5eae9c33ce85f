//! Substitutions: what stands between `${` and `}`.
//!
//! Each modifier reads its operand with the lexer, so operands may hold variables, quotes and further substitutions.
//! Patterns keep their escape characters, because these decide which wildcards are literal.

use crate::expand::ExpandError;
use crate::lexer::Lexer;
use crate::pattern::Pattern;

impl Lexer<'_> {
    /// Everything behind `${` up to and including the closing brace.
    pub(crate) fn braces(&mut self) -> Result<String, ExpandError> {
        let name = self.name();
        match self.input.next() {
            Some('}') => Ok(self.value_of(&name).unwrap_or_else(|| format!("${{{name}}}"))),
            Some(':') => {
                let operator = self.input.next().ok_or(ExpandError::MissingBrace)?;
                self.alternative(&name, operator, true)
            }
            Some(operator @ ('+' | '-' | '?')) => self.alternative(&name, operator, false),
            Some(operator @ ('#' | '%')) => self.trimmed(&name, operator),
            Some('/') => self.replaced(&name),
            None => Err(ExpandError::MissingBrace),
            Some(other) => Err(ExpandError::UnsupportedModifier(other.to_string())),
        }
    }

    /// The value of a variable; nothing when it is unset and has to stay as written.
    fn value_of(&self, name: &str) -> Option<String> {
        (self.lookup)(name).or_else(|| (!self.style.keep_unset).then(String::new))
    }

    /// The text up to `stop`, with escape characters kept or dropped.
    fn operand(&mut self, stop: char, raw_escapes: bool) -> Result<String, ExpandError> {
        let outer = std::mem::replace(&mut self.style.raw_escapes, raw_escapes);
        let operand = self.until(Some(stop));
        self.style.raw_escapes = outer;
        operand.map(|(text, _)| text)
    }

    /// `-`, `+` and `?`, with or without the colon that treats an empty value as unset.
    fn alternative(&mut self, name: &str, operator: char, colon: bool) -> Result<String, ExpandError> {
        let modifier = format!("{}{operator}", if colon { ":" } else { "" });
        if matches!(operator, '#' | '%') {
            return Err(ExpandError::UnsupportedModifier(modifier));
        }
        let operand = self.operand('}', false)?;
        let value = (self.lookup)(name);
        if value.is_none() && self.style.keep_unset {
            return Ok(format!("${{{name}{modifier}{operand}}}"));
        }
        let unset = value.is_none();
        let usable = value.filter(|value| !colon || !value.is_empty());
        match (operator, usable) {
            ('-', usable) => Ok(usable.unwrap_or(operand)),
            ('+', usable) => Ok(usable.map(|_| operand).unwrap_or_default()),
            ('?', Some(value)) => Ok(value),
            ('?', None) => {
                let default = if unset {
                    "is not allowed to be unset"
                } else {
                    "is not allowed to be empty"
                };
                let message = if operand.is_empty() {
                    default.to_owned()
                } else {
                    operand
                };
                Err(ExpandError::Required {
                    name: name.to_owned(),
                    message,
                })
            }
            _ => Err(ExpandError::UnsupportedModifier(modifier)),
        }
    }

    /// `#`, `##`, `%` and `%%`.
    fn trimmed(&mut self, name: &str, operator: char) -> Result<String, ExpandError> {
        let operand = self.operand('}', true)?;
        let Some(value) = self.value_of(name) else {
            return Ok(format!("${{{name}{operator}{operand}}}"));
        };
        let (text, longest) = operand
            .strip_prefix(operator)
            .map_or((operand.as_str(), false), |rest| (rest, true));
        let pattern = parse_pattern(text)?;
        let trimmed = if operator == '#' {
            pattern.trim_prefix(&value, longest, &mut self.work)
        } else {
            pattern.trim_suffix(&value, longest, &mut self.work)
        };
        self.within_work(trimmed)
    }

    /// `/pattern/replacement` and `//pattern/replacement`.
    fn replaced(&mut self, name: &str) -> Result<String, ExpandError> {
        let all = self.input.next_if_eq(&'/').is_some();
        let text = self.operand('/', true)?;
        let replacement = self.operand('}', true)?;
        match self.value_of(name) {
            Some(value) => {
                let replaced = parse_pattern(&text)?.replace(&value, &replacement, all, &mut self.work);
                self.within_work(replaced)
            }
            None => Ok(format!("${{{name}/{text}/{replacement}}}")),
        }
    }

    /// What a pattern made of a value, unless matching was given up.
    fn within_work(&self, text: String) -> Result<String, ExpandError> {
        if self.work == 0 {
            Err(ExpandError::TooLong)
        } else {
            Ok(text)
        }
    }
}

fn parse_pattern(text: &str) -> Result<Pattern, ExpandError> {
    Pattern::parse(text).map_err(|_| ExpandError::InvalidPattern(text.to_owned()))
}
