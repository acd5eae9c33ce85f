//! From bytes to instructions: physical lines, directives, continuations, comments and heredoc bodies.
//!
//! The rules are the frontend's. Comment lines and blank lines inside a continued line vanish; a line continues when
//! it ends in one escape character (two mean a literal one), trailing blanks ignored; blanks at the beginning of a
//! continued line stay. A byte order mark and carriage returns at line ends are dropped, except in heredoc bodies.
//! What the instructions mean together (stages, names) is not decided here.

use crate::directive::{Directive, DirectiveReader, escape_character, syntax_of};
use crate::error::{Fault, ParseError, Reason};
use crate::heredoc::Heredoc;
use crate::instruction::Instruction;

/// Longest physical line in bytes, without its line feed.
const MAX_LINE: usize = 65_535;

/// Everything that was read from a file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) directives: Vec<Directive>,
    pub(crate) instructions: Vec<Instruction>,
}

/// Reads a whole file.
pub(crate) fn read(file: &str, bytes: &[u8]) -> Result<Parsed, ParseError> {
    read_lines(file, bytes, syntax_of(bytes).is_some())
}

/// Reads a text that has to be exactly one instruction, such as an `ONBUILD` trigger.
pub(crate) fn read_single(text: &str, tolerant: bool) -> Result<Instruction, Fault> {
    let parsed = read_lines("", text.as_bytes(), tolerant).map_err(|error| Fault {
        reason: error.reason,
        hint: error.hint,
    })?;
    let mut instructions = parsed.instructions.into_iter();
    match (instructions.next(), instructions.next()) {
        (Some(single), None) => Ok(single),
        _ => Err(Reason::NoInstruction.into()),
    }
}

fn read_lines(file: &str, bytes: &[u8], tolerant: bool) -> Result<Parsed, ParseError> {
    let text = String::from_utf8_lossy(bytes);
    let exact = matches!(text, std::borrow::Cow::Borrowed(_));
    let mut reader = Reader {
        file,
        lines: text
            .strip_prefix('\u{feff}')
            .unwrap_or(&text)
            .split_inclusive('\n')
            .collect(),
        raw: bytes.split(|byte| *byte == b'\n').collect(),
        exact,
        tolerant,
        at: 0,
        escape: '\\',
        directives: DirectiveReader::default(),
    };
    let mut instructions = Vec::new();
    while let Some(line) = reader.next_line()? {
        instructions.extend(reader.instruction(line)?);
    }
    if instructions.is_empty() {
        return Err(Fault::from(Reason::NoInstruction).at(file, reader.at.max(1)));
    }
    Ok(Parsed {
        directives: reader.directives.into_found(),
        instructions,
    })
}

struct Reader<'a> {
    file: &'a str,
    /// Decoded lines with their line ends.
    lines: Vec<&'a str>,
    /// The same lines before decoding, without line feeds.
    raw: Vec<&'a [u8]>,
    /// Whether decoding changed nothing.
    exact: bool,
    tolerant: bool,
    /// Number of lines read, hence also the 1-based number of the line read last.
    at: usize,
    escape: char,
    directives: DirectiveReader,
}

impl<'a> Reader<'a> {
    fn next_line(&mut self) -> Result<Option<&'a str>, ParseError> {
        let Some(line) = self.lines.get(self.at) else {
            return Ok(None);
        };
        self.at += 1;
        if self.raw[self.at - 1].len() > MAX_LINE {
            return Err(Fault::from(Reason::LineTooLong { limit: MAX_LINE }).at(self.file, self.at));
        }
        Ok(Some(line))
    }

    /// Reads the instruction that begins with `line`, if one does.
    fn instruction(&mut self, line: &str) -> Result<Option<Instruction>, ParseError> {
        let first = self.at;
        let text = without_line_end(line).trim_start();
        self.directive(text).map_err(|fault| fault.at(self.file, first))?;
        if is_comment(text) {
            return Ok(None);
        }
        let Some(joined) = self.join(text)? else {
            return Ok(None);
        };
        let mut instruction =
            Instruction::read(joined, self.escape, self.tolerant).map_err(|fault| fault.at(self.file, first))?;
        for heredoc in &mut instruction.heredocs {
            heredoc.content = self.body(heredoc, first)?;
        }
        instruction.first_line = first;
        instruction.last_line = self.at;
        instruction.undecoded = self.undecoded(first);
        Ok(Some(instruction))
    }

    fn directive(&mut self, text: &str) -> Result<(), Fault> {
        if let Some(directive) = self.directives.read(text, "#", self.at)?
            && directive.name == "escape"
        {
            self.escape = escape_character(&directive.value)?;
        }
        Ok(())
    }

    /// Joins a line with the lines that continue it; nothing for a blank line. What is joined begins with the instruction,
    /// also where blanks and the escape character are all that the first line has.
    fn join(&mut self, first: &str) -> Result<Option<String>, ParseError> {
        let (part, mut continues) = self.cut_continuation(first);
        if part.is_empty() && !continues {
            return Ok(None);
        }
        let mut joined = part.to_owned();
        while continues {
            let Some(line) = self.next_line()?.map(without_line_end) else {
                break;
            };
            if is_comment(line) || line.trim().is_empty() {
                continue;
            }
            let (part, more) = self.cut_continuation(line);
            joined.push_str(part);
            continues = more;
        }
        Ok(Some(joined.trim_start().to_owned()))
    }

    /// Takes a trailing escape character off, and says whether there was one.
    fn cut_continuation<'l>(&self, line: &'l str) -> (&'l str, bool) {
        match line.trim_end_matches([' ', '\t']).strip_suffix(self.escape) {
            Some(rest) if !rest.ends_with(self.escape) => (rest, true),
            _ => (line, false),
        }
    }

    /// Reads the body of a heredoc, up to the line that ends it.
    fn body(&mut self, heredoc: &Heredoc, first: usize) -> Result<String, ParseError> {
        let mut body = String::new();
        while let Some(line) = self.next_line()? {
            let candidate = without_line_end(line);
            let candidate = if heredoc.chomp {
                candidate.trim_start_matches('\t')
            } else {
                candidate
            };
            if candidate == heredoc.name {
                return Ok(body);
            }
            body.push_str(line);
        }
        Err(Fault::from(Reason::UnterminatedHeredoc(heredoc.name.clone())).at(self.file, first))
    }

    /// The exact bytes of the lines since `first`, when decoding lost some of them.
    fn undecoded(&self, first: usize) -> Option<String> {
        let lines = &self.raw[first - 1..self.at];
        if self.exact || lines.iter().all(|line| std::str::from_utf8(line).is_ok()) {
            return None;
        }
        Some(
            lines
                .iter()
                .flat_map(|line| line.iter())
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

fn without_line_end(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}
