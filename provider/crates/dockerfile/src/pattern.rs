//! The wildcard patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/replacement}`.
//!
//! `*` stands for any characters, `?` for one, a backslash makes `*`, `?`, `\`, `}` and `/` literal; there are no
//! bracket expressions. Neither wildcard matches a line feed. Matching keeps a set of positions in the pattern, so its
//! time is bounded by value times pattern (squared value for replacements). [`Work`] caps it all the same, because values
//! can be long.

/// What matching may still cost, in characters compared; the caller refuses the word when it is used up.
pub(crate) type Work = usize;
/// What looking at one character costs beside the comparisons.
const STEP: usize = 32;

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Many,
    One,
    Literal(char),
}

/// A parsed pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern(Vec<Token>);

impl Pattern {
    /// Parses a pattern; answers with the character after the backslash when that cannot be escaped.
    pub(crate) fn parse(text: &str) -> Result<Self, Option<char>> {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Many,
                '?' => Token::One,
                '\\' => match chars.next() {
                    Some(escaped @ ('}' | '/' | '*' | '?' | '\\')) => Token::Literal(escaped),
                    other => return Err(other),
                },
                literal => Token::Literal(literal),
            });
        }
        Ok(Self(tokens))
    }

    /// Removes the shortest (or longest) part at the beginning of `value` that matches.
    pub(crate) fn trim_prefix(&self, value: &str, longest: bool, work: &mut Work) -> String {
        let chars: Vec<char> = value.chars().collect();
        let end = match_length(&self.0, &chars, longest, work).unwrap_or(0);
        chars[end..].iter().collect()
    }

    /// Removes the shortest (or longest) part at the end of `value` that matches.
    pub(crate) fn trim_suffix(&self, value: &str, longest: bool, work: &mut Work) -> String {
        let tokens: Vec<Token> = self.0.iter().rev().copied().collect();
        let reversed: Vec<char> = value.chars().rev().collect();
        let end = match_length(&tokens, &reversed, longest, work).unwrap_or(0);
        reversed[end..].iter().rev().collect()
    }

    /// Replaces the first match in `value`, or all of them, by `replacement`.
    pub(crate) fn replace(&self, value: &str, replacement: &str, all: bool, work: &mut Work) -> String {
        let chars: Vec<char> = value.chars().collect();
        let mut out = String::new();
        let (mut at, mut last_end, mut done) = (0, 0, false);
        while at <= chars.len() && *work > 0 {
            let length = if done {
                None
            } else {
                match_length(&self.0, &chars[at..], true, work)
            };
            let Some(length) = length else {
                out.extend(chars.get(at));
                at += 1;
                continue;
            };
            // An empty match directly behind the previous match is not a match of its own.
            if at == 0 || at + length > last_end {
                out.push_str(replacement);
                *work = work.saturating_sub(replacement.len());
                done = !all;
            }
            last_end = at + length;
            if length == 0 {
                out.extend(chars.get(at));
            }
            at += length.max(1);
        }
        out
    }
}

/// Length of the shortest or longest part at the beginning of `chars` that the whole pattern matches.
fn match_length(tokens: &[Token], chars: &[char], longest: bool, work: &mut Work) -> Option<usize> {
    let mut states = vec![false; tokens.len() + 1];
    states[0] = true;
    skip_empty_stars(tokens, &mut states);
    *work = work.saturating_sub(states.len() + STEP);
    let mut found = states[tokens.len()].then_some(0);
    for (index, c) in chars.iter().enumerate() {
        if found.is_some() && !longest || !states.contains(&true) || *work == 0 {
            break;
        }
        *work = work.saturating_sub(states.len() + STEP);
        states = step(tokens, &states, *c);
        if states[tokens.len()] {
            found = Some(index + 1);
        }
    }
    found
}

/// Moves every position in the pattern over one character of the value.
fn step(tokens: &[Token], states: &[bool], c: char) -> Vec<bool> {
    let mut next = vec![false; states.len()];
    for (position, token) in tokens.iter().enumerate().filter(|(position, _)| states[*position]) {
        match token {
            Token::Many if c != '\n' => next[position] = true,
            Token::One if c != '\n' => next[position + 1] = true,
            Token::Literal(literal) if *literal == c => next[position + 1] = true,
            _ => {}
        }
    }
    skip_empty_stars(tokens, &mut next);
    next
}

/// A star may match nothing: whoever stands before one also stands behind it.
fn skip_empty_stars(tokens: &[Token], states: &mut [bool]) {
    for (position, token) in tokens.iter().enumerate() {
        if states[position] && *token == Token::Many {
            states[position + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn replacing_everything_follows_the_rules_for_empty_matches() {
        for (pattern, value, expected) in [
            ("*", "abc", "X"),
            ("", "ab", "XaXbX"),
            ("b*", "abcb", "aX"),
            ("z", "", ""),
        ] {
            assert_eq!(
                Pattern::parse(pattern).unwrap().replace(value, "X", true, &mut 1000),
                expected,
                "{pattern} on {value}"
            );
        }
    }

    #[test]
    fn many_stars_take_bounded_time() {
        let pattern = Pattern::parse(&"*a".repeat(50)).unwrap();
        assert_eq!(pattern.trim_prefix(&"a".repeat(49), false, &mut 100_000).len(), 49);
    }

    #[test]
    fn matching_stops_when_its_work_is_used_up() {
        let (pattern, value, mut work) = (Pattern::parse("*b").unwrap(), "a".repeat(100_000), 1 << 20);
        pattern.replace(&value, "", true, &mut work);
        assert_eq!(work, 0);
    }
}
