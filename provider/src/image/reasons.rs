//! Why an image is looked at at all: today's content beside what the state knows of the last build.

use std::collections::BTreeMap;

use fastcontainer_build_context::Selection;
use fastcontainer_dockerfile::{Source, step_keys};

use super::apply::{Prior, Wanted};
use super::content::Content;
use super::inputs::ImageInputs;
use super::operation::Operation;
use super::recheck::changed_files;
use crate::planning::explain::{New, Old, explain};
use crate::planning::forecast::Forecast;
use crate::planning::needs::{PlatformNeeds, pattern};
use crate::planning::options::BuildOptions;
use crate::planning::platform_steps::merged;
use crate::planning::reason::Reason;
use crate::planning::record::{InstructionText, NamedEntries, RecordParts, ShortDigests, StepKey, compose};

/// Digests of base images, by reference, as far as they are known.
pub type BaseDigests = BTreeMap<String, String>;

/// The causes of a build, and what it will run first.
#[derive(Debug, Clone)]
pub struct Explained {
    /// All causes; none when the state holds the wanted image.
    pub reasons: Vec<Reason>,
    /// The first step that the last build did not have, when that can be told.
    pub forecast: Option<Forecast>,
}

/// Says how the wanted image differs from the one in the state. `content` is what is on disk, if it could be read.
#[must_use]
pub fn why(
    op: &Operation,
    wanted: &Wanted,
    prior: Option<&Prior>,
    content: Option<(&Content, &ShortDigests)>,
) -> Explained {
    let Some(prior) = prior else {
        let reason = if wanted.imported {
            Reason::Imported
        } else {
            Reason::NewImage
        };
        return Explained {
            reasons: vec![reason],
            forecast: None,
        };
    };
    let mut explained = compare(op, wanted, prior, content);
    let mode = |inputs: &ImageInputs| inputs.fingerprint_mode.unwrap_or_default();
    if !explained.reasons.is_empty() && mode(&prior.inputs) != mode(&wanted.inputs) {
        explained.reasons.insert(0, Reason::Input("fingerprintMode".to_owned()));
    }
    if prior.inputs.repository != wanted.inputs.repository {
        explained.reasons.insert(0, Reason::OtherRepository);
    }
    explained
}

fn compare(op: &Operation, wanted: &Wanted, prior: &Prior, content: Option<(&Content, &ShortDigests)>) -> Explained {
    let fingerprint = prior.fingerprint();
    let record = prior.record();
    let (old_options, new_options) = (prior.inputs.build_options(), wanted.inputs.build_options());
    let old = Old {
        fingerprint: &fingerprint,
        options: &old_options,
        record: record.as_ref(),
    };
    // Steps that always run, whatever was built before, cannot be foretold from what was built before.
    let no_cache = wanted.inputs.no_cache.unwrap_or(false);
    let tell = |content: Option<&RecordParts<'_>>| {
        let new = New {
            fingerprint: &wanted.fingerprint,
            options: &new_options,
            content,
        };
        let changes = changed_files(op, &fingerprint, &wanted.fingerprint);
        Explained {
            reasons: explain(old, new, changes),
            forecast: Forecast::of(old, new).filter(|_| !no_cache),
        }
    };
    match content {
        Some((content, base_images)) => with_parts(content, base_images, |parts| tell(Some(parts))),
        None => tell(None),
    }
}

/// The record of a build of `content`, for the state.
#[must_use]
pub fn record(content: &Content, base_images: &ShortDigests, options: &BuildOptions) -> String {
    with_parts(content, base_images, |parts| compose(options, parts).encode())
}

/// Lends the content in the form in which records are made and compared.
fn with_parts<T>(content: &Content, base_images: &ShortDigests, tell: impl FnOnce(&RecordParts<'_>) -> T) -> T {
    let named = content.named.iter().map(|(name, snapshot)| {
        let entries = NamedEntries {
            digest: *snapshot.digest().as_bytes(),
            entries: snapshot.entries(),
        };
        (name.clone(), entries)
    });
    let instructions: Vec<_> = content
        .needs
        .instructions
        .iter()
        .map(|one| InstructionText {
            line: one.line,
            text: &one.text,
        })
        .collect();
    tell(&RecordParts {
        context: content.context.entries(),
        named_contexts: &named.collect(),
        ignore_file: content.rules.source(),
        dockerfile: &content.dockerfile.bytes,
        instructions: &instructions,
        steps: &steps(content, base_images),
        base_images,
    })
}

/// Each step with the key that says whether it runs again.
fn steps(content: &Content, base_images: &ShortDigests) -> Vec<StepKey> {
    let digest_of = |source: &Source, context: Option<&str>| -> [u8; 32] {
        let snapshot = match context {
            None => Some(&content.context),
            Some(name) => content.named.get(name),
        };
        let selection = Selection::of(vec![pattern(source)]);
        snapshot.map_or([0; 32], |snapshot| *snapshot.digest_of(&selection).as_bytes())
    };
    let of = |build: &PlatformNeeds| -> Vec<StepKey> {
        let keys = step_keys(&build.steps, &digest_of, &|reference| {
            base_images.get(reference).map(hex::encode)
        });
        let labels = build.steps.iter().map(|step| step.label.clone());
        labels.zip(keys).map(|(label, key)| StepKey { label, key }).collect()
    };
    let builds = content.needs.builds.iter();
    let builds: Vec<_> = builds.map(|build| (build.platform.as_str(), of(build))).collect();
    merged(&builds, |a, b| a.key == b.key, |step| &mut step.label)
}
