//! One instruction: keyword, flags, arguments, heredocs and the stages or images it reads from.
//!
//! Built from a joined line; the parser adds lines and heredoc bodies afterwards. Arguments are checked for their
//! number and form, as the frontend does before it looks at variables. Values that only matter to the builder (health
//! check intervals, port numbers, paths) are not judged here. Specification: the Dockerfile reference.

use crate::arguments::{self, Arguments};
use crate::error::{Fault, Reason};
use crate::flag::{self, Flag};
use crate::heredoc::{self, Heredoc};
use crate::keyword::Keyword;
use crate::nearest::nearest;
use crate::split::{Command, split_command};
use crate::{mount, parser};

/// A stage or image that `COPY --from` or `RUN --mount=from=` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Name of a stage, or reference of an image.
    pub name: String,
    /// Number of a stage; only `COPY` takes numbers.
    pub number: Option<i64>,
}

/// One instruction of a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Which instruction it is.
    pub keyword: Keyword,
    /// Flags in the order written.
    pub flags: Vec<Flag>,
    /// Arguments behind the flags.
    pub arguments: Arguments,
    /// Heredocs in the order announced.
    pub heredocs: Vec<Heredoc>,
    /// Stages and images that it reads from.
    pub references: Vec<Reference>,
    /// The line as the frontend keeps it: continuations joined, comments, blank lines and leading blanks dropped.
    pub text: String,
    /// 1-based line on which it begins.
    pub first_line: usize,
    /// 1-based line on which it ends, heredocs included.
    pub last_line: usize,
    /// The bytes of its lines in hexadecimal, when they are not UTF-8 and `text` therefore is not exact.
    pub undecoded: Option<String>,
}

impl Instruction {
    /// Reads a joined line. Lines and heredoc bodies are left for the caller to fill in.
    pub(crate) fn read(text: String, escape: char, tolerant: bool) -> Result<Self, Fault> {
        let Command {
            keyword: word,
            flags,
            rest,
        } = split_command(&text, escape);
        let keyword = Keyword::find(&word).ok_or_else(|| unknown_instruction(&word))?;
        let arguments = arguments::read(keyword, &rest, escape)?;
        let flags = flag::read(keyword, flags, tolerant)?;
        if let Some(expected) = arguments::missing(keyword, &arguments) {
            return Err(Reason::Arguments {
                instruction: keyword.name(),
                expected,
            }
            .into());
        }
        let announcing = match keyword {
            Keyword::Onbuild => trigger_takes_heredocs(&rest, escape)?,
            _ => keyword.takes_heredocs() && !matches!(arguments, Arguments::Json(_)),
        };
        let heredocs = if announcing {
            heredoc::announced(&text)
        } else {
            Vec::new()
        };
        refuse_heredoc_destination(keyword, &arguments)?;
        let references = references(keyword, &flags)?;
        Ok(Self {
            keyword,
            flags,
            arguments,
            heredocs,
            references,
            text,
            first_line: 0,
            last_line: 0,
            undecoded: None,
        })
    }

    /// Returns the value of a flag that may be given once.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags
            .iter()
            .find(|flag| flag.name == name)
            .and_then(|flag| flag.value.as_deref())
    }

    /// Bytes of text that it holds.
    pub(crate) fn size(&self) -> usize {
        self.text.len() + self.heredocs.iter().map(|heredoc| heredoc.content.len()).sum::<usize>()
    }

    /// Whether a switch such as `--parents` is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.flags.iter().any(|flag| {
            flag.name == name
                && flag
                    .value
                    .as_deref()
                    .is_none_or(|value| value.eq_ignore_ascii_case("true"))
        })
    }

    /// Returns the values of a flag that may be given repeatedly, in the order written.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let flags = self.flags.iter().filter(move |flag| flag.name == name);
        flags.filter_map(|flag| flag.value.as_deref())
    }

    /// Reads the instruction that an `ONBUILD` defers; nothing for other instructions.
    ///
    /// The trigger is read as a file of its own would be: with the default escape character.
    pub(crate) fn trigger(&self, tolerant: bool) -> Option<Result<Self, Fault>> {
        let (Keyword::Onbuild, Arguments::Text(text)) = (self.keyword, &self.arguments) else {
            return None;
        };
        let bodies = self
            .heredocs
            .iter()
            .map(|heredoc| format!("\n{}{}", heredoc.content, heredoc.name));
        let source = bodies.fold(text.clone(), |source, body| source + &body);
        Some(parser::read_single(&source, tolerant))
    }
}

fn unknown_instruction(word: &str) -> Fault {
    let near = nearest(word, Keyword::ALL.iter().map(|keyword| keyword.name()));
    let shown: String = word.chars().take(64).collect();
    Fault::from(Reason::UnknownInstruction(shown)).suggest(near.map(str::to_owned))
}

/// Looks at the instruction behind `ONBUILD`: whether it may be deferred, and whether it can announce heredocs.
fn trigger_takes_heredocs(rest: &str, escape: char) -> Result<bool, Fault> {
    let inner = split_command(rest, escape);
    let Some(keyword) = Keyword::find(&inner.keyword) else {
        return Ok(false);
    };
    if matches!(keyword, Keyword::Onbuild | Keyword::Maintainer | Keyword::From) {
        return Err(Reason::ForbiddenTrigger(keyword.name().to_owned()).into());
    }
    let arguments = arguments::read(keyword, &inner.rest, escape)?;
    Ok(keyword.takes_heredocs() && !matches!(arguments, Arguments::Json(_)))
}

fn refuse_heredoc_destination(keyword: Keyword, arguments: &Arguments) -> Result<(), Fault> {
    let (Keyword::Add | Keyword::Copy, Arguments::Words(list) | Arguments::Json(list)) = (keyword, arguments) else {
        return Ok(());
    };
    match list.last().and_then(|destination| heredoc::parse(destination)) {
        Some(_) => Err(Reason::HeredocAsDestination(keyword.name()).into()),
        None => Ok(()),
    }
}

/// Collects the stages and images that flags name. Variables are refused: the frontend does not expand them here.
fn references(keyword: Keyword, flags: &[Flag]) -> Result<Vec<Reference>, Fault> {
    let values = |name: &'static str| {
        flags
            .iter()
            .filter(move |flag| flag.name == name)
            .filter_map(|flag| flag.value.as_deref())
    };
    let mut references = Vec::new();
    if keyword == Keyword::Copy {
        for name in values("from").filter(|name| !name.is_empty()) {
            if crate::expand(name, '\\', &|_| None).as_deref() != Ok(name) {
                return Err(Fault::from(Reason::VariableInSource(format!("--from={name}"))).hint(mount::ALIAS));
            }
            references.push(Reference {
                name: name.to_owned(),
                number: name.parse().ok(),
            });
        }
    }
    if keyword == Keyword::Run {
        for value in values("mount") {
            references.extend(mount::source(value)?.map(|name| Reference { name, number: None }));
        }
    }
    Ok(references)
}
