//! Build steps: what BuildKit numbers and prints, and what decides whether one runs again.
//!
//! The key of a step is a prediction. Equal keys mean that BuildKit finds the step in the cache of the last build;
//! different ones mean that it probably runs. A stage that copies from a rebuilt stage counts as changed, although that
//! stage may yield the same files. Instructions that only change the image's config are no steps.

use sha2::{Digest, Sha256};

use crate::reads::Source;

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The name that BuildKit prints, such as `[build 4/7] COPY src /app`. Variables that only the base image knows stay
    /// as written, and a base image stands without its digest.
    pub label: String,
    /// Number of the stage that it belongs to.
    pub stage: usize,
    /// 1-based line of the instruction; of the `FROM` for a trigger.
    pub line: usize,
    /// What kind of step it is.
    pub kind: StepKind,
    /// What it reads from build contexts, as far as it is decided.
    pub sources: Vec<Source>,
    /// What else decides whether it runs again.
    pub material: StepMaterial,
}

/// The kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// A base image.
    From,
    /// A named context that serves as a base.
    Context,
    /// `RUN`.
    Run,
    /// `COPY`.
    Copy,
    /// `ADD`.
    Add,
    /// `WORKDIR`.
    Workdir,
}

/// What enters the cache key of a step beside the files it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepMaterial {
    /// Digest of the instruction as expanded, with environment, directory and user where these count.
    pub own: [u8; 32],
    /// The step that it continues.
    pub parent: Option<usize>,
    /// What else it takes as input.
    pub inputs: Vec<StepInput>,
}

/// An input of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepInput {
    /// The outcome of an earlier step, by its index.
    Step(usize),
    /// An image, by the reference in the Dockerfile or of the named context.
    Image(String),
}

/// Computes the key of each step.
///
/// `digest_of` answers for the files behind a source (whose `context` names where they are), `base` for the digest of an
/// image, if that is known.
#[must_use]
pub fn step_keys(
    steps: &[Step],
    digest_of: &dyn Fn(&Source, Option<&str>) -> [u8; 32],
    base: &dyn Fn(&str) -> Option<String>,
) -> Vec<[u8; 8]> {
    let mut keys: Vec<[u8; 32]> = Vec::with_capacity(steps.len());
    for step in steps {
        let earlier = |index: usize| keys.get(index).copied().unwrap_or_default();
        let mut key = Framed::new("step");
        key.add(&step.material.own);
        key.add(&step.material.parent.map(earlier).unwrap_or_default());
        for input in &step.material.inputs {
            match input {
                StepInput::Step(index) => key.add(&earlier(*index)),
                StepInput::Image(reference) => key
                    .add(reference.as_bytes())
                    .add(base(reference).unwrap_or_default().as_bytes()),
            };
        }
        for source in &step.sources {
            key.add(&digest_of(source, source.context.as_deref()));
        }
        keys.push(key.finish());
    }
    keys.iter().map(|key| std::array::from_fn(|at| key[at])).collect()
}

/// SHA-256 over parts of which each is preceded by its length.
pub(crate) struct Framed(Sha256);

impl Framed {
    pub(crate) fn new(domain: &str) -> Self {
        let mut framed = Self(Sha256::new());
        framed.add(domain.as_bytes());
        framed
    }

    pub(crate) fn add(&mut self, part: &[u8]) -> &mut Self {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
