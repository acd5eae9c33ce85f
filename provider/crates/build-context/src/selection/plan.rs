//! What a selection means in one tree: the paths to look at, name by name.
//!
//! Responsible for answering one question at each directory: which of its names count, and what of each. A directory
//! is covered with all that is below it, or covered but for what some excludes leave out, or only passed through. The
//! directories are kept in one list, so that no path is too deep for the stack.

use std::collections::HashMap;
use std::sync::Arc;

use super::Source;
use crate::beneath::{join, split};
use crate::ignore::{IgnoreRules, Verdict};

/// Number of a directory or file in a [`Plan`]; the root is 0.
pub(crate) type Place = usize;

/// The places of one tree that a selection leads to.
#[derive(Debug)]
pub(crate) struct Plan {
    places: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    path: Box<[u8]>,
    parent: Place,
    children: HashMap<Box<[u8]>, Place>,
    /// It, or something below it, is selected.
    kept: bool,
    /// It is selected with all below it.
    covered: bool,
    /// It is selected with what each of these leaves of it.
    narrowed: Vec<Arc<IgnoreRules>>,
}

/// How much of a directory is selected.
#[derive(Debug, Clone)]
pub(crate) struct Coverage {
    all: bool,
    place: Option<Place>,
    narrowed: Vec<Narrowed>,
}

/// Everything below a base, but for what the rules exclude.
#[derive(Debug, Clone)]
struct Narrowed {
    rules: Arc<IgnoreRules>,
    /// Length of the base with its `/`.
    base: usize,
    verdict: Option<Verdict>,
}

impl Plan {
    pub(super) fn new() -> Self {
        Self {
            places: vec![Node::default()],
        }
    }

    /// The plan of a selection that is whole.
    pub(crate) fn whole() -> Self {
        let mut plan = Self::new();
        plan.cover(0);
        plan
    }

    pub(super) fn path(&self, place: Place) -> &[u8] {
        &self.places[place].path
    }

    pub(super) fn parent(&self, place: Place) -> Place {
        self.places[place].parent
    }

    /// The place of `name` in a directory.
    pub(super) fn enter(&mut self, folder: Place, name: &[u8]) -> Place {
        if let Some(known) = self.places[folder].children.get(name) {
            return *known;
        }
        let place = self.places.len();
        self.places.push(Node {
            path: join(&self.places[folder].path, name).into(),
            parent: folder,
            ..Node::default()
        });
        self.places[folder].children.insert(name.into(), place);
        place
    }

    /// Selects a place with all below it.
    pub(super) fn cover(&mut self, place: Place) {
        self.places[place].covered = true;
        self.keep(place);
    }

    /// Selects a directory as far as the source does not exclude what is in it.
    pub(super) fn arrive(&mut self, folder: Place, source: &Source) {
        match &source.excludes {
            None => self.places[folder].covered = true,
            Some(rules) => self.places[folder].narrowed.push(rules.clone()),
        }
        self.keep(folder);
    }

    fn keep(&mut self, mut place: Place) {
        while !self.places[place].kept {
            self.places[place].kept = true;
            place = self.places[place].parent;
        }
    }

    /// How much of the root is selected.
    pub(crate) fn root(&self) -> Coverage {
        self.coverage(0, Vec::new())
    }

    /// How much of `path`, which is in a directory covered so, is selected; none if nothing is. The flag tells whether
    /// the entry itself is.
    pub(crate) fn below(&self, folder: &Coverage, path: &[u8]) -> Option<(bool, Coverage)> {
        if folder.all {
            return Some((true, Coverage::everything()));
        }
        let place = folder.place.and_then(|place| self.place_in(place, split(path).1));
        let mut selected = false;
        let mut narrowed = Vec::new();
        for Narrowed { rules, base, verdict } in &folder.narrowed {
            match rules.judge(&path[*base..], verdict.as_ref()) {
                Ok(verdict) if verdict.excluded && !rules.may_include_again() => {}
                Ok(verdict) => {
                    selected |= !verdict.excluded;
                    narrowed.push(Narrowed {
                        rules: rules.clone(),
                        base: *base,
                        verdict: Some(verdict),
                    });
                }
                // The daemon refuses such a pattern; nothing is left out because of it.
                Err(_) => return Some((true, Coverage::everything())),
            }
        }
        if place.is_none() && narrowed.is_empty() {
            return None;
        }
        let own = place.is_some_and(|place| self.places[place].covered || !self.places[place].narrowed.is_empty());
        let coverage = match place {
            Some(place) => self.coverage(place, narrowed),
            None => Coverage {
                all: false,
                place: None,
                narrowed,
            },
        };
        Some((selected || own, coverage))
    }

    /// The names to look up in a directory that need not be listed.
    pub(crate) fn names(&self, folder: &Coverage) -> Vec<&[u8]> {
        let children = folder.place.into_iter().flat_map(|place| &self.places[place].children);
        let kept = children.filter(|(_, place)| self.places[**place].kept);
        let mut names: Vec<&[u8]> = kept.map(|(name, _)| &**name).collect();
        names.sort_unstable();
        names
    }

    fn place_in(&self, folder: Place, name: &[u8]) -> Option<Place> {
        let place = *self.places[folder].children.get(name)?;
        self.places[place].kept.then_some(place)
    }

    fn coverage(&self, place: Place, mut narrowed: Vec<Narrowed>) -> Coverage {
        let node = &self.places[place];
        if node.covered {
            return Coverage::everything();
        }
        let base = if node.path.is_empty() { 0 } else { node.path.len() + 1 };
        narrowed.extend(node.narrowed.iter().map(|rules| Narrowed {
            rules: rules.clone(),
            base,
            verdict: None,
        }));
        Coverage {
            all: false,
            place: Some(place),
            narrowed,
        }
    }
}

impl Coverage {
    fn everything() -> Self {
        Self {
            all: true,
            place: None,
            narrowed: Vec::new(),
        }
    }

    /// Whether names that the plan does not know may be selected, so that the directory must be listed.
    pub(crate) fn needs_listing(&self) -> bool {
        self.all || !self.narrowed.is_empty()
    }
}
