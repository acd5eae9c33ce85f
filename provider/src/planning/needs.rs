//! What one target of a Dockerfile needs: instructions, images, steps, and how much of which context. Pure.
//!
//! An image for several platforms is several builds of one content: the Dockerfile is read once for each platform, since
//! variables such as `TARGETARCH` may choose other stages, files and base images. What any of them needs counts, and is
//! hashed and shown to all of them; what each may ask for is its own (see `platform`).

mod platform;

use std::collections::BTreeSet;

use fastcontainer_build_context::Selection;
use fastcontainer_dockerfile::{Canonical, Dockerfile, ImageUse, ParseError, SecretMount};

pub use platform::{PlatformNeeds, pattern};

use super::fingerprint::{dockerfile_digest, dockerfile_digest_by_platform};
use super::options::{BuildOptions, FingerprintMode};

/// What an image with certain options needs.
#[derive(Debug, Clone)]
pub struct Needs {
    /// Name of the target stage. The frontend knows stages by name only; the one that may go without is the last.
    pub target: Option<String>,
    /// The instructions that count, in their order, each once.
    pub instructions: Vec<Canonical>,
    /// The images that they name, and those of the named contexts that they read.
    pub images: Vec<ImageUse>,
    /// One build for each platform, in the order of the options. There is at least one.
    pub builds: Vec<PlatformNeeds>,
}

impl Needs {
    /// Reads them off the Dockerfile.
    ///
    /// # Errors
    /// When the target names no stage, or a base name cannot be expanded.
    pub fn of(dockerfile: &Dockerfile, options: &BuildOptions, mode: FingerprintMode) -> Result<Self, ParseError> {
        let platforms = options.platforms().map(str::to_owned).collect::<Vec<_>>();
        let build = |platform: &String| PlatformNeeds::of(dockerfile, &options.for_platform(platform), mode);
        let builds = platforms.iter().map(build).collect::<Result<Vec<_>, _>>()?;
        let mut instructions = merged(&builds, |build| &build.instructions);
        if builds.len() > 1 {
            instructions.sort_by_key(|one| one.line);
        }
        Ok(Self {
            target: builds.first().and_then(|build| build.target.clone()),
            instructions,
            images: merged(&builds, |build| &build.images),
            builds,
        })
    }

    /// Digest of the instructions.
    #[must_use]
    pub fn dockerfile_digest(&self) -> [u8; 32] {
        let texts = |build: &'_ PlatformNeeds| {
            build
                .instructions
                .iter()
                .map(|one| one.text.clone())
                .collect::<Vec<_>>()
        };
        let builds: Vec<_> = self
            .builds
            .iter()
            .map(|build| (build.platform.as_str(), texts(build)))
            .collect();
        match builds.as_slice() {
            [(_, first), rest @ ..] if rest.iter().all(|(_, other)| other == first) => {
                dockerfile_digest(first.iter().map(String::as_str))
            }
            several => dockerfile_digest_by_platform(several),
        }
    }

    /// What counts of a context: the main one, or a named one.
    #[must_use]
    pub fn selection(&self, context: Option<&str>) -> Selection {
        let mut all = Vec::new();
        for build in &self.builds {
            let Some(patterns) = build.patterns(context) else {
                return Selection::whole();
            };
            all.extend(patterns);
        }
        Selection::of(all)
    }

    /// The secrets that steps mount, each mount once.
    #[must_use]
    pub fn secret_mounts(&self) -> Vec<SecretMount> {
        merged(&self.builds, |build| &build.secret_mounts)
    }

    /// Names of the directories among the named contexts that count.
    #[must_use]
    pub fn named_directories(&self) -> BTreeSet<&str> {
        self.builds.iter().flat_map(PlatformNeeds::named_directories).collect()
    }

    /// Why a context counts whole although the mode is `precise`, one sentence for each cause; nothing when it does not.
    #[must_use]
    pub fn undecided(&self) -> Vec<String> {
        let causes: Vec<_> = self.builds.iter().map(PlatformNeeds::undecided).collect();
        let mut all = Vec::new();
        for cause in causes.into_iter().flatten() {
            if !all.contains(&cause) {
                all.push(cause);
            }
        }
        all
    }
}

