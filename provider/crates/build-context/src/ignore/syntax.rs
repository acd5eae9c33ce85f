//! The two steps of Go's `path/filepath` that patterns go through before they are compiled.
//!
//! [`clean`] shortens a path lexically. [`check`] is the syntax check that BuildKit makes when it reads a pattern: it
//! matches the pattern against `.` as a shell pattern and looks only for syntax errors. Matching stops at the first
//! part that does not fit, so errors behind that part are not found here; they show when the pattern is first tried.

/// The shortest path that means the same, without looking at the disk. Nothing becomes `.`.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut names: Vec<&str> = Vec::new();
    for name in path.split('/') {
        match name {
            "" | "." => {}
            ".." if names.last().is_some_and(|last| *last != "..") => drop(names.pop()),
            ".." if rooted => {}
            _ => names.push(name),
        }
    }
    match (rooted, names.join("/")) {
        (true, rest) => format!("/{rest}"),
        (false, rest) if rest.is_empty() => ".".to_owned(),
        (false, rest) => rest,
    }
}

/// Why a pattern is refused as soon as it is read.
pub(super) fn check(pattern: &str) -> Result<(), &'static str> {
    let mut name = ".";
    let mut rest = pattern;
    while !rest.is_empty() {
        let (star, part, after) = first_part(rest);
        rest = after;
        if star && part.is_empty() {
            return Ok(());
        }
        let fits = |left: &&str| left.is_empty() || !rest.is_empty();
        let mut left = fit(part, name)?.filter(fits);
        if left.is_none() && star && !name.is_empty() {
            left = fit(part, "")?.filter(fits);
        }
        match left {
            Some(left) => name = left,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Splits off leading stars and the part up to the next star that is not inside brackets.
fn first_part(pattern: &str) -> (bool, &str, &str) {
    let part = pattern.trim_start_matches('*');
    let star = part.len() < pattern.len();
    let (mut inside, mut escaped) = (false, false);
    for (at, character) in part.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => inside = true,
            ']' => inside = false,
            '*' if !inside => return (star, &part[..at], &part[at..]),
            _ => {}
        }
    }
    (star, part, "")
}

/// Fits a part without stars to the start of `name` and gives what is left of the name. Reads the whole part, so that
/// its syntax errors are found even when it does not fit.
fn fit<'n>(part: &str, name: &'n str) -> Result<Option<&'n str>, &'static str> {
    let (mut left, mut fits) = (name.chars(), true);
    let mut part = part;
    while let Some(first) = part.chars().next() {
        let candidate = if fits { left.next() } else { None };
        fits = candidate.is_some();
        part = &part[first.len_utf8()..];
        let matched = match first {
            '[' => {
                let (after, matched) = class(part, candidate)?;
                part = after;
                matched
            }
            '?' => candidate != Some('/'),
            '\\' => {
                let escaped = part.chars().next().ok_or("it ends with an escape character")?;
                part = &part[escaped.len_utf8()..];
                candidate == Some(escaped)
            }
            literal => candidate == Some(literal),
        };
        fits = fits && matched;
    }
    Ok(fits.then_some(left.as_str()))
}

/// Reads a class behind its `[`; gives what follows it and whether it holds `candidate`.
fn class(part: &str, candidate: Option<char>) -> Result<(&str, bool), &'static str> {
    let (negated, mut part) = part.strip_prefix('^').map_or((false, part), |rest| (true, rest));
    let (mut found, mut ranges) = (false, 0);
    loop {
        if let Some(after) = part.strip_prefix(']').filter(|_| ranges > 0) {
            return Ok((after, found != negated));
        }
        let (low, after) = class_member(part)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(after) => class_member(after)?,
            None => (low, after),
        };
        part = after;
        found |= candidate.is_some_and(|candidate| (low..=high).contains(&candidate));
        ranges += 1;
    }
}

fn class_member(part: &str) -> Result<(char, &str), &'static str> {
    const UNFINISHED: &str = "it has a `[` without its `]`";
    let part = match part.chars().next() {
        None => return Err(UNFINISHED),
        Some('-' | ']') => return Err("it has an empty or unfinished range in brackets"),
        Some('\\') => &part[1..],
        Some(_) => part,
    };
    let member = part.chars().next().ok_or("it ends with an escape character")?;
    let after = &part[member.len_utf8()..];
    if after.is_empty() {
        Err(UNFINISHED)
    } else {
        Ok((member, after))
    }
}
