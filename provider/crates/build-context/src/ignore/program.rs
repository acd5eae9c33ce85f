//! Matches paths against a compiled pattern, in time proportional to path times pattern.
//!
//! All positions in the pattern that a path may have reached are followed at once, so that no pattern is slow for any
//! path. Most paths never come that far: they lack the literal start or end of the pattern, or have another number of
//! slashes than a pattern whose wildcards cannot cross one.

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
    head: String,
    steps: Vec<Step>,
    tail: String,
    /// The number of slashes in every path that matches, if there is one.
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

    /// Splits the literal start and end off.
    fn trimmed(mut steps: Vec<Step>) -> Self {
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
            head,
            steps,
            tail,
            slashes,
        }
    }

    fn matches(&self, path: &[u8]) -> bool {
        let Some(middle) = path.strip_prefix(self.head.as_bytes()) else {
            return false;
        };
        let Some(middle) = middle.strip_suffix(self.tail.as_bytes()) else {
            return false;
        };
        if self.slashes.is_some_and(|slashes| slashes != count(path)) {
            return false;
        }
        match self.steps.as_slice() {
            [] => middle.is_empty(),
            [Step::Many(Set::Any)] => true,
            [Step::Many(Set::NotSlash)] => !middle.contains(&b'/'),
            steps => follow(steps, middle),
        }
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
