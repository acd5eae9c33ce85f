//! What one target of a Dockerfile needs: instructions, images, steps, and how much of which context. Pure.
//!
//! In `precise` mode a context is narrowed to what the instructions can read; in `context` mode, and where the Dockerfile
//! alone does not tell, it counts whole. The same answer selects the files that are hashed and shown to the builder, and
//! the paths that the builder may ask for.

use std::collections::BTreeSet;

use fastcontainer_build_context::{Pattern, Selection};
use fastcontainer_buildkit::FollowPaths;
use fastcontainer_dockerfile::{
    Canonical, Dockerfile, Extent, ImageUse, NamedContext, ParseError, Reads, ResolveRequest, Source, Step, StepInput,
    platform_args,
};

use super::fingerprint::dockerfile_digest;
use super::options::{BuildOptions, FingerprintMode};

/// What a build with certain options needs.
#[derive(Debug, Clone)]
pub struct Needs {
    /// Name of the target stage. The frontend knows stages by name only; the one that may go without is the last.
    pub target: Option<String>,
    /// The instructions that count, in their order.
    pub instructions: Vec<Canonical>,
    /// The images that they name, and those of the named contexts that they read.
    pub images: Vec<ImageUse>,
    /// The steps, as BuildKit numbers them.
    pub steps: Vec<Step>,
    reads: Reads,
    mode: FingerprintMode,
    named: BTreeSet<String>,
}

impl Needs {
    /// Reads them off the Dockerfile.
    ///
    /// # Errors
    /// When the target names no stage, or a base name cannot be expanded.
    pub fn of(dockerfile: &Dockerfile, options: &BuildOptions, mode: FingerprintMode) -> Result<Self, ParseError> {
        // The builder's own platform is not known here and decides nothing about which stages are needed.
        let platform = platform_args(&options.platform, &options.platform);
        let resolved = dockerfile.resolve(&ResolveRequest {
            target: options.target.as_deref(),
            build_args: &options.build_args,
            platform: &platform,
            named_contexts: &options.named_contexts,
        })?;
        let (mut images, steps) = (resolved.external_images(), resolved.steps());
        images.extend(images_of_contexts(&steps, &images));
        let reads = resolved.reads();
        Ok(Self {
            target: resolved.frontend_target().map(str::to_owned),
            instructions: resolved.canonical_instructions(),
            images,
            steps,
            named: named_directories(&reads, options, mode),
            reads,
            mode,
        })
    }

    /// Digest of the instructions.
    #[must_use]
    pub fn dockerfile_digest(&self) -> [u8; 32] {
        dockerfile_digest(self.instructions.iter().map(|one| one.text.as_str()))
    }

    /// What counts of a context: the main one, or a named one.
    #[must_use]
    pub fn selection(&self, context: Option<&str>) -> Selection {
        if self.is_whole(context) {
            return Selection::whole();
        }
        match self.extent(context) {
            Some(Extent::Paths(sources)) => Selection::of(sources.iter().map(pattern).collect()),
            Some(Extent::Whole(_)) => Selection::whole(),
            None => Selection::of(Vec::new()),
        }
    }

    /// What the builder may ask for of a context.
    #[must_use]
    pub fn follow_paths(&self, context: Option<&str>) -> FollowPaths {
        let expected = self.reads.follow_paths(context);
        if expected.whole || expected.everything || self.is_whole(context) {
            FollowPaths::Everything
        } else if expected.paths.is_empty() {
            FollowPaths::NotAsked
        } else {
            FollowPaths::Only(expected.paths)
        }
    }

    /// Names of the directories among the named contexts that count.
    pub fn named_directories(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(String::as_str)
    }

    /// Why a context counts whole although the mode is `precise`, one sentence for each cause; nothing when it does not.
    #[must_use]
    pub fn undecided(&self) -> Vec<String> {
        let extents = std::iter::once(&self.reads.context).chain(self.reads.named.values());
        let causes: BTreeSet<String> = match self.mode {
            FingerprintMode::Context => BTreeSet::new(),
            FingerprintMode::Precise => extents.flat_map(causes).collect(),
        };
        let tmpfs = self.mode == FingerprintMode::Precise && self.is_asked_whole(None);
        causes.into_iter().chain(tmpfs.then(|| TMPFS.to_owned())).collect()
    }

