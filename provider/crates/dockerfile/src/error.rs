//! What can be wrong with a Dockerfile, and where.
//!
//! A [`ParseError`] is one finding: file, line, [`Reason`] and an optional hint. Reasons are named by what is wrong in
//! the Dockerfile, never by the function that noticed it. Inside the crate a [`Fault`] travels without a place; the
//! parser, which knows the line, turns it into a [`ParseError`]. Nothing here prints or decides what to do next.

use crate::expand::ExpandError;

/// Says what is wrong with a Dockerfile and on which line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}:{line}`: {reason}")]
pub struct ParseError {
    /// Name of the file as it was given to [`Dockerfile::parse`](crate::Dockerfile::parse).
    pub file: String,
    /// 1-based line on which the faulty instruction begins.
    pub line: usize,
    /// What is wrong.
    pub reason: Reason,
    /// One sentence about what to do, when there is something better to say than the reason itself.
    pub hint: Option<String>,
}

impl ParseError {
    /// Answers whether the requested target stage does not exist or cannot be requested, as opposed to a fault of the file itself.
    #[must_use]
    pub fn is_unknown_target(&self) -> bool {
        matches!(self.reason, Reason::UnknownTarget { .. } | Reason::UnnamedTarget(_))
    }
}

/// The ways in which a Dockerfile can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The file holds no instruction at all.
    #[error("no instruction found")]
    NoInstruction,
    /// There are instructions, but none of them begins a stage.
    #[error("no `FROM` found, expected at least one stage")]
    NoStage,
    /// An instruction that needs a stage stands before the first `FROM`.
    #[error("`{0}` before the first `FROM`, expected `ARG` or `FROM`")]
    BeforeFirstStage(&'static str),
    /// A line is longer than the frontend reads.
    #[error("line longer than {limit} bytes")]
    LineTooLong {
        /// Longest accepted line in bytes, without its line end.
        limit: usize,
    },
    /// The `escape` directive names something else than backslash or backtick.
    #[error("escape directive `{0}`, expected ` or \\")]
    InvalidEscape(String),
    /// A directive is written twice.
    #[error("second `{0}` directive, expected at most one")]
    RepeatedDirective(String),
    /// The first word of a line is not an instruction.
    #[error("unknown instruction `{0}`")]
    UnknownInstruction(String),
    /// The arguments do not have the form that the instruction needs.
    #[error("`{instruction}` expects {expected}")]
    Arguments {
        /// Keyword in upper case.
        instruction: &'static str,
        /// What the instruction accepts.
        expected: &'static str,
    },
    /// A word of `ENV` or `LABEL` has no equals sign.
    #[error("`{word}` has no `=`, expected name=value in `{instruction}`")]
    NoEqualsSign {
        /// Keyword in upper case.
        instruction: &'static str,
        /// The word as written.
        word: String,
    },
    /// A JSON array has an element that is not a string.
    #[error("JSON array with an element that is not a string")]
    JsonNotStrings,
    /// The instruction does not know the flag.
    #[error("unknown flag `--{flag}` of `{instruction}`")]
    UnknownFlag {
        /// Keyword in upper case.
        instruction: &'static str,
        /// Name of the flag, without dashes.
        flag: String,
    },
    /// A flag that is allowed once is given twice.
    #[error("second flag `--{0}`, expected at most one")]
    RepeatedFlag(String),
    /// A flag lacks its value, or its value has the wrong form.
    #[error("flag `--{flag}` expects {expected}")]
    FlagValue {
        /// Name of the flag, without dashes.
        flag: String,
        /// What the flag accepts.
        expected: &'static str,
    },
    /// A heredoc has no line that ends it.
    #[error("heredoc `{0}` has no end, expected a line that holds nothing but `{0}`")]
    UnterminatedHeredoc(String),
    /// The destination of `COPY` or `ADD` is a heredoc.
    #[error("heredoc as the destination of `{0}`, expected a path")]
    HeredocAsDestination(&'static str),
    /// `ONBUILD` with an instruction that cannot be deferred.
    #[error("`{0}` as an `ONBUILD` trigger")]
    ForbiddenTrigger(String),
    /// A stage name breaks the naming rule.
    #[error("invalid stage name `{0}`, expected a letter followed by letters, digits, `-`, `_` or `.`")]
    InvalidStageName(String),
    /// Two stages have the same name.
    #[error("second stage named `{name}`, the first begins on line {first}")]
    RepeatedStageName {
        /// The name in lower case.
        name: String,
        /// Line of the first stage of that name.
        first: usize,
    },
    /// A word cannot be expanded.
    #[error("`{word}` cannot be expanded: {error}")]
    Expansion {
        /// The word as written.
        word: String,
        /// What is wrong with it.
        error: Box<ExpandError>,
    },
    /// The base image or platform of a stage expands to nothing.
    #[error("`{0}` expands to nothing")]
    BlankAfterExpansion(String),
    /// The base of a stage equals the name of an earlier stage but for upper case letters.
    #[error("base `{base}` differs from stage `{stage}` in case, and base names are compared exactly")]
    BaseDiffersInCase {
        /// The base as written.
        base: String,
        /// The stage that is probably meant.
        stage: String,
    },
    /// A variable stands where the frontend does not expand variables.
    #[error("variable in `{0}`, which is not expanded")]
    VariableInSource(String),
    /// `COPY --from` has a number that is not the number of a stage.
    #[error("no stage number {number}, expected 0 to {last}")]
    NoSuchStageNumber {
        /// The number as written.
        number: i64,
        /// Number of the last stage.
        last: usize,
    },
    /// A stage reads from itself or from a later stage.
    #[error("stage `{0}` is not finished here, expected an earlier stage")]
    LaterStage(String),
    /// Stages inherit so many `ONBUILD` triggers that they are not all read.
    #[error("too many inherited `ONBUILD` triggers")]
    TooManyTriggers,
    /// The requested target is not a stage of this file.
    #[error("no stage `{target}`, the stages are {stages}")]
    UnknownTarget {
        /// The target as requested.
        target: String,
        /// Names (or numbers) of all stages.
        stages: String,
    },
    /// The requested target is a stage that the frontend cannot be asked for.
    #[error("stage {0} has no name")]
    UnnamedTarget(usize),
}

/// A [`Reason`] that does not know its place yet.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) reason: Reason,
    pub(crate) hint: Option<String>,
}

impl Fault {
    /// Adds the place and makes it an error that can be shown.
    pub(crate) fn at(self, file: &str, line: usize) -> ParseError {
        ParseError {
            file: file.to_owned(),
            line,
            reason: self.reason,
            hint: self.hint,
        }
    }

    /// Adds the next action.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds "did you mean", when there is a near word.
    pub(crate) fn suggest(self, near: Option<String>) -> Self {
        match near {
            Some(word) => self.hint(format!("did you mean `{word}`?")),
            None => self,
        }
    }
}

impl From<Reason> for Fault {
    fn from(reason: Reason) -> Self {
        Self { reason, hint: None }
    }
}
