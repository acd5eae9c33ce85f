//! The two experiments, and the way from a finding to the smallest one.

use std::path::Path;

use fastcontainer_build_context::{EntryKind, Snapshot};

use super::ours::{Ours, fingerprint};
use super::{Case, Site};
use crate::builder::Built;
use crate::tree::{Node, Tree};

/// Builds that a search for a smaller finding may cost.
const PATIENCE: usize = 400;

/// What was learned about a case on disk.
#[derive(Debug)]
pub struct Answer {
    /// The daemon's image.
    pub truth: Built,
    /// Our view, or why there is none.
    pub ours: Result<Ours, String>,
}

impl Answer {
    /// Builds and analyses what is on disk.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        Self {
            truth: site.build(),
            ours: fingerprint(site),
        }
    }

    fn mark(&self) -> &str {
        match &self.ours {
            Ok(ours) => &ours.fingerprint,
            Err(error) => error,
        }
    }
}

/// What a change did to the image and to the fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Both changed.
    BothChanged,
    /// Neither changed.
    NeitherChanged,
    /// There is no image, neither before nor after.
    NeverBuilt,
    /// The fingerprint changed alone: a build in vain.
    OnlyFingerprint,
    /// The image changed alone: a stale image.
    OnlyImage,
}

/// Compares before and after.
#[must_use]
pub fn changed(before: &Answer, after: &Answer) -> Outcome {
    match (before.truth.is_same_as(&after.truth), before.mark() == after.mark()) {
        (true, _) if matches!(after.truth, Built::Refused(_)) => Outcome::NeverBuilt,
        (false, false) => Outcome::BothChanged,
        (true, true) => Outcome::NeitherChanged,
        (true, false) => Outcome::OnlyFingerprint,
        (false, true) => Outcome::OnlyImage,
    }
}

/// Builds again with nothing to be seen but what our analysis selects. Says what is different, if anything is.
#[must_use]
pub fn narrowed(site: &Site, answer: &Answer) -> Option<String> {
    let ours = match (&answer.ours, &answer.truth) {
        (Ok(ours), _) => ours,
        (Err(_), Built::Refused(_)) => return None,
        (Err(error), Built::Image(_)) => return Some(format!("only ours refuses: {error}")),
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (context, named) = (folder.path().join("context"), folder.path().join("named"));
    copy(&ours.context, &context);
    copy(&ours.named, &named);
    let again = site.build_from(&context, &named);
    (!again.is_same_as(&answer.truth)).then(|| difference(&answer.truth, &again))
}

fn copy(snapshot: &Snapshot, to: &Path) {
    let mut tree = Tree::default();
    for entry in snapshot.entries() {
        let node = match &entry.kind {
            EntryKind::Directory => Node::Directory,
            EntryKind::Symlink { target } => Node::Link(target.clone()),
            EntryKind::File { executable, .. } => Node::File {
                content: std::fs::read(snapshot.root().join(&entry.path)).expect("a selected file"),
                mode: if *executable { 0o755 } else { 0o644 },
            },
        };
        tree.put(&entry.path, node);
    }
    tree.write(to);
}

fn difference(whole: &Built, narrowed: &Built) -> String {
    let (Built::Image(whole), Built::Image(narrowed)) = (whole, narrowed) else {
        return format!("with everything: {whole:?}; with the selection: {narrowed:?}");
    };
    let lost: Vec<_> = whole
        .iter()
        .filter(|(path, item)| narrowed.get(*path) != Some(item))
        .collect();
    let gained: Vec<_> = narrowed.keys().filter(|path| !whole.contains_key(*path)).collect();
    format!("lost {lost:?}, gained {gained:?}")
}

/// The smallest case found whose narrowed build differs, and how.
#[must_use]
pub fn shrunk_narrowing(case: &Case) -> String {
    let finds = |case: &Case| {
        let site = Site::of(case);
        narrowed(&site, &Answer::of(&site))
    };
    let mut case = case.clone();
    let mut tried = 0;
    while let Some(smaller) = case.removals().iter().map(|one| case.without(one)).find(|smaller| {
        tried += 1;
        tried < PATIENCE && finds(smaller).is_some()
    }) {
        case = smaller;
    }
    format!("{}\n{case}", finds(&case).unwrap_or_default())
}

/// The smallest change found that leads to `outcome`.
#[must_use]
pub fn shrunk_change(before: &Case, after: &Case, outcome: Outcome) -> String {
    let leads_there = |before: &Case, after: &Case| {
        let mut site = Site::of(before);
        let first = Answer::of(&site);
        site.become_case(after);
        changed(&first, &Answer::of(&site)) == outcome
    };
    let mut pair = (before.clone(), after.clone());
    let mut tried = 0;
    while let Some(smaller) = smaller_pairs(&pair).into_iter().find(|(before, after)| {
        tried += 1;
        tried < PATIENCE && leads_there(before, after)
    }) {
        pair = smaller;
    }
    format!("before: {}\nafter: {}", pair.0, pair.1)
}

/// Pairs with one part less on both sides; what the change touched stays.
fn smaller_pairs((before, after): &(Case, Case)) -> Vec<(Case, Case)> {
    let both = before.removals().into_iter().filter(|removal| match removal {
        super::Removal::Instruction(_) => before.instructions == after.instructions,
        super::Removal::InContext(path) => before.context.0.get(path) == after.context.0.get(path),
        super::Removal::InNamed(path) => before.named.0.get(path) == after.named.0.get(path),
    });
    both.map(|removal| (before.without(&removal), after.without(&removal)))
        .collect()
}
