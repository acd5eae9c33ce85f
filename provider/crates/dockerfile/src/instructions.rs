//! What single instructions do to a stage: variables they set, paths they read, steps they make.
//!
//! Only instructions that change the file system are steps. The others matter as far as they change what later words
//! expand to or how later commands run; those that only describe the image are passed over. Which files `COPY`, `ADD` and
//! `RUN` read is in `files`.

use crate::analysis::Analysis;
use crate::arguments::Arguments;
use crate::expand::Style;
use crate::flag;
use crate::heredoc;
use crate::instruction::Instruction;
use crate::keyword::Keyword;
use crate::path::clean;
use crate::reads::{Source, Why};
use crate::scope::{Value, shortened};
use crate::stage::{Numbering, StageState};
use crate::step::{Framed, Step, StepInput, StepKind, StepMaterial};

/// A step in the making.
pub(crate) struct Draft<'i> {
    pub(crate) instruction: &'i Instruction,
    pub(crate) line: usize,
    pub(crate) own: Framed,
    pub(crate) inputs: Vec<StepInput>,
    pub(crate) sources: Vec<Source>,
    kind: StepKind,
}

impl<'i> Draft<'i> {
    pub(crate) fn new(kind: StepKind, line: usize, instruction: &'i Instruction) -> Self {
        let mut own = Framed::new(instruction.keyword.name());
        for heredoc in &instruction.heredocs {
            own.add(heredoc.name.as_bytes()).add(heredoc.content.as_bytes());
        }
        Self {
            instruction,
            line,
            kind,
            own,
            inputs: Vec::new(),
            sources: Vec::new(),
        }
    }
}

