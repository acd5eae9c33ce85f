//! What differs between the image in the state and the one that is wanted, part by part.
//!
//! Three sources say which files changed, the best one wins: the full lists of both sides, when this machine has them;
//! the sketch in the state's record, which any machine has; the record's directory digests, when too much changed for
//! the sketch. Without a record the fingerprint's parts and the old inputs still name what they can.
//!
//! Refuses to decide: it explains a difference that the fingerprint's total has found.

use fastcontainer_build_context::{Change, Difference};

use super::fingerprint::Fingerprint;
use super::options::BuildOptions;
use super::reason::{Place, Reason};
use super::record::{
    ContentRecord, OptionDigests, RecordParts, differing, dockerfile_digest, ignore_file_digest, instruction_digest,
    named_prefix,
};

/// What the state knows of the last build.
#[derive(Debug, Clone, Copy)]
pub struct Old<'a> {
    /// The content fingerprint.
    pub fingerprint: &'a Fingerprint,
    /// The options in its inputs.
    pub options: &'a BuildOptions,
    /// Its record, if it can be read.
    pub record: Option<&'a ContentRecord>,
}

/// What is wanted today.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// The content fingerprint.
    pub fingerprint: &'a Fingerprint,
    /// The options in its inputs.
    pub options: &'a BuildOptions,
    /// The content itself, if it is at hand.
    pub content: Option<&'a RecordParts<'a>>,
}

/// Names every difference between two builds, none when their fingerprints are equal. `changes` are the changed files of
/// the build context, when both full lists are known.
#[must_use]
pub fn explain(old: Old<'_>, new: New<'_>, changes: Option<Vec<Change>>) -> Vec<Reason> {
    if old.fingerprint.total == new.fingerprint.total {
        return Vec::new();
    }
    let before = old
        .record
        .map_or_else(|| OptionDigests::of(old.options), |record| record.options.clone());
    let now = OptionDigests::of(new.options);
    let inputs = differing(&before.inputs, &now.inputs);
    let mut reasons = files(old, new, changes);
    reasons.extend(dockerfile(old, new, &inputs));
    let names = differing(&before.build_args, &now.build_args);
    if !names.is_empty() {
        reasons.push(Reason::BuildArgs(names.into_iter().map(str::to_owned).collect()));
    }
    reasons.extend(inputs.into_iter().map(|name| Reason::Input(name.to_owned())));
    reasons.extend(base_images(old, new));
    if reasons.is_empty() {
        reasons.push(Reason::FingerprintVersion);
    }
    reasons
}

fn files(old: Old<'_>, new: New<'_>, changes: Option<Vec<Change>>) -> Vec<Reason> {
    let context_changed = old.fingerprint.context != new.fingerprint.context;
    let sides = old.record.zip(new.content);
    let named = sides.map_or_else(Vec::new, |(record, content)| changed_contexts(record, content));
    if !context_changed && named.is_empty() {
        return Vec::new();
    }
    let list = changes.filter(|changes| context_changed && !changes.is_empty());
    let sketched = sides.and_then(|(record, content)| difference(record, content));
    let (no_list, no_sketch) = (list.is_none(), sketched.is_none());
    let mut told = sketched.unwrap_or_default();
    if let Some(list) = list {
        keep_contexts(&mut told, &named);
        told.changes.extend(list);
    }
    let mut reasons = Vec::new();
    // Fingerprints of two versions may differ over the same files.
    let owes_a_reason = context_changed && no_list && old.fingerprint.version == new.fingerprint.version;
    if !told.is_empty() {
        reasons.push(Reason::Files(told.into()));
    } else if owes_a_reason {
        reasons.push(sides.filter(|_| no_sketch).map_or(Reason::ContextChanged, many_files));
    }
    if no_sketch {
        reasons.extend(named.into_iter().map(Reason::NamedContext));
    }
    if context_changed && sides.is_some_and(ignore_file_changed) {
        reasons.push(Reason::IgnoreFile);
    }
    reasons
}

