//! Goes through the stages that a target needs, as the builder does, and collects steps and reads.
//!
//! One pass answers both questions, so that a source always knows its step. Every rule is that of BuildKit's
//! `dockerfile2llb`: how variables pass from stage to stage, what is numbered, which paths are asked for. Nothing here
//! fails; what is not certain is noted as undecided. What single instructions do is in `instructions`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::binding::{Binding, NamedContext};
use crate::from::Base;
use crate::instruction::Instruction;
use crate::reads::{Extent, FollowPaths, Reads, Source, Undecided, Why};
use crate::reference::full;
use crate::resolve::Resolved;
use crate::scope::{Budget, Scope, Value};
use crate::stage::{Numbering, StageState};
use crate::step::{Framed, Step, StepInput, StepKind, StepMaterial};

/// Search path that the frontend sets where the base sets none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Most reasons that are kept per context; more of them make nothing clearer.
const MAX_REASONS: usize = 100;

impl Resolved<'_> {
    /// Returns what the target can read of each build context.
    ///
    /// Never fails: what cannot be decided makes an extent whole, with the reason.
    #[must_use]
    pub fn reads(&self) -> Reads {
        Analysis::run(self).into_reads()
    }

    /// Returns the steps of the build, as BuildKit numbers and prints them, stage by stage.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        Analysis::run(self).steps
    }

    /// Returns the secrets that the build's RUN steps mount, in the order written.
    #[must_use]
    pub fn secret_mounts(&self) -> Vec<SecretMount> {
        Analysis::run(self).secrets
    }
}

/// A `RUN --mount=type=secret`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretMount {
    /// Id of the secret; `None` when the Dockerfile alone does not tell.
    pub id: Option<String>,
    /// Whether the step fails without it.
    pub required: bool,
    /// 1-based line of the instruction.
    pub line: usize,
}

/// What has been collected about one context.
#[derive(Default)]
pub(crate) struct Collected {
    pub(crate) sources: Vec<Source>,
    pub(crate) undecided: Vec<Undecided>,
    pub(crate) follow: FollowPaths,
}

/// The state of the walk.
pub(crate) struct Analysis<'r> {
    pub(crate) resolved: &'r Resolved<'r>,
    pub(crate) budget: Budget,
    pub(crate) escape: char,
    pub(crate) steps: Vec<Step>,
    pub(crate) secrets: Vec<SecretMount>,
    /// By key of the context; the main one has none.
    pub(crate) contexts: BTreeMap<Option<String>, Collected>,
    /// How each stage ends.
    pub(crate) ends: Vec<Option<Arc<StageState>>>,
}

impl<'r> Analysis<'r> {
    fn run(resolved: &'r Resolved<'r>) -> Self {
        let mut analysis = Self {
            resolved,
            budget: Budget::new(),
            escape: resolved.dockerfile.escape(),
            steps: Vec::new(),
            secrets: Vec::new(),
            contexts: BTreeMap::from([(None, Collected::default())]),
            ends: vec![None; resolved.dockerfile.stages.len()],
        };
        let undecidable = resolved.dockerfile.undecidable(&resolved.build_args, &resolved.globals);
        for Undecided { line, why } in undecidable.into_iter().chain(resolved.unsure_bases()) {
            analysis.doubt_everything(line, &why);
        }
        let several = analysis.counts_several_stages();
        for number in resolved.looked_at.clone() {
            let mut end = analysis.stage(number, several);
            if number == resolved.target().number {
                analysis.put_on_top(&mut end);
            }
            analysis.ends[number] = Some(Arc::new(end));
        }
        analysis
    }

    fn into_reads(self) -> Reads {
        let (mut context, mut named, mut follow) = (Extent::Paths(Vec::new()), BTreeMap::new(), BTreeMap::new());
        for (key, collected) in self.contexts {
            let mut asked = collected.follow;
            let everything = |source: &Source| source.path.is_empty() && source.excludes.is_empty();
            asked.whole |= !collected.undecided.is_empty() || collected.sources.iter().any(everything);
            let extent = if collected.undecided.is_empty() {
                Extent::Paths(collected.sources)
            } else {
                Extent::Whole(collected.undecided)
            };
            follow.insert(key.clone(), asked);
            match key {
                None => context = extent,
                Some(key) if !extent.is_empty() => {
                    named.insert(key, extent);
                }
                Some(_) => {}
            }
        }
        Reads { context, named, follow }
    }

    /// Whether stages are shown by name: the builder counts images that are copied from, and every mount, as stages.
    fn counts_several_stages(&self) -> bool {
        let dockerfile = self.resolved.dockerfile;
        let foreign = |instruction: &Instruction| {
            let mut references = instruction.references.iter();
            let mounts_nothing = instruction.values("mount").count() > instruction.references.len();
            mounts_nothing || references.any(|reference| !matches!(self.resolved.bind(reference), Binding::Stage(_)))
        };
        dockerfile.stages.len() > 1 || dockerfile.stages.iter().flat_map(|one| &one.instructions).any(foreign)
    }

    /// Notes that nothing is certain about any context.
    pub(crate) fn doubt_everything(&mut self, line: usize, why: &Why) {
        let directories = self.resolved.contexts.directories().cloned().map(Some);
        for key in directories.chain([None]).collect::<Vec<_>>() {
            self.doubt(key, line, why.clone());
        }
    }

    /// Notes that something about one context is not certain; contexts that are no directories do not matter.
    pub(crate) fn doubt(&mut self, key: Option<String>, line: usize, why: Why) {
        let found = &mut self.contexts.entry(key).or_default().undecided;
        let undecided = Undecided { line, why };
        if found.len() < MAX_REASONS && !found.contains(&undecided) {
            found.push(undecided);
        }
    }

