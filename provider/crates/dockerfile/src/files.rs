//! Which files `COPY`, `ADD` and the mounts of `RUN` read, and from where.
//!
//! Two lists come out of it. One is what the target can read; it decides the fingerprint. The other is what the builder
//! will ask for, which is wider: it knows nothing of `--exclude`, holds Git addresses as if they were paths, and holds the
//! paths of stages that are never built.

use crate::analysis::{Analysis, SecretMount};
use crate::binding::{Binding, NamedContext};
use crate::heredoc;
use crate::instruction::{Instruction, Reference};
use crate::instructions::Draft;
use crate::keyword::Keyword;
use crate::mount::{self, Kind, Mount};
use crate::path::{check, clean, is_http, is_remote, pivoted};
use crate::reads::{Source, Why};
use crate::stage::StageState;
use crate::step::{StepInput, StepKind};

impl Analysis<'_> {
    /// `COPY` and `ADD`.
    pub(crate) fn copy<'i>(
        &mut self,
        state: &mut StageState,
        line: usize,
        instruction: &'i Instruction,
        words: &[String],
    ) -> Draft<'i> {
        let adds = instruction.keyword == Keyword::Add;
        let kind = if adds { StepKind::Add } else { StepKind::Copy };
        let mut draft = Draft::new(kind, line, instruction);
        let place = self.place(instruction.references.first(), &mut draft.inputs);
        let (destination, sources) = words
            .split_last()
            .map_or(("", words), |(last, rest)| (last.as_str(), rest));
        for flag in &instruction.flags {
            let value = self.best(state, flag.value.as_deref().unwrap_or_default());
            draft.own.add(flag.name.as_bytes()).add(value.as_bytes());
        }
        let destination = self.best(state, destination);
        let directory = if destination.starts_with('/') {
            ""
        } else {
            &state.workdir
        };
        draft.own.add(directory.as_bytes()).add(destination.as_bytes());
        if instruction
            .heredocs
            .iter()
            .any(|one| one.expand && one.content.contains('$'))
        {
            draft.own.add(&state.scope.digest());
        }
        for word in sources.iter().filter(|word| heredoc::parse(word).is_none()) {
            draft.own.add(self.best(state, word).as_bytes());
            let source = match self.certain(state, word) {
                Ok(source) => source,
                Err(why) => {
                    self.doubt_place(state, &place, line, why);
                    continue;
                }
            };
            // The builder asks for Git repositories as if they were paths.
            if !(adds && is_http(&source)) {
                self.follow(&place, clean(&source));
            }
            if !(adds && is_remote(&source)) {
                self.read(state, &place, &mut draft, Wanted::copied(instruction, &source));
            }
        }
        draft
    }

    /// The mounts of a `RUN`; returns the names of variables that hold secrets.
    pub(crate) fn mounts(&mut self, state: &mut StageState, draft: &mut Draft<'_>) -> Vec<String> {
        let mut masked = Vec::new();
        for value in draft.instruction.values("mount") {
            let reference = mount::source(value)
                .ok()
                .flatten()
                .map(|name| Reference { name, number: None });
            let place = self.place(reference.as_ref(), &mut draft.inputs);
            let read = mount::read(value, &|word| self.certain(state, word));
            self.secret_mount(state, draft.line, read.as_ref().ok());
            let mount = match read {
                Ok(mount) => mount,
                Err(why @ (Why::UnknownMountField(_) | Why::UnknownMountType(_))) => {
                    self.doubt_everything(draft.line, &why);
                    continue;
                }
                Err(why) => {
                    self.doubt_place(state, &place, draft.line, why);
                    continue;
                }
            };
            let Mount {
                kind,
                source,
                secret_variable,
                secret: _,
            } = mount;
            draft.own.add(source.as_bytes());
            let scratch = kind == Kind::Cache && reference.is_none();
            if kind == Kind::Credential {
                masked.extend(secret_variable);
                continue;
            }
            if !scratch {
                self.follow(&place, clean(&source));
            }
            if kind != Kind::Tmpfs && !scratch {
                self.read(state, &place, draft, Wanted::mounted(&source));
            }
        }
        masked
    }

    /// Notes which secret a mount asks for; a mount that cannot be read may ask for any.
    fn secret_mount(&mut self, state: &StageState, line: usize, mount: Option<&Mount>) {
        let (id, required) = match mount.map(|mount| &mount.secret) {
            _ if !state.live => return,
            Some(None) => return,
            Some(Some(secret)) => (secret.id.clone(), secret.required),
            None => (None, false),
        };
        if self.budget.keep(id.as_ref().map_or(0, String::len)) {
            self.secrets.push(SecretMount { id, required, line });
        }
    }

    /// Where an instruction reads from; notes what else becomes an input of the step.
    fn place(&self, reference: Option<&Reference>, inputs: &mut Vec<StepInput>) -> Place {
        let Some(reference) = reference else {
            return Place::Context(None);
        };
        match self.resolved.bind(reference) {
            Binding::Stage(number) => {
                let end = self.ends.get(number).and_then(Option::as_ref);
                inputs.extend(end.and_then(|end| end.last).map(StepInput::Step));
                match end.and_then(|end| end.context.clone()) {
                    Some(key) => Place::Context(Some(key)),
                    None => Place::Elsewhere,
                }
            }
            Binding::Image(reference) => {
                inputs.push(StepInput::Image(reference));
                Place::Elsewhere
            }
            Binding::Scratch => Place::Elsewhere,
            Binding::Context(key) => match self.resolved.contexts.get(&key) {
                Some(NamedContext::Image(reference)) => {
                    inputs.push(StepInput::Image(reference.clone()));
                    Place::Elsewhere
                }
                _ => Place::Context(Some(key)),
            },
        }
    }

    fn doubt_place(&mut self, state: &StageState, place: &Place, line: usize, why: Why) {
        let Place::Context(key) = place else { return };
        self.contexts.entry(key.clone()).or_default().follow.whole = true;
        if state.live {
            self.doubt(key.clone(), line, why);
        }
    }

    fn follow(&mut self, place: &Place, path: String) {
        let Place::Context(key) = place else { return };
        let collected = self.contexts.entry(key.clone()).or_default();
        if self.budget.keep(path.len()) {
            collected.follow.add(path);
        } else {
            collected.follow.whole = true;
        }
    }

    /// Notes that a path is read, or that it cannot be told which.
    fn read(&mut self, state: &StageState, place: &Place, draft: &mut Draft<'_>, wanted: Wanted) {
        let Place::Context(key) = place else { return };
        if !state.live {
            return;
        }
        if let Err(why) = check(&wanted.path, wanted.takes_wildcards) {
            return self.doubt(key.clone(), draft.line, why);
        }
        let excludes: usize = wanted.excludes.iter().map(String::len).sum();
        if !self.budget.keep(wanted.path.len() + excludes) {
            return self.doubt(key.clone(), draft.line, Why::TooLarge);
        }
        let source = Source {
            path: wanted.path,
            excludes: wanted.excludes,
            parents: wanted.parents,
            context: key.clone(),
            line: draft.line,
            step: self.steps.len(),
        };
        self.contexts
            .entry(key.clone())
            .or_default()
            .sources
            .push(source.clone());
        draft.sources.push(source);
    }
}

/// Where an instruction reads from.
enum Place {
    /// A build context; the main one has no key.
    Context(Option<String>),
    /// A stage, an image, or nothing.
    Elsewhere,
}

/// A path that an instruction names.
struct Wanted {
    path: String,
    excludes: Vec<String>,
    parents: Option<String>,
    takes_wildcards: bool,
}

impl Wanted {
    fn copied(instruction: &Instruction, source: &str) -> Self {
        let (parents, path) = if instruction.is_on("parents") {
            let (parent, path) = pivoted(source);
            (Some(parent), path)
        } else {
            (None, clean(source))
        };
        // A newer frontend may expand variables here; without the pattern too much is covered, never too little.
        let excludes = instruction.values("exclude").filter(|pattern| !pattern.contains('$'));
        Self {
            path,
            excludes: excludes.map(str::to_owned).collect(),
            parents,
            takes_wildcards: true,
        }
    }

    fn mounted(source: &str) -> Self {
        Self {
            path: clean(source),
            excludes: Vec::new(),
            parents: None,
            takes_wildcards: false,
        }
    }
}
