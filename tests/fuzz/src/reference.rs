//! A second matcher for ignore files, to compare the product's with: as simple as it can be, and complete only for the
//! documented grammar.
//!
//! Follows the rules of Docker's pattern matcher for lines of letters, digits, `_`, `-`, `.`, `/`, `*` and `?`, and knows
//! nothing about any other line. It decides from the end of a pattern to its start, one table per path and pattern,
//! where the product runs forwards and takes short cuts.

/// A line of an ignore file.
struct Rule<'l> {
    negated: bool,
    pattern: &'l str,
}

/// Whether `path` is excluded by `file`; nothing where this matcher does not know.
#[must_use]
pub fn excludes(file: &str, path: &str) -> Option<bool> {
    let rules: Vec<Rule<'_>> = file
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(rule)
        .collect::<Option<_>>()?;
    if !is_plain(path) || path.contains(['*', '?']) {
        return None;
    }
    let mut matched = vec![false; rules.len()];
    let mut excluded = false;
    for end in (0..=path.len()).filter(|at| matches!(path.as_bytes().get(*at), None | Some(b'/'))) {
        let name = &path[..end];
        let parent = name.rfind('/').map(|slash| &name[..slash]);
        if parent.is_some_and(|parent| excluded && !is_walked(&rules, parent)) {
            return Some(true);
        }
        excluded = false;
        for (rule, matched) in rules.iter().zip(&mut matched) {
            // A match of the parent directory holds; otherwise only a rule that could change the verdict is tried.
            let holds = *matched || (rule.negated == excluded && is_match(rule.pattern, name));
            if holds {
                excluded = !rule.negated;
            }
            *matched = holds;
        }
    }
    Some(excluded)
}

/// Reads a line of the documented grammar that is already in its shortest form.
fn rule(line: &str) -> Option<Rule<'_>> {
    let pattern = line.strip_prefix('!').unwrap_or(line);
    is_plain(pattern).then_some(Rule {
        negated: pattern.len() < line.len(),
        pattern,
    })
}

/// Whether each name of a relative path is plain, not empty, and neither `.` nor `..`.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.*?".contains(&byte);
        !matches!(name, "" | "." | "..") && name.bytes().all(plain)
    })
}

/// Whether the walk looks into an excluded directory, because something in it could be included again.
fn is_walked(rules: &[Rule<'_>], directory: &str) -> bool {
    rules.iter().filter(|rule| rule.negated).any(|rule| {
        let fixed = rule.pattern.strip_suffix("/**").unwrap_or(rule.pattern);
        let fixed = fixed.strip_suffix("/*").unwrap_or(fixed);
        fixed.contains(['*', '?']) || fixed == directory || fixed.starts_with(&format!("{directory}/"))
    })
}

/// Whether a pattern matches a whole path.
fn is_match(pattern: &str, path: &str) -> bool {
    let inner = |text: &str| text.contains(['*', '?']);
    match (pattern.strip_prefix("**"), pattern.strip_suffix("**")) {
        _ if !inner(pattern) => pattern == path,
        (Some(end), _) if !inner(end) => path.ends_with(end) || end.strip_prefix('/') == Some(path),
        (_, Some(start)) if !inner(start) => path.starts_with(start),
        _ => table(pattern.as_bytes(), path.as_bytes()),
    }
}

/// Fills in, from the end of the pattern, from which positions of the path the rest of the pattern matches.
fn table(pattern: &[u8], path: &[u8]) -> bool {
    let mut rest: Vec<bool> = (0..=path.len()).map(|at| at == path.len()).collect();
    for token in tokens(pattern).iter().rev() {
        let mut here = vec![false; path.len() + 1];
        for at in (0..=path.len()).rev() {
            let next = path.get(at).copied();
            here[at] = match token {
                Token::Byte(byte) => next == Some(*byte) && rest[at + 1],
                Token::One => next.is_some_and(|byte| byte != b'/') && rest[at + 1],
                Token::Name => rest[at] || (next.is_some_and(|byte| byte != b'/') && here[at + 1]),
                Token::Folders => rest[at] || (at..path.len()).any(|end| path[end] == b'/' && rest[end + 1]),
                Token::All => (at..=path.len()).any(|end| rest[end]),
            };
        }
        rest = here;
    }
    rest[0]
}

enum Token {
    Byte(u8),
    /// `?`
    One,
    /// `*`
    Name,
    /// `**` and `**/` before the end of the pattern.
    Folders,
    /// `**` at the end of the pattern.
    All,
}

fn tokens(mut pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let [first, rest @ ..] = pattern {
        pattern = rest;
        tokens.push(match (first, rest) {
            (b'*', [b'*', after @ ..]) => {
                pattern = after.strip_prefix(b"/").unwrap_or(after);
                if pattern.is_empty() { Token::All } else { Token::Folders }
            }
            (b'*', _) => Token::Name,
            (b'?', _) => Token::One,
            (byte, _) => Token::Byte(*byte),
        });
    }
    tokens
}