/// What several builds have, each piece once.
fn merged<T: Clone + PartialEq>(builds: &[PlatformNeeds], of: impl Fn(&PlatformNeeds) -> &Vec<T>) -> Vec<T> {
    let Some((first, rest)) = builds.split_first() else {
        return Vec::new();
    };
    let mut all = of(first).clone();
    for piece in rest.iter().flat_map(of) {
        if !all.contains(piece) {
            all.push(piece.clone());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use fastcontainer_dockerfile::NamedContext;

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
            needs
                .named_directories()
                .into_iter()
                .map(str::to_owned)
                .collect::<Vec<_>>()
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

    /// Needs of an image for amd64 and arm64.
    fn both(text: &str) -> Needs {
        let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
        let options = BuildOptions {
            further_platforms: vec!["linux/arm64".to_owned()],
            ..BuildOptions::default()
        };
        Needs::of(&dockerfile, &options, FingerprintMode::Precise).unwrap()
    }

    #[test]
    fn what_any_platform_reads_counts_and_each_may_ask_for_its_own_only() {
        let needs = both("FROM base-$TARGETARCH\nARG TARGETARCH\nCOPY shared bin-$TARGETARCH /\n");
        let paths = |patterns: Vec<fastcontainer_build_context::Pattern>| {
            patterns.into_iter().map(|one| one.path).collect::<Vec<_>>()
        };
        let of = |at: usize| paths(needs.builds[at].patterns(None).unwrap());
        assert_eq!(
            (of(0), of(1)),
            (
                vec!["shared".to_owned(), "bin-amd64".into()],
                vec!["shared".into(), "bin-arm64".into()]
            )
        );
        assert!(
            needs.builds[0]
                .follow_paths(None)
                .covers(&["shared".to_owned(), "bin-amd64".to_owned()])
        );
        assert!(!needs.builds[0].follow_paths(None).covers(&["bin-arm64".to_owned()]));
        let images: Vec<_> = needs.images.iter().map(|one| one.reference.as_str()).collect();
        assert_eq!(images, ["base-amd64", "base-arm64"]);
        assert_eq!(needs.instructions.len(), 3, "{:?}", needs.instructions);
    }

    #[test]
    fn stages_of_one_platform_count_with_it() {
        let text = "FROM scratch AS amd64\nCOPY a /\nFROM scratch AS arm64\nCOPY b /\nFROM $TARGETARCH\nCOPY c /\n";
        let needs = both(text);
        let lines: Vec<_> = needs.instructions.iter().map(|one| one.line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 5, 6]);
        let other = both(&text.replace("COPY b", "COPY d"));
        assert_ne!(needs.dockerfile_digest(), other.dockerfile_digest());
        let swapped = text
            .replace("COPY a", "COPY x")
            .replace("COPY b", "COPY a")
            .replace("COPY x", "COPY b");
        assert_ne!(needs.dockerfile_digest(), both(&swapped).dockerfile_digest());
    }

    #[test]
    fn instructions_that_are_the_same_for_all_platforms_have_the_digest_of_one() {
        let text = "FROM base\nARG TARGETARCH\nCOPY bin-$TARGETARCH /\n";
        let dockerfile = Dockerfile::parse("Dockerfile", text.as_bytes()).unwrap();
        let one = Needs::of(&dockerfile, &BuildOptions::default(), FingerprintMode::Precise).unwrap();
        assert_eq!(both(text).dockerfile_digest(), one.dockerfile_digest());
    }

    #[test]
    fn a_context_that_one_platform_reads_whole_counts_whole() {
        let needs = both("FROM scratch AS amd64\nCOPY a /\nFROM scratch AS arm64\nCOPY . /\nFROM $TARGETARCH\n");
        assert_eq!(needs.builds[0].patterns(None).unwrap().len(), 1);
        assert!(needs.selection(None).is_whole());
    }
}
