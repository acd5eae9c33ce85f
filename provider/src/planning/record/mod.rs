//! What was built, in a few kilobytes: the content of the opaque output `__manifest`.
//!
//! The state is all that a fresh machine knows about the last build. The record lets it say what differs today: short
//! digests of every part by name, one key per Dockerfile step, and a sketch of the files. Values and file names are not
//! in it, but for the names of top-level directories; labels, lines and paths come from today's content.
//!
//! Its size is bounded whatever the context. Refuses to decide anything: the fingerprint does.

mod encoding;
mod option_digests;

use std::collections::BTreeMap;

use fastcontainer_build_context::{Directories, Entry, Sketch};

pub use option_digests::OptionDigests;
pub(super) use option_digests::differing;

use super::fingerprint::Framed;
use super::options::BuildOptions;

/// The first bytes of a SHA-256.
pub type ShortDigest = [u8; 8];
/// The first bytes of an instruction's SHA-256.
type InstructionDigest = [u8; 4];

/// A Dockerfile with more instructions or steps than this keeps none of their digests.
const MOST_STEPS: usize = 400;

/// The start of each base image's digest, by reference.
pub type ShortDigests = BTreeMap<String, ShortDigest>;

/// What of today's content goes into a record or is compared with one.
#[derive(Debug, Clone, Copy)]
pub struct RecordParts<'a> {
    /// Entries of the build context that count.
    pub context: &'a [Entry],
    /// Directories among the named contexts, by name.
    pub named_contexts: &'a BTreeMap<String, NamedEntries<'a>>,
    /// Bytes of the ignore file, if there is one.
    pub ignore_file: Option<&'a [u8]>,
    /// Bytes of the Dockerfile.
    pub dockerfile: &'a [u8],
    /// Its instructions that count, in their order.
    pub instructions: &'a [InstructionText<'a>],
    /// Its steps, in the order of the file.
    pub steps: &'a [StepKey],
    /// The start of each base image's digest, as far as they are known.
    pub base_images: &'a ShortDigests,
}

/// A named context that is a directory.
#[derive(Debug, Clone, Copy)]
pub struct NamedEntries<'a> {
    /// Digest over the entries.
    pub digest: [u8; 32],
    /// The entries that count.
    pub entries: &'a [Entry],
}

/// An instruction of a Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionText<'a> {
    /// Its first line, counted from 1.
    pub line: usize,
    /// Its canonical text.
    pub text: &'a str,
}

/// A step as a builder runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepKey {
    /// As BuildKit prints it: `[build 4/7] COPY src /app`.
    pub label: String,
    /// Digest over everything that its result stands on, the steps before it included.
    pub key: ShortDigest,
}

/// What was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRecord {
    /// Target, platform, build arguments and the like.
    pub(super) options: OptionDigests,
    /// The start of each base image's digest.
    pub(super) base_images: ShortDigests,
    /// The start of each named context's digest, by name.
    pub(super) named_contexts: BTreeMap<String, ShortDigest>,
    pub(super) ignore_file: ShortDigest,
    pub(super) dockerfile: ShortDigest,
    pub(super) instructions: Vec<InstructionDigest>,
    pub(super) steps: Vec<ShortDigest>,
    pub(super) files: Sketch,
    pub(super) directories: Directories,
}

/// The record of a build with `options` from the content `parts`.
#[must_use]
pub fn compose(options: &BuildOptions, parts: &RecordParts<'_>) -> ContentRecord {
    let named = parts.named_entries(|_| true);
    let few = |count: usize| count <= MOST_STEPS;
    let instructions = parts.instructions.iter().filter(|_| few(parts.instructions.len()));
    let steps = parts.steps.iter().filter(|_| few(parts.steps.len()));
    ContentRecord {
        options: OptionDigests::of(options),
        base_images: parts.base_images.clone(),
        named_contexts: parts.named_digests(),
        ignore_file: ignore_file_digest(parts.ignore_file),
        dockerfile: dockerfile_digest(parts.dockerfile),
        instructions: instructions.map(|one| instruction_digest(one.text)).collect(),
        steps: steps.map(|step| step.key).collect(),
        files: Sketch::of(parts.context.iter().chain(&named)),
        directories: Directories::of(parts.context.iter().chain(&named)),
    }
}

impl ContentRecord {
    /// The base images of the build, as far as they were known.
    #[must_use]
    pub fn base_images(&self) -> &ShortDigests {
        &self.base_images
    }

    /// The record as one compact text for the state.
    #[must_use]
    pub fn encode(&self) -> String {
        encoding::encode(self)
    }

    /// Reads a text of [`Self::encode`]. `None` for anything else, also for what a later release wrote: that costs words
    /// and nothing more.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        encoding::decode(text)
    }
}

impl RecordParts<'_> {
    /// The entries of the chosen named contexts, under paths that no entry of the build context has.
    pub(super) fn named_entries(&self, chosen: impl Fn(&str) -> bool) -> Vec<Entry> {
        let contexts = self.named_contexts.iter().filter(|(name, _)| chosen(name));
        let entries = contexts.flat_map(|(name, context)| context.entries.iter().map(move |entry| (name, entry)));
        let renamed = entries.map(|(name, entry)| Entry {
            path: format!("{}{}", named_prefix(name), entry.path),
            ..entry.clone()
        });
        renamed.collect()
    }

    /// The start of each named context's digest.
    pub(super) fn named_digests(&self) -> BTreeMap<String, ShortDigest> {
        let digest = |(name, context): (&String, &NamedEntries<'_>)| (name.clone(), short(&context.digest));
        self.named_contexts.iter().map(digest).collect()
    }
}

/// How paths of a named context begin in a list of changes.
pub(super) fn named_prefix(name: &str) -> String {
    format!("{name}:/")
}

/// The start of each digest (`sha256:…`) by reference; what is no digest is left out.
#[must_use]
pub fn shortened(digests: &BTreeMap<String, String>) -> ShortDigests {
    let known = digests.iter().filter_map(|(reference, digest)| {
        let hexadecimal = digest.strip_prefix("sha256:")?.get(..16)?;
        Some((reference.clone(), hex::decode(hexadecimal).ok()?.try_into().ok()?))
    });
    known.collect()
}

pub(super) fn ignore_file_digest(bytes: Option<&[u8]>) -> ShortDigest {
    let framed = Framed::new("fastcontainer.record.ignore-file");
    short(
        &bytes
            .map_or(framed.clone(), |bytes| framed.field("bytes", bytes))
            .finish(),
    )
}

pub(super) fn dockerfile_digest(bytes: &[u8]) -> ShortDigest {
    short(
        &Framed::new("fastcontainer.record.dockerfile")
            .field("bytes", bytes)
            .finish(),
    )
}

pub(super) fn instruction_digest(text: &str) -> InstructionDigest {
    let framed = Framed::new("fastcontainer.record.instruction").field("text", text.as_bytes());
    short(&framed.finish())
}

fn short<const N: usize>(digest: &[u8; 32]) -> [u8; N] {
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests;
