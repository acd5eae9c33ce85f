//! What a target needs: names are bound to stages and images, and stages reached from the target on.
//!
//! `COPY --from` and `--mount=from=` mean a stage of that name in any case, which has to be an earlier one, else an image;
//! `COPY` also takes numbers. `ONBUILD` instructions of a stage run in the stages built on it, so what they name is needed
//! there. A stage that a named context replaces needs nothing, although the builder still looks at what its
//! instructions name. Stages that the target does not reach are not judged. Triggers in images are not known here.

use std::collections::BTreeMap;
use std::fmt;

use crate::binding::{Binding, Contexts, NamedContext};
use crate::dockerfile::{Dockerfile, Stage};
use crate::error::{Fault, ParseError, Reason};
use crate::from::Base;
use crate::instruction::{Instruction, Reference};
use crate::keyword::Keyword;
use crate::reads::Undecided;
use crate::scope::{Budget, Scope};

/// Most text of triggers that all stages together may inherit, in bytes.
const MAX_TRIGGER_BYTES: usize = 16 << 20;

/// An image that a build reads, and where the Dockerfile says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageUse {
    /// The reference after expansion, otherwise as written.
    pub reference: String,
    /// 1-based line of the instruction.
    pub line: usize,
    /// The platform asked for with `FROM --platform`, after expansion; else the platform of the build.
    pub platform: Option<String>,
}

/// A platform whose programs a build runs, and where the Dockerfile first says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunUse {
    /// 1-based line of the `RUN` instruction.
    pub line: usize,
    /// The platform of its stage, after expansion; nothing for the platform of the build.
    pub platform: Option<String>,
}

/// From where, and with which values, a Dockerfile is looked at.
#[derive(Clone, Copy)]
pub struct ResolveRequest<'a> {
    /// Name or number of the stage to build; the last stage when absent.
    pub target: Option<&'a str>,
    /// Build arguments by name.
    pub build_args: &'a BTreeMap<String, String>,
    /// Platform arguments, see [`platform_args`](crate::platform_args). Base names may depend on them, so a build for
    /// several platforms resolves once for each. Those that begin with `BUILD` are taken for a guess.
    pub platform: &'a BTreeMap<String, String>,
    /// Named contexts by key, see [`context_key`](crate::context_key).
    pub named_contexts: &'a BTreeMap<String, NamedContext>,
}

/// A Dockerfile seen from one target, with one set of build arguments, for one platform.
pub struct Resolved<'a> {
    pub(crate) dockerfile: &'a Dockerfile,
    target: usize,
    frontend_target: Option<String>,
    pub(crate) bases: Vec<Base>,
    /// Numbers of the stages that the target needs, ascending.
    pub(crate) reachable: Vec<usize>,
    /// These, and the stages that the builder looks at in vain because a named context replaces what needs them.
    pub(crate) looked_at: Vec<usize>,
    /// Stages that a named context replaces, with its key.
    pub(crate) replaced: BTreeMap<usize, String>,
    /// Instructions that a reached stage inherits from `ONBUILD` instructions of its base stage.
    pub(crate) triggers: BTreeMap<usize, Vec<Instruction>>,
    pub(crate) contexts: Contexts,
    pub(crate) build_args: BTreeMap<String, String>,
    pub(crate) globals: Scope,
}

// Build arguments may hold what nobody should read in a log.
impl fmt::Debug for Resolved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolved")
            .field("target", &self.target)
            .field("reachable", &self.reachable)
            .finish_non_exhaustive()
    }
}

