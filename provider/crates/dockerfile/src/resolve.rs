//! What a target needs: names are bound to stages and images, and stages reached from the target on.
//!
//! `COPY --from` and `--mount=from=` mean a
//! stage of that name in any case, which has to be an earlier one, else an image; `COPY` also takes numbers. `ONBUILD`
//! instructions of a stage run in the stages built on it, so what they name is needed there. Stages that the target
//! does not reach are not judged. Triggers in images and named contexts are not known here.

use std::collections::BTreeMap;

use crate::dockerfile::{Dockerfile, Stage};
use crate::error::{Fault, ParseError, Reason};
use crate::from::image_or_scratch;
use crate::instruction::{Instruction, Reference};

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

/// What a name turned out to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Stage(usize),
    Image(String),
    Scratch,
}

/// A Dockerfile seen from one target, with one set of build arguments, for one platform.
#[derive(Debug)]
pub struct Resolved<'a> {
    pub(crate) dockerfile: &'a Dockerfile,
    target: usize,
    /// Base and platform per stage.
    bases: Vec<(Source, Option<String>)>,
    /// Numbers of the stages that the target needs, ascending.
    pub(crate) reachable: Vec<usize>,
    /// Instructions that a reached stage inherits from `ONBUILD` instructions of its base stage.
    pub(crate) triggers: BTreeMap<usize, Vec<Instruction>>,
}

impl Dockerfile {
    /// Finds out what `target` (name or number; the last stage when absent) needs.
    ///
    /// `platform` holds the platform arguments, see [`platform_args`](crate::platform_args). Base names may depend on
    /// them, so a build for several platforms resolves once for each.
    ///
    /// # Errors
    ///
    /// Returns an unknown target, a word that cannot be expanded, an empty base or platform, and a stage that reads from
    /// itself or from a later one.
    pub fn resolve(
        &self,
        target: Option<&str>,
        build_args: &BTreeMap<String, String>,
        platform: &BTreeMap<String, String>,
    ) -> Result<Resolved<'_>, ParseError> {
        let number = self.find_target(target)?;
        let variables = self.global_variables(self.stages[number].name.as_deref(), build_args, platform)?;
        let bases = self
            .stages
            .iter()
            .map(|stage| self.base(stage, &variables))
            .collect::<Result<Vec<_>, _>>()?;
        let mut resolved = Resolved {
            dockerfile: self,
            target: number,
            bases,
            reachable: Vec::new(),
            triggers: BTreeMap::new(),
        };
        resolved.reach()?;
        Ok(resolved)
    }
}

impl<'a> Resolved<'a> {
    /// Returns the stage that is built.
    #[must_use]
    pub fn target(&self) -> &'a Stage {
        &self.dockerfile.stages[self.target]
    }

    /// Returns the stages that the target needs, itself included, in the order written.
    pub fn reachable(&self) -> impl Iterator<Item = &'a Stage> + '_ {
        self.reachable.iter().map(|number| &self.dockerfile.stages[*number])
    }

    /// Returns the images that the reached stages name, in the order written; the same image may occur repeatedly.
    ///
    /// `scratch` is no image. The frontend image is not among them, see [`Dockerfile::syntax`].
    #[must_use]
    pub fn external_images(&self) -> Vec<ImageUse> {
        let mut images = Vec::new();
        for stage in self.reachable() {
            let line = stage.from.first_line;
            let (base, platform) = &self.bases[stage.number];
            let base = std::iter::once((base.clone(), line, platform.clone()));
            let triggers = self.triggers.get(&stage.number).into_iter().flatten();
            let lines = triggers.map(|trigger| (line, trigger));
            let instructions = lines.chain(stage.instructions.iter().map(|own| (own.first_line, own)));
            let named = instructions.flat_map(|(line, instruction)| {
                instruction
                    .references
                    .iter()
                    .map(move |reference| (self.bind(reference), line, None))
            });
            images.extend(base.chain(named).filter_map(|(source, line, platform)| match source {
                Source::Image(reference) => Some(ImageUse {
                    reference,
                    line,
                    platform,
                }),
                Source::Stage(_) | Source::Scratch => None,
            }));
        }
        images
    }

    pub(crate) fn base(&self, stage: usize) -> &Source {
        &self.bases[stage].0
    }

    /// Decides what `COPY --from` or `--mount=from=` means.
    pub(crate) fn bind(&self, reference: &Reference) -> Source {
        let numbered = reference.number.and_then(|number| usize::try_from(number).ok());
        match numbered.or_else(|| self.dockerfile.names.get(&reference.name.to_lowercase()).copied()) {
            Some(stage) => Source::Stage(stage),
            None => image_or_scratch(&reference.name),
        }
    }

    /// Follows what stages need from the target on.
    fn reach(&mut self) -> Result<(), ParseError> {
        let mut seen = vec![false; self.dockerfile.stages.len()];
        let mut open = vec![self.target];
        while let Some(number) = open.pop() {
            if std::mem::replace(&mut seen[number], true) {
                continue;
            }
            let stage = &self.dockerfile.stages[number];
            let triggers = self.inherited(stage)?;
            if let Source::Stage(base) = self.base(number) {
                open.push(*base);
            }
            // A trigger runs when the stage has begun, so it may even read from the stage itself.
            let inherited = triggers
                .iter()
                .map(|trigger| (stage.from.first_line, number + 1, trigger));
            let own = stage
                .instructions
                .iter()
                .map(|instruction| (instruction.first_line, number, instruction));
            for (line, limit, instruction) in inherited.chain(own) {
                let needed = self
                    .needs(limit, instruction)
                    .map_err(|fault| fault.at(&self.dockerfile.file, line))?;
                open.extend(needed);
            }
            if !triggers.is_empty() {
                self.triggers.insert(number, triggers);
            }
        }
        self.reachable = (0..seen.len()).filter(|number| seen[*number]).collect();
        Ok(())
    }

    /// The stages that an instruction reads from; their numbers have to be below `limit`.
    fn needs(&self, limit: usize, instruction: &Instruction) -> Result<Vec<usize>, Fault> {
        let mut needed = Vec::new();
        for reference in &instruction.references {
            match self.bind(reference) {
                Source::Stage(other) if other >= limit => {
                    return Err(Reason::LaterStage(reference.name.clone()).into());
                }
                Source::Stage(other) => needed.push(other),
                Source::Image(_) | Source::Scratch => {}
            }
        }
        Ok(needed)
    }

    /// Reads the triggers that a stage inherits from its base stage.
    fn inherited(&self, stage: &Stage) -> Result<Vec<Instruction>, ParseError> {
        let Source::Stage(base) = self.base(stage.number) else {
            return Ok(Vec::new());
        };
        let dockerfile = self.dockerfile;
        let triggers = dockerfile.stages[*base].instructions.iter().filter_map(|instruction| {
            let trigger = instruction.trigger(dockerfile.is_tolerant())?;
            Some(trigger.and_then(|trigger| {
                dockerfile
                    .check_numbers(&trigger, dockerfile.stages.len() - 1)
                    .map(|()| trigger)
            }))
        });
        triggers
            .collect::<Result<_, _>>()
            .map_err(|fault: Fault| fault.at(&dockerfile.file, stage.from.first_line))
    }
}
