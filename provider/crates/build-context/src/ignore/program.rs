//! Matches paths against a compiled pattern, in time proportional to path times pattern.
//!
//! All positions in the pattern that a path may have reached are followed at once, so that no pattern is slow for any
//! path. Most paths never come that far: they lack the literal start or end of the pattern, or have another number of
//! slashes than a pattern whose wildcards cannot cross one. Behind a leading `**/` such a pattern is matched against just
//! as many names at the end of the path.

use super::glob::Item;

/// A compiled pattern: it matches if one of its branches does.
#[derive(Debug, Clone)]
pub(super) struct Program {
    branches: Vec<Branch>,
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Set {
    Any,
    NotNewline,
    NotSlash,
    Character(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// One step through a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// One character of the set.
    One(Set),
    /// Any number of characters of the set.
    Many(Set),
    /// The next so many steps may be left out.
    Skip(usize),
}

/// One alternative: a literal start, steps, a literal end.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    /// Any directories, or none, come first; the number of slashes behind them is known.
    anywhere: bool,
    head: String,
    steps: Vec<Step>,
    tail: String,
    /// The number of slashes in everything that matches, without the directories that come first, if there is one.
    slashes: Option<usize>,
}

impl Program {
    pub(super) fn new(branches: Vec<Branch>) -> Self {
        Self { branches }
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        self.branches.iter().any(|branch| branch.matches(path))
    }
}

impl Set {
    fn contains(&self, character: char) -> bool {
        match self {
            Self::Any => true,
            Self::NotNewline => character != '\n',
            Self::NotSlash => character != '/',
            Self::Character(one) => character == *one,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&character)) != *negated
            }
        }
    }
}

impl Branch {
    /// Arranges the items of an alternative; none if it can never match.
    pub(super) fn new(items: Vec<Item>) -> Option<Self> {
        let start = items.iter().rposition(|item| *item == Item::Start);
        let (before, items) = items.split_at(start.map_or(0, |at| at + 1));
        if !only_optional(before) {
            return None;
        }
        let ended = items.last() == Some(&Item::End);
        let mut steps: Vec<Step> = if start.is_some() {
            Vec::new()
        } else {
            vec![Step::Many(Set::Any)]
        };
        steps.extend(items.iter().filter_map(|item| match item {
            Item::Step(step) => Some(step.clone()),
            Item::Start | Item::End => None,
        }));
        if !ended {
            steps.push(Step::Many(Set::Any));
        }
        Some(Self::trimmed(steps))
    }

    /// Splits the leading directories, the literal start and the literal end off.
    fn trimmed(mut steps: Vec<Step>) -> Self {
        let anywhere = match steps.as_slice() {
            [
                Step::Skip(2),
                Step::Many(Set::NotNewline),
                Step::One(Set::Character('/')),
                behind @ ..,
            ] => slashes(behind).is_some(),
            _ => false,
        };
        if anywhere {
            steps.drain(..3);
        }
        let literal = |step: &Step| match step {
            Step::One(Set::Character(character)) => Some(*character),
            _ => None,
        };
        let head: String = steps.iter().map_while(literal).collect();
        steps.drain(..head.chars().count());
        // The last step of an optional group stays with its group.
        let group_end = steps
            .iter()
            .rposition(|step| matches!(step, Step::Skip(_)))
            .map_or(0, |at| at + 3);
        let tail: Vec<char> = steps[group_end.min(steps.len())..]
            .iter()
            .rev()
            .map_while(literal)
            .collect();
        steps.truncate(steps.len() - tail.len());
        let tail: String = tail.into_iter().rev().collect();
        let slashes = slashes(&steps).map(|inner| inner + count(head.as_bytes()) + count(tail.as_bytes()));
        Self {
            anywhere,
            head,
            steps,
            tail,
            slashes,
        }
    }

    fn matches(&self, path: &[u8]) -> bool {
        if before(path, self.tail.as_bytes()).is_none() {
            return false;
        }
        let own = if self.anywhere { self.end_of(path) } else { Some(path) };
        let Some(middle) = own.and_then(|own| after(own, self.head.as_bytes())) else {
            return false;
        };
        let Some(middle) = before(middle, self.tail.as_bytes()) else {
            return false;
        };
        if !self.anywhere && self.slashes.is_some_and(|slashes| slashes != count(path)) {
            return false;
        }
        match self.steps.as_slice() {
            [] => middle.is_empty(),
            [Step::Many(Set::Any)] => true,
            [Step::Many(Set::NotSlash)] => !middle.contains(&b'/'),
            steps => follow(steps, middle),
        }
    }

    /// The names at the end of `path` that hold as many slashes as the steps behind the leading directories take. None if
    /// there are fewer, or a line ends in those directories, which `.*` does not cross.
    fn end_of<'p>(&self, path: &'p [u8]) -> Option<&'p [u8]> {
        let wanted = self.slashes?;
        let mut slashes = (0..path.len()).rev().filter(|at| path[*at] == b'/');
        if wanted > 0 {
            slashes.nth(wanted - 1)?;
        }
        let start = slashes.next().map_or(0, |at| at + 1);
        let own = &path[start..];
        (!path[..start].contains(&b'\n')).then_some(own)
    }
}