impl Dockerfile {
    /// Finds out what a target needs.
    ///
    /// # Errors
    ///
    /// Returns an unknown target, a word that cannot be expanded, an empty base or platform, a stage that reads from
    /// itself or from a later one, and more triggers than are read.
    pub fn resolve(&self, request: &ResolveRequest<'_>) -> Result<Resolved<'_>, ParseError> {
        let custom = self.custom_frontend(request.build_args).is_some();
        let number = match self.find_target(request.target) {
            // A frontend of its own may know stages that are not written here.
            Err(_) if custom => self.stages.len() - 1,
            found => found?,
        };
        let asked = request.target.filter(|target| !target.is_empty());
        let (budget, contexts) = (Budget::new(), Contexts::new(request.named_contexts));
        let globals = self.global_variables(self.stages[number].name.as_deref(), request, &budget)?;
        let bases = self.stages.iter();
        let bases = bases.map(|stage| self.base(stage, &globals, &contexts, &budget));
        let bases = bases.collect::<Result<Vec<_>, _>>()?;
        let replaced = self.names.iter();
        let replaced = replaced.filter_map(|(name, stage)| Some((*stage, contexts.replacing(name)?)));
        let mut resolved = Resolved {
            dockerfile: self,
            target: number,
            frontend_target: asked.and_then(|target| match custom {
                true => Some(target.to_owned()),
                false => self.stages[number].name.clone(),
            }),
            bases,
            reachable: Vec::new(),
            looked_at: Vec::new(),
            replaced: replaced.collect(),
            triggers: BTreeMap::new(),
            contexts,
            build_args: request.build_args.clone(),
            globals,
        };
        resolved.reachable = resolved.reach(false)?;
        resolved.looked_at = resolved.reach(true)?;
        Ok(resolved)
    }
}

impl<'a> Resolved<'a> {
    /// Returns the stage that is built.
    #[must_use]
    pub fn target(&self) -> &'a Stage {
        &self.dockerfile.stages[self.target]
    }

    /// Returns the name by which the frontend knows the target; nothing for the last stage.
    #[must_use]
    pub fn frontend_target(&self) -> Option<&str> {
        self.frontend_target.as_deref()
    }

    /// Returns the stages that the target needs, itself included, in the order written.
    pub fn reachable(&self) -> impl Iterator<Item = &'a Stage> + '_ {
        self.reachable.iter().map(|number| &self.dockerfile.stages[*number])
    }

    /// Returns the images that the builder looks up, in the order written; the same image may occur repeatedly.
    ///
    /// `scratch` is no image, and what a named context replaces is not looked up. The frontend image is not among them,
    /// see [`Dockerfile::syntax`].
    #[must_use]
    pub fn external_images(&self) -> Vec<ImageUse> {
        let mut images = Vec::new();
        for number in &self.looked_at {
            let line = self.dockerfile.stages[*number].from.first_line;
            let base = &self.bases[*number];
            let base =
                (!self.replaced.contains_key(number)).then(|| (base.binding.clone(), line, base.platform.clone()));
            let named = self.instructions(*number).flat_map(|(line, instruction)| {
                let references = instruction.references.iter();
                references.map(move |reference| (self.bind(reference), line, None))
            });
            images.extend(
                base.into_iter()
                    .chain(named)
                    .filter_map(|(binding, line, platform)| match binding {
                        Binding::Image(reference) => Some(ImageUse {
                            reference,
                            line,
                            platform,
                        }),
                        Binding::Stage(_) | Binding::Scratch | Binding::Context(_) => None,
                    }),
            );
        }
        images
    }

    /// Returns the platforms whose programs `RUN` instructions of reached stages start, each once with its first line.
    /// A stage on top of another one has that one's platform, whatever its own `--platform` says, as in the frontend.
    #[must_use]
    pub fn run_platforms(&self) -> Vec<RunUse> {
        let (mut of_stage, mut found) = (BTreeMap::new(), Vec::<RunUse>::new());
        for number in self
            .reachable
            .iter()
            .filter(|number| !self.replaced.contains_key(number))
        {
            let base = &self.bases[*number];
            let platform: Option<String> = match &base.binding {
                Binding::Stage(other) => of_stage.get(other).cloned().flatten(),
                Binding::Scratch => None,
                Binding::Image(_) | Binding::Context(_) => base.platform.clone(),
            };
            of_stage.insert(*number, platform.clone());
            let mut runs = self
                .instructions(*number)
                .filter(|(_, one)| one.keyword == Keyword::Run);
            if let Some((line, _)) = runs.next()
                && found.iter().all(|known| known.platform != platform)
            {
                found.push(RunUse { line, platform });
            }
        }
        found
    }

