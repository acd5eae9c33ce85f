//! A parsed Dockerfile: its directives, global arguments and stages.
//!
//! Everything here is known without build arguments. Names of stages are checked and indexed; which stage or image a
//! `FROM` means may depend on arguments, so that is left to [`resolve`](Dockerfile::resolve).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::arguments::Arguments;
use crate::directive::{Directive, syntax_of};
use crate::error::{Fault, ParseError, Reason};
use crate::frontend::is_official;
use crate::instruction::Instruction;
use crate::keyword::Keyword;
use crate::parser::{self, Parsed};
use crate::resolve::ImageUse;

/// One build stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stage {
    /// Position among the stages, from 0.
    pub number: usize,
    /// Name in lower case.
    pub name: Option<String>,
    /// The `FROM` instruction.
    pub from: Instruction,
    /// The instructions behind it.
    pub instructions: Vec<Instruction>,
}

impl Stage {
    /// Returns the base image or stage as written, before expansion.
    #[must_use]
    pub fn base(&self) -> &str {
        match &self.from.arguments {
            Arguments::Words(words) => words.first().map_or("", String::as_str),
            _ => "",
        }
    }

    /// Returns the name, or the number of a stage without one.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.number.to_string())
    }
}

/// A Dockerfile that has been read and found valid.
#[derive(Debug, Clone)]
pub struct Dockerfile {
    pub(crate) file: String,
    pub(crate) directives: Vec<Directive>,
    pub(crate) syntax: Option<Directive>,
    pub(crate) global_args: Vec<Instruction>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) names: BTreeMap<String, usize>,
    source: Vec<String>,
    /// SHA-256 of the whole file.
    pub(crate) digest: [u8; 32],
}

impl Dockerfile {
    /// Reads a Dockerfile; `file_name` only serves error messages. A file for another frontend than the official one
    /// may be in a language of its own: then nothing of it is known but its bytes.
    ///
    /// # Errors
    ///
    /// Returns the first fault of the file, with its line.
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, ParseError> {
        let read = parser::read(file_name, bytes).and_then(|parsed| Self::arranged(file_name, bytes, parsed));
        match (read, syntax_of(bytes)) {
            (Err(_), Some(syntax)) if !is_official(&syntax.value) => Self::unread(file_name, bytes),
            (read, _) => read,
        }
    }

    /// A file in an unknown language: one stage without any instruction stands for all that it may say.
    fn unread(file_name: &str, bytes: &[u8]) -> Result<Self, ParseError> {
        let stage = parser::read(file_name, b"FROM scratch\n")?;
        Self::arranged(file_name, bytes, stage)
    }

    fn arranged(file_name: &str, bytes: &[u8], parsed: Parsed) -> Result<Self, ParseError> {
        let Parsed {
            directives,
            instructions,
        } = parsed;
        let mut dockerfile = Self {
            file: file_name.to_owned(),
            directives,
            syntax: syntax_of(bytes),
            global_args: Vec::new(),
            stages: Vec::new(),
            names: BTreeMap::new(),
            source: String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect(),
            digest: Sha256::digest(bytes).into(),
        };
        for instruction in instructions {
            let line = instruction.first_line;
            dockerfile.add(instruction).map_err(|fault| fault.at(file_name, line))?;
        }
        if dockerfile.stages.is_empty() {
            return Err(Fault::from(Reason::NoStage).at(file_name, 1));
        }
        dockerfile.check_stage_numbers()?;
        Ok(dockerfile)
    }

    /// Returns the stages in the order written.
    #[must_use]
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Returns the `ARG` instructions before the first stage.
    #[must_use]
    pub fn global_args(&self) -> &[Instruction] {
        &self.global_args
    }

    /// Returns the parser directives in the order written.
    #[must_use]
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// Returns the frontend image that `# syntax=` names.
    #[must_use]
    pub fn syntax(&self) -> Option<ImageUse> {
        let directive = self.syntax.as_ref()?;
        Some(ImageUse {
            reference: directive.value.clone(),
            line: directive.line,
            platform: None,
        })
    }

