//! A fingerprint taken apart: which files count and for which step, which do not and why.
//!
//! What a person debugs with. It reads the same content as Check, so it answers for the real thing; listing what is
//! ignored takes one more walk, which Check never makes.

use std::path::Path;

use fastcontainer_build_context::{ContextError, Ignored, Selection, Snapshot, explain_ignored};
use fastcontainer_dockerfile::Step;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use super::content::{Content, ContentProblem};
use super::inputs::ImageInputs;
use super::outputs::FingerprintOutput;
use crate::planning::fingerprint::Fingerprint;
use crate::planning::needs::{PlatformNeeds, pattern};
use crate::planning::options::FingerprintMode;
use crate::planning::platform_steps::merged;

/// Result of `getFingerprint`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GetFingerprintResult {
    /// The fingerprint.
    pub fingerprint: FingerprintOutput,
    /// What counts: `precise` for what the Dockerfile can read, `context` for the whole filtered build context.
    #[schemars(with = "FingerprintMode")]
    pub mode: String,
    /// Why the whole context counts although `precise` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback_reason: Option<String>,
    /// Paths that count, in the order of the context; those of a named context begin with its name and `:/`.
    pub files: Vec<String>,
    /// Paths of the build context that the ignore file excludes. What an excluded directory holds is not listed.
    pub ignored: Vec<IgnoredPath>,
    /// The steps of the build, each with what it reads.
    pub steps: Vec<StepFiles>,
}

/// A path that an ignore file excludes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredPath {
    /// The path, relative to the context.
    pub path: String,
    /// The pattern that excludes it.
    pub rule: String,
    /// Line of the pattern in the ignore file.
    pub line: u32,
}

/// A step of a build and the files that it reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepFiles {
    /// The step as BuildKit prints it, such as `[build 4/7] COPY src /app`.
    pub step: String,
    /// Line of its instruction in the Dockerfile.
    pub line: u32,
    /// What it reads, in the order of the context.
    pub files: Vec<String>,
}

/// Takes the fingerprint of `content` apart. Blocks on disk.
///
/// # Errors
/// When the context cannot be listed a second time.
pub fn take_apart(
    inputs: &ImageInputs,
    content: &Content,
    base_images: Option<[u8; 32]>,
    cancel: &CancellationToken,
) -> Result<GetFingerprintResult, Vec<ContentProblem>> {
    let fingerprint = Fingerprint::compute(&content.digests(base_images), &inputs.build_options());
    let ignored = ignored(inputs, content, cancel).map_err(|error| vec![ContentProblem::of("context", error)])?;
    let undecided = content.needs.undecided();
    let precise = inputs.fingerprint_mode.unwrap_or_default() == FingerprintMode::Precise;
    Ok(GetFingerprintResult {
        fingerprint: fingerprint.into(),
        mode: if precise && undecided.is_empty() {
            "precise"
        } else {
            "context"
        }
        .to_owned(),
        fallback_reason: (!undecided.is_empty()).then(|| undecided.join("; ")),
        files: all_files(content),
        ignored,
        steps: steps(content),
    })
}

fn ignored(
    inputs: &ImageInputs,
    content: &Content,
    cancel: &CancellationToken,
) -> Result<Vec<IgnoredPath>, ContextError> {
    let directory = Path::new(inputs.context_or_default());
    let found = explain_ignored(directory, &content.rules, cancel)?;
    let shown = |one: Ignored| IgnoredPath {
        path: if one.is_directory { one.path + "/" } else { one.path },
        rule: one.rule,
        line: u32::try_from(one.line).unwrap_or(u32::MAX),
    };
    Ok(found.into_iter().map(shown).collect())
}

fn all_files(content: &Content) -> Vec<String> {
    let whole = Selection::whole();
    let named = content.named.iter();
    let named = named.flat_map(|(name, snapshot)| files(snapshot, &whole, Some(name)));
    files(&content.context, &whole, None).into_iter().chain(named).collect()
}

/// The steps of all platforms; those that differ have their platform in front.
fn steps(content: &Content) -> Vec<StepFiles> {
    let of = |build: &PlatformNeeds| build.steps.iter().map(|step| files_of(step, content)).collect();
    let builds = content.needs.builds.iter();
    let builds: Vec<_> = builds.map(|build| (build.platform.as_str(), of(build))).collect();
    merged(&builds, |a, b| a == b, |step| &mut step.step)
}

fn files_of(step: &Step, content: &Content) -> StepFiles {
    let mut found = Vec::new();
    for source in &step.sources {
        let context = source.context.as_deref();
        let snapshot = match context {
            None => Some(&content.context),
            Some(name) => content.named.get(name),
        };
        let selection = Selection::of(vec![pattern(source)]);
        found.extend(snapshot.map_or_else(Vec::new, |snapshot| files(snapshot, &selection, context)));
    }
    found.dedup();
    StepFiles {
        step: step.label.clone(),
        line: u32::try_from(step.line).unwrap_or(u32::MAX),
        files: found,
    }
}

/// Files, links and directories without anything in them; what lies below a directory speaks for it.
fn files(snapshot: &Snapshot, selection: &Selection, context: Option<&str>) -> Vec<String> {
    let entries: Vec<_> = snapshot.select(selection);
    let holds_more = |at: usize| {
        entries.get(at + 1).is_some_and(|next| {
            let below = next.path.strip_prefix(entries[at].path.as_str());
            below.is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let shown = (0..entries.len()).filter(|at| !holds_more(*at));
    let name = |at: usize| match context {
        None => entries[at].path.clone(),
        Some(context) => format!("{context}:/{}", entries[at].path),
    };
    shown.map(name).collect()
}