    fn extent(&self, context: Option<&str>) -> Option<&Extent> {
        match context {
            None => Some(&self.reads.context),
            Some(name) => self.reads.named.get(name),
        }
    }

    fn is_whole(&self, context: Option<&str>) -> bool {
        self.mode == FingerprintMode::Context || self.is_asked_whole(context)
    }

    /// Whether the builder will ask for everything although nothing reads it. Triggers of a base image could then not
    /// be told from the Dockerfile's own instructions, so everything has to be there.
    fn is_asked_whole(&self, context: Option<&str>) -> bool {
        let reads_all = |sources: &[Source]| sources.iter().any(|source| source.path.is_empty());
        match self.extent(context) {
            Some(Extent::Paths(sources)) => self.reads.follow_paths(context).everything && !reads_all(sources),
            _ => false,
        }
    }
}

/// Images that steps read and that the Dockerfile does not name: a named context stands for them.
fn images_of_contexts(steps: &[Step], known: &[ImageUse]) -> Vec<ImageUse> {
    let read = steps.iter().flat_map(|step| {
        let images = step.material.inputs.iter().filter_map(|input| match input {
            StepInput::Image(reference) => Some(reference),
            StepInput::Step(_) => None,
        });
        images.map(move |reference| (reference, step.line))
    });
    let unknown = read.filter(|(reference, _)| known.iter().all(|one| one.reference != **reference));
    let image = |(reference, line): (&String, usize)| ImageUse {
        reference: reference.clone(),
        line,
        platform: None,
    };
    unknown.map(image).collect()
}

/// Those that are read; in `context` mode all of them, because triggers of a base image may read any.
fn named_directories(reads: &Reads, options: &BuildOptions, mode: FingerprintMode) -> BTreeSet<String> {
    let read = reads.named.keys();
    let directories = options
        .named_contexts
        .iter()
        .filter_map(|(name, context)| match context {
            NamedContext::Directory if mode == FingerprintMode::Context => Some(name),
            _ => None,
        });
    read.chain(directories).cloned().collect()
}

/// Why a context counts whole that nothing reads whole.
const TMPFS: &str = "a tmpfs mount makes BuildKit ask for the whole context";

fn causes(extent: &Extent) -> Vec<String> {
    match extent {
        Extent::Whole(causes) => causes.iter().map(ToString::to_string).collect(),
        Extent::Paths(_) => Vec::new(),
    }
}

/// The files behind one source of an instruction. What `--exclude` leaves out below `--parents` only the builder's own
/// matcher knows, so nothing is left out there.
#[must_use]
pub fn pattern(source: &Source) -> Pattern {
    let excludes = match source.parents {
        Some(_) => Vec::new(),
        None => source.excludes.clone(),
    };
    Pattern {
        path: source.path.clone(),
        excludes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_that_nothing_reads_count_in_context_mode_only() {
        let dockerfile = Dockerfile::parse("Dockerfile", b"FROM base\nCOPY --from=read /a /\n").unwrap();
        let options = BuildOptions {
            named_contexts: ["read", "unread"]
                .map(|name| (name.to_owned(), NamedContext::Directory))
                .into(),
            ..BuildOptions::default()
        };
        let named = |mode| {
            let needs = Needs::of(&dockerfile, &options, mode).unwrap();
            needs.named_directories().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(named(FingerprintMode::Precise), ["read"]);
        assert_eq!(named(FingerprintMode::Context), ["read", "unread"]);
    }

    #[test]
    fn the_image_behind_a_named_context_is_one_that_the_build_reads() {
        let text = b"FROM base\nCOPY --from=tools /bin /bin\nCOPY --from=busybox / /b\n";
        let dockerfile = Dockerfile::parse("Dockerfile", text).unwrap();
        let contexts = [
            ("base", "alpine:3.20"),
            ("tools", "acme/tools:1"),
            ("unused", "acme/unused:1"),
        ];
        let image = |(name, image): (&str, &str)| (name.to_owned(), NamedContext::Image(image.to_owned()));
        let options = BuildOptions {
            named_contexts: contexts.map(image).into(),
            ..BuildOptions::default()
        };
        let needs = Needs::of(&dockerfile, &options, FingerprintMode::Precise).unwrap();
        let images: BTreeSet<_> = needs.images.iter().map(|one| one.reference.as_str()).collect();
        assert_eq!(images, BTreeSet::from(["acme/tools:1", "alpine:3.20", "busybox"]));
    }
}