/// What stands before `end`. Most paths differ in the last byte, or in the fourth one from the end as extensions are
/// short, and nothing need be compared with an empty end, which costs more than it looks: its address is no memory.
pub(super) fn before<'p>(path: &'p [u8], end: &[u8]) -> Option<&'p [u8]> {
    let [.., last] = end else { return Some(path) };
    let fourth = |bytes: &[u8]| bytes.len().checked_sub(4).map(|at| bytes[at]);
    let alike = path.last() == Some(last) && fourth(end).is_none_or(|byte| fourth(path) == Some(byte));
    if alike { path.strip_suffix(end) } else { None }
}

/// What stands behind `start`. Most paths differ in the first byte already.
pub(super) fn after<'p>(path: &'p [u8], start: &[u8]) -> Option<&'p [u8]> {
    match start.first() {
        None => Some(path),
        Some(first) if path.first() == Some(first) => path.strip_prefix(start),
        Some(_) => None,
    }
}

/// Whether everything before an anchor may match nothing at all.
fn only_optional(items: &[Item]) -> bool {
    let mut at = 0;
    while let Some(item) = items.get(at) {
        at += match item {
            Item::Step(Step::One(_)) => return false,
            Item::Step(Step::Skip(steps)) => steps + 1,
            Item::Step(Step::Many(_)) | Item::Start | Item::End => 1,
        };
    }
    true
}

/// The number of slashes that the steps take, if it is always the same.
fn slashes(steps: &[Step]) -> Option<usize> {
    let mut slashes = 0;
    for step in steps {
        match step {
            Step::One(Set::Character('/')) => slashes += 1,
            Step::Skip(_) => return None,
            Step::One(set) | Step::Many(set) if set.contains('/') => return None,
            Step::One(_) | Step::Many(_) => {}
        }
    }
    Some(slashes)
}

fn count(path: &[u8]) -> usize {
    path.iter().filter(|byte| **byte == b'/').count()
}

/// Follows all ways through the steps at once.
fn follow(steps: &[Step], path: &[u8]) -> bool {
    let mut reached = vec![false; steps.len() + 1];
    reached[0] = true;
    pass_optional(steps, &mut reached);
    let mut next = vec![false; steps.len() + 1];
    for character in characters(path) {
        next.fill(false);
        for (at, step) in steps.iter().enumerate().filter(|(at, _)| reached[*at]) {
            match step {
                Step::One(set) if set.contains(character) => next[at + 1] = true,
                Step::Many(set) if set.contains(character) => next[at] = true,
                _ => {}
            }
        }
        pass_optional(steps, &mut next);
        std::mem::swap(&mut reached, &mut next);
    }
    reached[steps.len()]
}

/// Marks what can be reached without a character.
fn pass_optional(steps: &[Step], reached: &mut [bool]) {
    for (at, step) in steps.iter().enumerate() {
        if reached[at] {
            match step {
                Step::One(_) => {}
                Step::Many(_) => reached[at + 1] = true,
                Step::Skip(more) => {
                    reached[at + 1] = true;
                    reached[at + 1 + more] = true;
                }
            }
        }
    }
}

/// The characters of a path; each byte that is not UTF-8 counts as one replacement character, as in Go.
fn characters(path: &[u8]) -> impl Iterator<Item = char> {
    path.utf8_chunks().flat_map(|chunk| {
        chunk
            .valid()
            .chars()
            .chain(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ignore::glob::compile;

    /// All texts of up to `length` of these characters.
    fn texts(length: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut start = 0;
        for _ in 0..length {
            let end = all.len();
            for at in start..end {
                for character in ['a', '.', '/', '\n'] {
                    all.push(format!("{}{character}", all[at]));
                }
            }
            start = end;
        }
        all
    }

    /// The same branch with nothing taken out of its steps.
    fn whole(branch: &Branch) -> Vec<Step> {
        let literal = |text: &str| -> Vec<Step> { text.chars().map(|one| Step::One(Set::Character(one))).collect() };
        let folders = [
            Step::Skip(2),
            Step::Many(Set::NotNewline),
            Step::One(Set::Character('/')),
        ];
        let folders = if branch.anywhere { folders.to_vec() } else { Vec::new() };
        [
            folders,
            literal(&branch.head),
            branch.steps.clone(),
            literal(&branch.tail),
        ]
        .concat()
    }

    #[test]
    fn the_shortcuts_match_what_the_steps_match() {
        let patterns = [
            "**/.*", "**/a?", "**/*/a", "**/a/*", "**/*.a", "**/**/a*", "**/a/**", "a/**/*", "**/[^a]",
        ];
        let texts = texts(6);
        for pattern in patterns {
            let program = compile(pattern).unwrap();
            for branch in &program.branches {
                let steps = whole(branch);
                for text in &texts {
                    let expected = follow(&steps, text.as_bytes());
                    assert_eq!(branch.matches(text.as_bytes()), expected, "{pattern} on {text:?}");
                }
            }
        }
        assert!(compile("**/.env*").unwrap().branches[0].anywhere);
    }
}