impl Analysis<'_> {
    /// Follows one instruction.
    pub(crate) fn instruction(
        &mut self,
        state: &mut StageState,
        numbering: &mut Numbering,
        line: usize,
        instruction: &Instruction,
    ) {
        let keyword = instruction.keyword;
        if let Some(unknown) = instruction.flags.iter().find(|one| !flag::is_known(keyword, &one.name)) {
            self.doubt_everything(line, &Why::UnknownFlag(shortened(&unknown.name)));
        }
        match (keyword, &instruction.arguments) {
            (Keyword::Arg, Arguments::Pairs(pairs)) => self.declare(state, line, pairs),
            (Keyword::Env, Arguments::Pairs(pairs)) => self.set_variables(state, line, pairs),
            (Keyword::User, Arguments::Text(user)) => state.user = self.best(state, user),
            (Keyword::Shell, arguments) => state.shell = format!("{arguments:?}"),
            (Keyword::Workdir, Arguments::Text(path)) => {
                self.change_directory(state, numbering, line, (instruction, path))
            }
            (Keyword::Copy | Keyword::Add, Arguments::Words(words) | Arguments::Json(words)) => {
                let label = self.label(state, instruction, &[]);
                let draft = self.copy(state, line, instruction, words);
                self.finish(state, numbering.next(&label), draft);
            }
            (Keyword::Run, arguments) => {
                let mut draft = Draft::new(StepKind::Run, line, instruction);
                for one in &instruction.flags {
                    draft.own.add(one.name.as_bytes());
                    draft.own.add(one.value.as_deref().unwrap_or_default().as_bytes());
                }
                let masked = self.mounts(state, &mut draft);
                let label = self.label(state, instruction, &masked);
                draft.own.add(format!("{arguments:?}").as_bytes());
                for part in [&state.workdir, &state.user, &state.shell] {
                    draft.own.add(part.as_bytes());
                }
                draft.own.add(&state.scope.digest());
                self.finish(state, numbering.next(&label), draft);
            }
            _ => {}
        }
    }

    /// `ARG`: a build argument, else a global one, else the default.
    fn declare(&mut self, state: &mut StageState, line: usize, pairs: &[(String, Option<String>)]) {
        for (name, default) in pairs {
            let given = self.resolved.build_args.get(name).map(|given| Value::known(given));
            let value = match (given, default) {
                (Some(given), _) => Some(given),
                (None, None) => self.resolved.globals.get(name).cloned(),
                (None, Some(default)) => Some(self.evaluate(state, default)),
            };
            let Some(mut value) = value else { continue };
            match name.as_str() {
                "BUILDKIT_SBOM_SCAN_CONTEXT" => self.doubt_everything(line, &Why::SbomScan),
                // The frontend writes the number anew, and drops what is none.
                "SOURCE_DATE_EPOCH" if value.text.parse::<i64>().is_err() => {
                    value.unsure = Some(Why::SourceDateEpoch(shortened(&value.text)));
                }
                _ => {}
            }
            if self.may_keep(state, line, name, &value) {
                state.scope.set(name, value);
            }
        }
    }

    /// `ENV`: all words are expanded before any variable is set.
    fn set_variables(&mut self, state: &mut StageState, line: usize, pairs: &[(String, Option<String>)]) {
        let words = pairs.iter().map(|(name, value)| {
            let value = value.as_deref().unwrap_or_default();
            (self.certain(state, name), self.evaluate(state, value))
        });
        for (name, value) in words.collect::<Vec<_>>() {
            match name {
                Ok(name) if self.may_keep(state, line, &name, &value) => state.scope.set_in_config(&name, value),
                Ok(_) => {}
                Err(why) => state.scope.forget(&why),
            }
        }
    }

    /// Whether a variable fits into the budget; if not, nothing is certain any more.
    fn may_keep(&mut self, state: &mut StageState, line: usize, name: &str, value: &Value) -> bool {
        let fits = self.budget.keep(name.len() + value.text.len());
        if !fits {
            state.scope.forget(&Why::TooLarge);
            self.doubt_everything(line, &Why::TooLarge);
        }
        fits
    }

    fn style(&self) -> Style {
        Style {
            escape: self.escape,
            ..Style::default()
        }
    }

    /// Expands a word; one that cannot be expanded fails the build, so its value does not matter.
    fn evaluate(&self, state: &StageState, word: &str) -> Value {
        let value = state.scope.evaluate(word, self.style(), &self.budget);
        value.unwrap_or_else(|error| {
            Value::unknown(Why::CannotExpand {
                word: shortened(word),
                error: Box::new(error),
            })
        })
    }

    pub(crate) fn certain(&self, state: &StageState, word: &str) -> Result<String, Why> {
        state.scope.certain(word, self.escape, &self.budget)
    }

    /// Expands a word as far as possible, for keys.
    pub(crate) fn best(&self, state: &StageState, word: &str) -> String {
        self.certain(state, word).unwrap_or_else(|_| word.to_owned())
    }

    /// What BuildKit prints behind the number.
    fn label(&self, state: &StageState, instruction: &Instruction, masked: &[String]) -> String {
        let mut text = instruction.text.trim().to_owned();
        let run = instruction.keyword == Keyword::Run;
        if let (true, Arguments::Text(command), Some(first)) =
            (run, &instruction.arguments, instruction.heredocs.first())
            && heredoc::parse(command).is_some()
        {
            text += &format!(" ({})", summary(&first.content));
        }
        let style = Style {
            raw_quotes: run,
            keep_unset: run,
            ..self.style()
        };
        let shown = state.scope.shown(&text, style, masked, &self.budget);
        match shown.split_once(' ') {
            Some((keyword, rest)) => format!("{} {rest}", keyword.to_uppercase()),
            None => shown.to_uppercase(),
        }
    }

    fn finish(&mut self, state: &mut StageState, label: String, draft: Draft<'_>) {
        self.put_on_top(state);
        let material = StepMaterial {
            own: draft.own.finish(),
            parent: state.last,
            inputs: draft.inputs,
        };
        self.push_step(
            state,
            Step {
                label,
                stage: state.number,
                line: draft.line,
                kind: draft.kind,
                sources: draft.sources,
                material,
            },
        );
    }

    fn change_directory(
        &mut self,
        state: &mut StageState,
        numbering: &mut Numbering,
        line: usize,
        (instruction, path): (&Instruction, &str),
    ) {
        // The variables of the label are those before, like those of the path.
        let label = self.label(state, instruction, &[]);
        let path = self.best(state, path);
        state.workdir = match (path.starts_with('/'), state.workdir.as_str()) {
            // The frontend takes absolute paths as they are: `/../` is not `/` to it.
            (true, _) => path,
            // What the base image says is not known.
            (false, "") => path,
            (false, directory) if path.is_empty() => directory.to_owned(),
            (false, directory) => format!("/{}", clean(&format!("{directory}/{path}"))),
        };
        // The root exists already, so nothing is done.
        if state.workdir == "/" {
            return;
        }
        let mut draft = Draft::new(StepKind::Workdir, line, instruction);
        draft.own.add(state.workdir.as_bytes()).add(state.user.as_bytes());
        self.finish(state, numbering.next(&label), draft);
    }
}

/// The first line of a heredoc, as BuildKit shows it.
fn summary(content: &str) -> String {
    let content = content.trim().replace("\r\n", "\n");
    match content.split_once('\n') {
        Some((first, _)) => format!("{first}..."),
        None => content,
    }
}