    /// The instructions that run in a stage, inherited triggers first, each with the line to which it belongs.
    pub(crate) fn instructions(&self, stage: usize) -> impl Iterator<Item = (usize, &Instruction)> {
        let stage = &self.dockerfile.stages[stage];
        let line = stage.from.first_line;
        let triggers = self.triggers.get(&stage.number).into_iter().flatten();
        let own = stage.instructions.iter().map(|own| (own.first_line, own));
        triggers.map(move |trigger| (line, trigger)).chain(own)
    }

    /// Decides what `COPY --from` or `--mount=from=` means.
    pub(crate) fn bind(&self, reference: &Reference) -> Binding {
        self.dockerfile.bind(reference, &self.contexts)
    }

    /// Why the stages that are reached may be others.
    pub(crate) fn unsure_bases(&self) -> impl Iterator<Item = Undecided> {
        let reached = self
            .reachable
            .iter()
            .filter(|number| !self.replaced.contains_key(number));
        reached.filter_map(|number| {
            let why = self.bases[*number].unsure.clone()?;
            let line = self.dockerfile.stages[*number].from.first_line;
            Some(Undecided { line, why })
        })
    }

    /// Follows what stages need from the target on; `through` also follows stages that a named context replaces.
    fn reach(&mut self, through: bool) -> Result<Vec<usize>, ParseError> {
        let mut seen = vec![false; self.dockerfile.stages.len()];
        let mut open = vec![self.target];
        let mut trigger_bytes = 0;
        while let Some(number) = open.pop() {
            if std::mem::replace(&mut seen[number], true) {
                continue;
            }
            let replaced = self.replaced.contains_key(&number);
            if replaced && !through {
                continue;
            }
            if let (false, Binding::Stage(base)) = (replaced, &self.bases[number].binding) {
                open.push(*base);
            }
            if !replaced && !self.triggers.contains_key(&number) {
                let triggers = self.inherited(number, &mut trigger_bytes)?;
                self.triggers.insert(number, triggers);
            }
            open.extend(self.needed_by(number, replaced || through)?);
        }
        Ok((0..seen.len()).filter(|number| seen[*number]).collect())
    }

    /// The stages that the instructions of a stage read from; later ones are an error unless they are `tolerated`.
    fn needed_by(&self, stage: usize, tolerated: bool) -> Result<Vec<usize>, ParseError> {
        // A trigger runs when the stage has begun, so it may even read from the stage itself.
        let triggers = self.triggers.get(&stage).map_or(0, Vec::len);
        let mut needed = Vec::new();
        for (index, (line, instruction)) in self.instructions(stage).enumerate() {
            let limit = if index < triggers { stage + 1 } else { stage };
            for reference in &instruction.references {
                let Binding::Stage(other) = self.bind(reference) else {
                    continue;
                };
                if other >= limit && !tolerated {
                    let fault = Fault::from(Reason::LaterStage(reference.name.clone()));
                    return Err(fault.at(&self.dockerfile.file, line));
                }
                needed.push(other);
            }
        }
        Ok(needed)
    }

    /// Reads the triggers that a stage inherits from its base stage.
    fn inherited(&self, stage: usize, bytes: &mut usize) -> Result<Vec<Instruction>, ParseError> {
        let Binding::Stage(base) = self.bases[stage].binding else {
            return Ok(Vec::new());
        };
        let dockerfile = self.dockerfile;
        let line = dockerfile.stages[stage].from.first_line;
        // The instructions of a replaced stage are still looked at for triggers.
        let mut triggers = Vec::new();
        for instruction in &dockerfile.stages[base].instructions {
            let Some(trigger) = instruction.trigger(dockerfile.is_tolerant()) else {
                continue;
            };
            *bytes += instruction.size();
            let trigger = trigger.and_then(|trigger| {
                dockerfile.check_numbers(&trigger, dockerfile.stages.len() - 1)?;
                let few = *bytes <= MAX_TRIGGER_BYTES;
                if few {
                    Ok(trigger)
                } else {
                    Err(Reason::TooManyTriggers.into())
                }
            });
            triggers.push(trigger.map_err(|fault| fault.at(&dockerfile.file, line))?);
        }
        Ok(triggers)
    }
}
