//! Compiles a pattern with wildcards.
//!
//! BuildKit writes such a pattern as a regular expression of Go (RE2 syntax) and escapes only part of what is special
//! there. So does this file: [`expression`] writes the same text, and a parser for just the constructs that can occur
//! in it turns them into a [`Program`]. That is why `|` separates alternatives, a bare `^` is an anchor, and wildcards
//! within brackets add their spelling to the class.
//!
//! Refuses to guess: repetitions, named classes and escapes with a meaning in RE2 are reported as not modelled.

use super::program::{Branch, Program, Set, Step};

/// Why a pattern has no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The daemon refuses it when it is tried; says why.
    Invalid(&'static str),
    /// The daemon understands it, and this parser does not.
    NotModelled,
}

/// Compiles a pattern that holds at least one wildcard.
pub(super) fn compile(pattern: &str) -> Result<Program, Unusable> {
    let expression: Vec<char> = expression(pattern).chars().collect();
    let mut parser = Parser { rest: &expression };
    let mut branches = vec![Vec::new()];
    while let Some(character) = parser.next() {
        if character == '|' {
            branches.push(Vec::new());
        } else if let Some(branch) = branches.last_mut() {
            parser.item(character, branch)?;
        }
    }
    Ok(Program::new(branches.into_iter().filter_map(Branch::new).collect()))
}

/// The regular expression for a pattern.
fn expression(pattern: &str) -> String {
    let mut expression = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                expression.push_str(if rest.peek().is_none() { ".*" } else { "(.*/)?" });
            }
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            '.' | '+' | '(' | ')' | '$' => expression.extend(['\\', character]),
            '\\' => expression.extend(['\\'].into_iter().chain(rest.next())),
            other => expression.push(other),
        }
    }
    expression.push('$');
    expression
}

/// One construct of the expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    Step(Step),
    /// The start of the path.
    Start,
    /// The end of the path.
    End,
}

struct Parser<'e> {
    rest: &'e [char],
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, text: &str) -> bool {
        let length = text.chars().count();
        let found =
            self.rest.len() >= length && self.rest.iter().copied().zip(text.chars()).all(|(is, want)| is == want);
        if found {
            self.rest = &self.rest[length..];
        }
        found
    }

    fn item(&mut self, character: char, branch: &mut Vec<Item>) -> Result<(), Unusable> {
        match character {
            '^' => branch.push(Item::Start),
            '$' => branch.push(Item::End),
            '[' => {
                let class = self.class()?;
                branch.push(Item::Step(if self.take("*") {
                    Step::Many(class)
                } else {
                    Step::One(class)
                }));
            }
            '(' if self.take(".*/)?") => {
                let folders = [
                    Step::Skip(2),
                    Step::Many(Set::NotNewline),
                    Step::One(Set::Character('/')),
                ];
                branch.extend(folders.map(Item::Step));
            }
            '.' if self.take("*") => branch.push(Item::Step(Step::Many(Set::NotNewline))),
            '\\' => branch.push(Item::Step(Step::One(Set::Character(self.escaped("AbBQz")?)))),
            '{' if self.at_repetition() => return Err(Unusable::NotModelled),
            '(' | '.' | '*' | '+' | '?' | ')' => return Err(Unusable::NotModelled),
            literal => branch.push(Item::Step(Step::One(Set::Character(literal)))),
        }
        Ok(())
    }

    /// Whether `{` is followed by what makes it a repetition.
    fn at_repetition(&self) -> bool {
        let inner: String = self.rest.iter().take_while(|character| **character != '}').collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        inner.len() < self.rest.len()
            && match inner.split_once(',') {
                Some((low, high)) => digits(low) && (high.is_empty() || digits(high)),
                None => digits(&inner),
            }
    }

    /// The character behind a `\`; `others` are escapes that are understood in this place only.
    fn escaped(&mut self, others: &str) -> Result<char, Unusable> {
        const INVALID: Unusable = Unusable::Invalid("it escapes a letter or digit that has no special meaning");
        let character = self.next().ok_or(INVALID)?;
        let octal = |next: Option<&char>| next.is_some_and(|next| ('0'..='7').contains(next));
        match character {
            '1'..='7' if octal(self.rest.first()) => Err(Unusable::NotModelled),
            '0' | 'x' | 'a' | 'f' | 'n' | 'r' | 't' | 'v' | 'p' | 'P' => Err(Unusable::NotModelled),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => Err(Unusable::NotModelled),
            other if others.contains(other) => Err(Unusable::NotModelled),
            other if other.is_ascii() && !other.is_ascii_alphanumeric() => Ok(other),
            _ => Err(INVALID),
        }
    }

    /// The rest of a class whose `[` was read.
    fn class(&mut self) -> Result<Set, Unusable> {
        const UNFINISHED: Unusable = Unusable::Invalid("it has a `[` without its `]`");
        let negated = self.take("^");
        let mut ranges = Vec::new();
        while ranges.is_empty() || !self.take("]") {
            if self.rest.starts_with(&['[', ':']) && self.rest.windows(2).skip(2).any(|pair| pair == [':', ']']) {
                return Err(Unusable::NotModelled);
            }
            let low = self.class_member().ok_or(UNFINISHED)??;
            let range = self.rest.first() == Some(&'-') && self.rest.get(1).is_some_and(|next| *next != ']');
            let high = if range && self.take("-") {
                self.class_member().ok_or(UNFINISHED)??
            } else {
                low
            };
            if high < low {
                return Err(Unusable::Invalid("a range in brackets ends before it starts"));
            }
            ranges.push((low, high));
        }
        Ok(if negated && ranges == [('/', '/')] {
            Set::NotSlash
        } else {
            Set::Class { negated, ranges }
        })
    }

    fn class_member(&mut self) -> Option<Result<char, Unusable>> {
        Some(match self.next()? {
            '\\' => self.escaped(""),
            character => Ok(character),
        })
    }
}