    /// Goes through one stage.
    fn stage(&mut self, number: usize, several: bool) -> StageState {
        let resolved = self.resolved;
        let stage = &resolved.dockerfile.stages[number];
        if let Some(key) = resolved.replaced.get(&number) {
            return self.context_stage(number, key);
        }
        let base = &resolved.bases[number];
        let counted = |(_, instruction): &(usize, &Instruction)| Numbering::counts(instruction.keyword);
        let triggers = resolved.triggers.get(&number).map_or(0, Vec::len);
        let own = resolved.instructions(number).skip(triggers).filter(counted).count();
        let external = matches!(base.binding, Binding::Image(_) | Binding::Context(_));
        let name = several.then(|| stage.name.clone().unwrap_or_else(|| format!("stage-{number}")));
        let mut numbering = Numbering::new(name, own + triggers + usize::from(external));
        let mut state = self.begin(number, base, &mut numbering);
        let platform = self.platform(base).unwrap_or_default();
        if platform.to_lowercase().starts_with("windows") {
            self.doubt_everything(stage.from.first_line, &Why::WindowsPlatform(platform));
        }
        for (index, (line, instruction)) in resolved.instructions(number).enumerate() {
            numbering.trigger = index < triggers;
            self.instruction(&mut state, &mut numbering, line, instruction);
        }
        state
    }

    /// What a stage starts from.
    fn begin(&mut self, number: usize, base: &Base, numbering: &mut Numbering) -> StageState {
        match &base.binding {
            Binding::Stage(base) => {
                let Some(end) = self.ends[*base].clone() else {
                    return self.fresh(number, Scope::new(true));
                };
                if !self.budget.spend(end.scope.len().saturating_mul(256)) {
                    self.doubt_everything(0, &Why::TooLarge);
                    return self.fresh(number, Scope::new(true));
                }
                let mut state = StageState::clone(&end);
                (state.number, state.live) = (number, self.is_live(number));
                state.scope.inherit();
                self.put_on_top(&mut state);
                state
            }
            Binding::Scratch => self.fresh(number, with_default_path()),
            Binding::Image(reference) => {
                let mut own = Framed::new("FROM");
                own.add(self.platform(base).unwrap_or_default().as_bytes());
                let label = numbering.next(&format!("FROM {}", full(reference)));
                let mut state = self.fresh(number, Scope::new(true));
                let inputs = vec![StepInput::Image(reference.clone())];
                self.base_step(&mut state, StepKind::From, label, own, inputs);
                state
            }
            Binding::Context(key) => self.context_stage(number, key),
        }
    }

    /// A stage that is, or starts from, a named context.
    fn context_stage(&mut self, number: usize, key: &str) -> StageState {
        let mut own = Framed::new("context");
        own.add(key.as_bytes());
        if let Some(NamedContext::Image(reference)) = self.resolved.contexts.get(key) {
            let mut state = self.fresh(number, Scope::new(true));
            let inputs = vec![StepInput::Image(reference.clone())];
            let label = format!("[context {key}] {reference}");
            self.base_step(&mut state, StepKind::Context, label, own, inputs);
            return state;
        }
        let mut state = self.fresh(number, with_default_path());
        let label = format!("[context {key}] load from client");
        self.base_step(&mut state, StepKind::Context, label, own, Vec::new());
        state.context = Some(key.to_owned());
        state
    }

    fn fresh(&self, number: usize, scope: Scope) -> StageState {
        StageState::new(number, self.is_live(number), scope)
    }

    fn is_live(&self, number: usize) -> bool {
        self.resolved.reachable.binary_search(&number).is_ok()
    }

    /// The first step of a stage.
    fn base_step(
        &mut self,
        state: &mut StageState,
        kind: StepKind,
        label: String,
        own: Framed,
        inputs: Vec<StepInput>,
    ) {
        let material = StepMaterial {
            own: own.finish(),
            parent: None,
            inputs,
        };
        let line = self.resolved.dockerfile.stages[state.number].from.first_line;
        self.push_step(
            state,
            Step {
                label,
                stage: state.number,
                line,
                kind,
                sources: Vec::new(),
                material,
            },
        );
    }

    /// Adds a step to a stage, unless the stage is not built at all.
    pub(crate) fn push_step(&mut self, state: &mut StageState, step: Step) {
        if !state.live {
            return;
        }
        if self.budget.keep(step.label.len()) {
            state.last = Some(self.steps.len());
            self.steps.push(step);
        } else {
            self.doubt_everything(step.line, &Why::TooLarge);
        }
    }

    /// Whatever comes on top of a directory makes it a file system, and all of it may be read.
    pub(crate) fn put_on_top(&mut self, state: &mut StageState) {
        let (Some(key), Some(step), true) = (state.context.take(), state.last, state.live) else {
            return;
        };
        let source = Source {
            path: String::new(),
            excludes: Vec::new(),
            parents: None,
            context: Some(key.clone()),
            line: self.steps[step].line,
            step,
        };
        let collected = self.contexts.entry(Some(key)).or_default();
        collected.follow.everything = true;
        collected.sources.push(source.clone());
        self.steps[step].sources.push(source);
    }

    /// The platform of a stage that starts from an image.
    fn platform(&self, base: &Base) -> Option<String> {
        let target = || {
            self.resolved
                .globals
                .get("TARGETPLATFORM")
                .map(|value| value.text.to_string())
        };
        base.platform.clone().or_else(target)
    }
}

fn with_default_path() -> Scope {
    let mut scope = Scope::new(false);
    scope.set_in_config("PATH", Value::known(DEFAULT_PATH));
    scope
}
