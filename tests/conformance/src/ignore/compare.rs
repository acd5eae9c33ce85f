//! Ours against the daemon's, for one pair.
//!
//! Refuses to call a difference anything but a difference, with one exception: where ours warns that it does not
//! understand a pattern, it may keep more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fastcontainer_build_context::{
    ContextError, EntryKind, Selection, Snapshot, StatCache, Warning, find_ignore_file, walk,
};
use tokio_util::sync::CancellationToken;

use super::{Pair, Place};
use crate::builder::{Built, Order};
use crate::listing::{Item, Listing};

const DOCKERFILE: &str = "FROM scratch\nCOPY . /\n";

/// What one pair showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same entries; holds how many.
    Same(usize),
    /// The same entries, but a file whose bytes the daemon's client refused to hand out arrived empty.
    SameButEmptied,
    /// Both refuse the ignore file.
    BothRefuse,
    /// Ours does not understand a pattern and keeps at least what arrives.
    Superset,
    /// Ours is wrong; says how.
    Different(String),
}

/// Builds the pair and compares; a difference is shrunk to the smallest pair that has one.
#[must_use]
pub fn compare(pair: &Pair) -> Verdict {
    let verdict = compare_once(pair);
    if !matches!(verdict, Verdict::Different(_)) {
        return verdict;
    }
    let (mut pair, mut verdict) = (pair.clone(), verdict);
    while let Some((smaller, other)) = pair
        .smaller()
        .into_iter()
        .map(|smaller| {
            let verdict = compare_once(&smaller);
            (smaller, verdict)
        })
        .find(|(_, verdict)| matches!(verdict, Verdict::Different(_)))
    {
        (pair, verdict) = (smaller, other);
    }
    let Verdict::Different(how) = verdict else {
        return verdict;
    };
    let text = String::from_utf8_lossy(&pair.ignore_file()).into_owned();
    let tree: Vec<_> = pair.tree.0.keys().collect();
    Verdict::Different(format!("{how}; ignore file {text:?} ({:?}), tree {tree:?}", pair.place))
}

/// What of the pair's own tree arrives in the image, in the order of the paths; directories end in `/`. `None` if the
/// daemon refuses.
///
/// # Panics
/// Outside a lab.
#[must_use]
pub fn arriving(pair: &Pair) -> Option<Vec<String>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (context, dockerfile) = write(pair, folder.path());
    let Built::Image(listing) = order(&context, &dockerfile).build(&folder.path().join("image.tar"), &[]) else {
        return None;
    };
    let arrived = listing.iter().map(|(path, item)| told(path, item));
    Some(arrived.filter(|path| !path.ends_with(".dockerignore")).collect())
}

fn compare_once(pair: &Pair) -> Verdict {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (context, dockerfile) = write(pair, folder.path());
    let truth = order(&context, &dockerfile).build(&folder.path().join("image.tar"), &[]);
    let ours = find_ignore_file(&context, Some(&dockerfile)).and_then(|rules| {
        walk(
            &context,
            &rules,
            &Selection::whole(),
            &StatCache::disabled(),
            &CancellationToken::new(),
        )
    });
    judge(&ours, &truth)
}

fn order<'a>(context: &'a Path, dockerfile: &'a Path) -> Order<'a> {
    static NONE: BTreeMap<String, PathBuf> = BTreeMap::new();
    Order {
        context,
        dockerfile,
        named: &NONE,
        options: &[],
    }
}

fn write(pair: &Pair, folder: &Path) -> (PathBuf, PathBuf) {
    let (context, beside) = (folder.join("context"), folder.join("beside"));
    pair.tree.write(&context);
    fs::create_dir_all(&beside).expect("a folder");
    let (home, ignore_file) = match pair.place {
        Place::Elsewhere => (&beside, context.join(".dockerignore")),
        Place::InContext => (&context, context.join(".dockerignore")),
        Place::BesideInContext => (&context, context.join("Dockerfile.dockerignore")),
        Place::BesideElsewhere => (&beside, beside.join("Dockerfile.dockerignore")),
    };
    if ignore_file.file_name().is_some_and(|name| name != ".dockerignore") {
        fs::write(context.join(".dockerignore"), "*\n").expect("a file that does not count");
    }
    fs::write(ignore_file, pair.ignore_file()).expect("an ignore file");
    let dockerfile = home.join("Dockerfile");
    fs::write(&dockerfile, DOCKERFILE).expect("a Dockerfile");
    (context, dockerfile)
}

fn judge(ours: &Result<Snapshot, ContextError>, truth: &Built) -> Verdict {
    let (snapshot, listing) = match (ours, truth) {
        (Err(ContextError::IgnorePattern { .. }), Built::Refused(_)) => return Verdict::BothRefuse,
        (Err(error), truth) => return Verdict::Different(format!("ours: {error}; the daemon: {truth:?}")),
        (Ok(snapshot), Built::Refused(_)) if is_not_understood(snapshot) => return Verdict::Superset,
        (Ok(_), Built::Refused(reason)) => return Verdict::Different(format!("only the daemon refuses: {reason}")),
        (Ok(snapshot), Built::Image(listing)) => (snapshot, listing),
    };
    let mine: BTreeSet<String> = snapshot.entries().iter().map(described).collect();
    let theirs: BTreeSet<String> = listing.iter().map(|(path, item)| told(path, item)).collect();
    let missing: Vec<_> = theirs.difference(&mine).collect();
    let extra: Vec<_> = mine.difference(&theirs).collect();
    match (missing.is_empty(), extra.is_empty()) {
        (true, true) if is_emptied(snapshot, listing) => Verdict::SameButEmptied,
        (true, true) => Verdict::Same(mine.len()),
        (true, false) if is_not_understood(snapshot) => Verdict::Superset,
        _ => Verdict::Different(format!("ours lacks {missing:?} and has {extra:?} too many")),
    }
}

fn is_not_understood(snapshot: &Snapshot) -> bool {
    let mut warnings = snapshot.warnings().iter();
    warnings.any(|warning| matches!(warning, Warning::PatternNotModelled { .. }))
}

fn described(entry: &fastcontainer_build_context::Entry) -> String {
    match &entry.kind {
        EntryKind::Directory => format!("{}/", entry.path),
        EntryKind::File { .. } => entry.path.clone(),
        EntryKind::Symlink { target } => format!("{} -> {target}", entry.path),
    }
}

fn told(path: &str, item: &Item) -> String {
    match item {
        Item::Directory => format!("{path}/"),
        Item::File(..) => path.to_owned(),
        Item::Link(target) => format!("{path} -> {target}"),
    }
}

fn is_emptied(snapshot: &Snapshot, listing: &Listing) -> bool {
    snapshot.entries().iter().any(|entry| match &entry.kind {
        EntryKind::File { size, .. } => *size > 0 && matches!(listing.get(&entry.path), Some(Item::File(0, ..))),
        _ => false,
    })
}