/// Named contexts of both sides whose files differ. One that is new or gone is a matter of the options.
fn changed_contexts(record: &ContentRecord, content: &RecordParts<'_>) -> Vec<String> {
    let now = content.named_digests();
    let both = |name: &&str| record.named_contexts.contains_key(*name) && now.contains_key(*name);
    let changed = differing(&record.named_contexts, &now).into_iter().filter(both);
    changed.map(str::to_owned).collect()
}

fn difference(record: &ContentRecord, content: &RecordParts<'_>) -> Option<Difference> {
    let named = content.named_entries(|name| record.named_contexts.contains_key(name));
    record.files.difference(content.context.iter().chain(&named))
}

/// Keeps what differs in these named contexts.
fn keep_contexts(difference: &mut Difference, names: &[String]) {
    let prefixes: Vec<_> = names.iter().map(|name| named_prefix(name)).collect();
    let inside = |path: &str| prefixes.iter().any(|prefix| path.starts_with(prefix));
    difference.changes.retain(|change| inside(&change.path));
    difference.deleted.retain(|deleted| {
        let directory = deleted.directory.as_ref();
        directory.is_some_and(|directory| inside(&format!("{directory}/")))
    });
}

fn many_files((record, content): (&ContentRecord, &RecordParts<'_>)) -> Reason {
    let named = content.named_entries(|name| record.named_contexts.contains_key(name));
    Reason::ManyFiles(record.directories.difference(content.context.iter().chain(&named)))
}

fn ignore_file_changed((record, content): (&ContentRecord, &RecordParts<'_>)) -> bool {
    record.ignore_file != ignore_file_digest(content.ignore_file)
}

fn dockerfile(old: Old<'_>, new: New<'_>, inputs: &[&str]) -> Option<Reason> {
    if old.fingerprint.dockerfile == new.fingerprint.dockerfile {
        return None;
    }
    let other_target = inputs.contains(&"target");
    Some(match old.record.zip(new.content) {
        Some((record, content)) if record.dockerfile == dockerfile_digest(content.dockerfile) => Reason::OtherStages,
        Some((record, content)) if !other_target => Reason::Dockerfile(first_change(record, content)),
        None if other_target => Reason::OtherStages,
        _ => Reason::Dockerfile(None),
    })
}

/// Where the instructions begin to differ.
fn first_change(record: &ContentRecord, content: &RecordParts<'_>) -> Option<Place> {
    if record.instructions.is_empty() {
        return None;
    }
    let mut texts = content.instructions.iter().enumerate();
    let changed = texts.position(|(at, one)| record.instructions.get(at) != Some(&instruction_digest(one.text)));
    match changed {
        Some(at) => Some(Place::At(content.instructions[at].line)),
        None => content.instructions.last().map(|one| Place::After(one.line)),
    }
}

fn base_images(old: Old<'_>, new: New<'_>) -> Vec<Reason> {
    let (before, now) = (&old.fingerprint.base_images, &new.fingerprint.base_images);
    if before.is_some() != now.is_some() {
        return vec![Reason::Input("baseImages".to_owned())];
    }
    let moved: Vec<_> = old.record.zip(new.content).map_or_else(Vec::new, moved_images);
    match (moved.is_empty(), before == now) {
        // The digests that counted before are recorded by whoever built the image, not by those who adopted it.
        (true, false) => vec![Reason::SomeBaseImage],
        _ => moved,
    }
}

fn moved_images((record, content): (&ContentRecord, &RecordParts<'_>)) -> Vec<Reason> {
    let moved = content.base_images.iter().filter_map(|(reference, &new)| {
        let (reference, old) = (reference.clone(), *record.base_images.get(reference)?);
        (old != new).then_some(Reason::BaseImage { reference, old, new })
    });
    moved.collect()
}

#[cfg(test)]
mod tests;
