//! From the sources of a selection to the places of one tree.
//!
//! Walks each source's components through the tree, as BuildKit resolves a source before it copies: symbolic links on
//! the way are replaced by what they point to, inside the context, and count themselves. A relative link is joined to
//! its directory and shortened lexically, an absolute one is followed name by name; where the two differ, both are
//! taken. Works on a list of steps that are made once each, so that neither loops nor `**` can make it long.

use std::collections::HashSet;

use super::component::Component;
use super::plan::{Place, Plan};
use super::{Selection, Source};

/// Links that are followed one after the other; BuildKit gives up here too.
const LINKS: u16 = 255;
/// Steps, links followed in all, and names that links brought in, after which everything is selected.
const STEPS: usize = 500_000;
const FOLLOWED: usize = 2_000;
const PENDING: usize = 100;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    /// A symbolic link with its text.
    Link(Vec<u8>),
    /// Anything else.
    File,
}

/// A tree to look things up in. Paths are real: they lead through directories only.
pub(crate) trait View {
    /// Why looking up cannot go on.
    type Error;

    /// What `name` in the directory `folder` is; none if it is not there or cannot be seen.
    fn look_up(&mut self, folder: &[u8], name: &[u8]) -> Result<Option<Kind>, Self::Error>;

    /// All that can be seen in the directory `folder`.
    fn list(&mut self, folder: &[u8]) -> Result<Vec<(Vec<u8>, Kind)>, Self::Error>;
}

/// A directory, and the way that is left from there: names that links brought in, then a source from `next` on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Step {
    folder: Place,
    /// In reverse order.
    pending: Vec<Box<[u8]>>,
    source: usize,
    next: usize,
    links: u16,
}

struct Resolver<'s> {
    sources: &'s [Source],
    plan: Plan,
    open: Vec<Step>,
    seen: HashSet<Step>,
    followed: usize,
}

/// Finds out what `selection` means in the tree.
pub(crate) fn resolve<V: View>(selection: &Selection, view: &mut V) -> Result<Plan, V::Error> {
    let Some(sources) = &selection.sources else {
        return Ok(Plan::whole());
    };
    let mut resolver = Resolver {
        sources,
        plan: Plan::new(),
        open: Vec::new(),
        seen: HashSet::new(),
        followed: 0,
    };
    for source in 0..sources.len() {
        resolver.go(Step {
            folder: 0,
            pending: Vec::new(),
            source,
            next: 0,
            links: 0,
        });
    }
    while let Some(step) = resolver.open.pop() {
        resolver.take(step, view)?;
        if resolver.seen.len() > STEPS || resolver.followed > FOLLOWED {
            return Ok(Plan::whole());
        }
    }
    Ok(resolver.plan)
}

impl Resolver<'_> {
    fn go(&mut self, step: Step) {
        if self.seen.insert(step.clone()) {
            self.open.push(step);
        }
    }

    fn take<V: View>(&mut self, mut step: Step, view: &mut V) -> Result<(), V::Error> {
        if let Some(name) = step.pending.pop() {
            return self.take_name(step, &name, view);
        }
        let sources = self.sources;
        let source = &sources[step.source];
        let Some(component) = source.components.get(step.next) else {
            self.plan.arrive(step.folder, source);
            return Ok(());
        };
        match component {
            Component::Name(name) => {
                step.next += 1;
                self.take_name(step, name, view)
            }
            Component::Wild(wild) => {
                step.next += 1;
                for (name, kind) in view.list(self.plan.path(step.folder))? {
                    if wild.matches(&name) {
                        self.meet(&step, &name, kind);
                    }
                }
                Ok(())
            }
            Component::AnyDepth => {
                for (name, kind) in view.list(self.plan.path(step.folder))? {
                    if kind == Kind::Directory {
                        self.meet(&step, &name, kind);
                    }
                }
                step.next += 1;
                self.go(step);
                Ok(())
            }
        }
    }

    fn take_name<V: View>(&mut self, mut step: Step, name: &[u8], view: &mut V) -> Result<(), V::Error> {
        if name == b".." {
            step.folder = self.plan.parent(step.folder);
            self.go(step);
        } else if let Some(kind) = view.look_up(self.plan.path(step.folder), name)? {
            self.meet(&step, name, kind);
        }
        Ok(())
    }

    /// Goes on with `name`, which is in the step's directory; the step already leads to what follows it.
    fn meet(&mut self, step: &Step, name: &[u8], kind: Kind) {
        match kind {
            Kind::Directory => {
                let folder = self.plan.enter(step.folder, name);
                self.go(Step { folder, ..step.clone() });
            }
            Kind::Link(text) => {
                let link = self.plan.enter(step.folder, name);
                self.plan.cover(link);
                self.follow(step, &text);
            }
            Kind::File => {
                let nothing_follows =
                    step.pending.is_empty() && step.next == self.sources[step.source].components.len();
                if nothing_follows {
                    let file = self.plan.enter(step.folder, name);
                    self.plan.cover(file);
                }
            }
        }
    }

    fn follow(&mut self, step: &Step, text: &[u8]) {
        if step.links == LINKS {
            return;
        }
        self.followed += 1;
        let names: Vec<&[u8]> = names(text).collect();
        let shortened = shorten(&names);
        let ways = if shortened == names {
            vec![names]
        } else {
            vec![names, shortened]
        };
        for way in ways {
            let mut pending = step.pending.clone();
            pending.extend(way.into_iter().rev().map(Box::from));
            if pending.len() > PENDING {
                self.followed = FOLLOWED + 1;
                return;
            }
            self.go(Step {
                folder: if text.starts_with(b"/") { 0 } else { step.folder },
                pending,
                source: step.source,
                next: step.next,
                links: step.links + 1,
            });
        }
    }
}

fn names(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty() && *name != b".")
}

/// Drops each name that is followed by `..`, and the `..` with it.
fn shorten<'n>(names: &[&'n [u8]]) -> Vec<&'n [u8]> {
    let mut short: Vec<&[u8]> = Vec::new();
    for name in names {
        if *name == b".." && short.last().is_some_and(|last| *last != b"..") {
            short.pop();
        } else {
            short.push(name);
        }
    }
    short
}
