//! What one build, for one platform, needs of a Dockerfile. Pure.
//!
//! In `precise` mode a context is narrowed to what the instructions can read; in `context` mode, and where the Dockerfile
//! alone does not tell, it counts whole. The same answer says what the builder of this platform may ask for.

use std::collections::BTreeSet;

use fastcontainer_build_context::Pattern;
use fastcontainer_buildkit::FollowPaths;
use fastcontainer_dockerfile::{
    Canonical, Dockerfile, Extent, ImageUse, NamedContext, ParseError, Reads, ResolveRequest, SecretMount, Source,
    Step, StepInput, platform_args,
};

use crate::planning::options::{BuildOptions, FingerprintMode};

/// What a build for one platform needs.
#[derive(Debug, Clone)]
pub struct PlatformNeeds {
    /// The platform.
    pub platform: String,
    /// Name of the target stage. The frontend knows stages by name only; the one that may go without is the last.
    pub target: Option<String>,
    /// The instructions that count, in their order.
    pub instructions: Vec<Canonical>,
    /// The images that they name, and those of the named contexts that they read.
    pub images: Vec<ImageUse>,
    /// The steps, as BuildKit numbers them.
    pub steps: Vec<Step>,
    /// The secrets that its steps mount.
    pub secret_mounts: Vec<SecretMount>,
    reads: Reads,
    mode: FingerprintMode,
    named: BTreeSet<String>,
}

impl PlatformNeeds {
    /// Reads them off the Dockerfile; `options` name one platform.
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
            platform: options.platform.clone(),
            target: resolved.frontend_target().map(str::to_owned),
            instructions: resolved.canonical_instructions(),
            images,
            steps,
            secret_mounts: resolved.secret_mounts(),
            named: named_directories(&reads, options, mode),
            reads,
            mode,
        })
    }

    /// What counts of a context: the main one, or a named one. `None` when all of it does.
    #[must_use]
    pub fn patterns(&self, context: Option<&str>) -> Option<Vec<Pattern>> {
        if self.is_whole(context) {
            return None;
        }
        match self.extent(context) {
            Some(Extent::Paths(sources)) => Some(sources.iter().map(pattern).collect()),
            Some(Extent::Whole(_)) => None,
            None => Some(Vec::new()),
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