    /// Returns the names that any `ARG` declares, global, in a stage or in an `ONBUILD` trigger.
    #[must_use]
    pub fn declared_args(&self) -> BTreeSet<String> {
        let stage_instructions = self.stages.iter().flat_map(|stage| &stage.instructions);
        let mut names = BTreeSet::new();
        for instruction in self.global_args.iter().chain(stage_instructions) {
            let trigger = instruction.trigger(self.is_tolerant()).and_then(Result::ok);
            let instruction = trigger.as_ref().unwrap_or(instruction);
            if let (Keyword::Arg, Arguments::Pairs(pairs)) = (instruction.keyword, &instruction.arguments) {
                names.extend(pairs.iter().map(|(name, _)| name.clone()));
            }
        }
        names
    }

    /// Returns the source lines `first` to `last` (1-based, both included) with their numbers, for error messages.
    #[must_use]
    pub fn snippet(&self, first: usize, last: usize) -> String {
        let (first, last) = (first.max(1), last.min(self.source.len()));
        let width = last.to_string().len();
        let mut out = String::new();
        for number in first..=last {
            let _ = writeln!(
                out,
                "{}",
                format!("{number:>width$} | {}", self.source[number - 1]).trim_end()
            );
        }
        out
    }

    /// Whether the file names its frontend, which may then know more than this crate does.
    pub(crate) fn is_tolerant(&self) -> bool {
        self.syntax.is_some()
    }

    /// Files one instruction: a global argument, the beginning of a stage, or part of the current stage.
    fn add(&mut self, instruction: Instruction) -> Result<(), Fault> {
        match (instruction.keyword, self.stages.last_mut()) {
            (Keyword::From, _) => self.begin_stage(instruction),
            (_, Some(stage)) => {
                stage.instructions.push(instruction);
                Ok(())
            }
            (Keyword::Arg, None) => {
                self.global_args.push(instruction);
                Ok(())
            }
            (keyword, None) => Err(Reason::BeforeFirstStage(keyword.name()).into()),
        }
    }

    fn begin_stage(&mut self, from: Instruction) -> Result<(), Fault> {
        let number = self.stages.len();
        let written = match &from.arguments {
            Arguments::Words(words) => words.get(2).cloned(),
            _ => None,
        };
        let name = written.as_ref().map(|name| name.to_lowercase());
        if let (Some(written), Some(name)) = (written, &name) {
            if !is_stage_name(name) {
                return Err(Reason::InvalidStageName(written).into());
            }
            if let Some(earlier) = self.names.insert(name.clone(), number) {
                let first = self.stages[earlier].from.first_line;
                return Err(Reason::RepeatedStageName {
                    name: name.clone(),
                    first,
                }
                .into());
            }
        }
        self.stages.push(Stage {
            number,
            name,
            from,
            instructions: Vec::new(),
        });
        Ok(())
    }

    /// Refuses `COPY --from=<number>` when no stage has that number.
    fn check_stage_numbers(&self) -> Result<(), ParseError> {
        let last = self.stages.len() - 1;
        for instruction in self.stages.iter().flat_map(|stage| &stage.instructions) {
            self.check_numbers(instruction, last)
                .map_err(|fault| fault.at(&self.file, instruction.first_line))?;
        }
        Ok(())
    }

    /// Refuses numbers beyond the last stage in one instruction.
    pub(crate) fn check_numbers(&self, instruction: &Instruction, last: usize) -> Result<(), Fault> {
        for number in instruction.references.iter().filter_map(|reference| reference.number) {
            if !usize::try_from(number).is_ok_and(|number| number <= last) {
                return Err(Reason::NoSuchStageNumber { number, last }.into());
            }
        }
        Ok(())
    }
}

/// A letter, then letters, digits, `-`, `_` and `.`, all in lower case.
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.'))
}
