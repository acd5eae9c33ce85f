//! What of a Dockerfile counts in the content fingerprint.
//!
//! | counts | does not count |
//! |---|---|
//! | `syntax` and `escape` directives | comments, blank lines, `check` directives |
//! | global `ARG`s, used or not | stages that the target does not reach |
//! | each instruction of the reached stages: the joined line as the frontend keeps it | how a line was continued, line ends, a byte order mark, blanks before an instruction |
//! | heredoc bodies, byte for byte | the file's name and the line numbers |
//! | to which reached stage a name or number leads | |
//!
//! The last row matters because a number, unlike a name, changes its meaning when an unreached stage is inserted.

use crate::instruction::Instruction;
use crate::resolve::{Resolved, Source};

/// One entry of the canonical form. Only `text` belongs in a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// 1-based line on which the instruction begins.
    pub line: usize,
    /// The instruction in canonical form.
    pub text: String,
}

impl Resolved<'_> {
    /// Returns the canonical form of everything that the target needs, in the order written.
    ///
    /// Two files whose lists hold equal texts mean the same to BuildKit, given equal build arguments and platforms.
    #[must_use]
    pub fn canonical_instructions(&self) -> Vec<Canonical> {
        let dockerfile = self.dockerfile;
        let directives = dockerfile
            .directives
            .iter()
            .filter(|directive| directive.name == "escape");
        let mut entries: Vec<Canonical> = dockerfile
            .syntax
            .iter()
            .chain(directives)
            .map(|directive| Canonical {
                line: directive.line,
                text: format!("# {}={}", directive.name, directive.value),
            })
            .collect();
        entries.extend(dockerfile.global_args.iter().map(|argument| entry(argument, "")));
        for stage in self.reachable() {
            let triggers = self.triggers.get(&stage.number).into_iter().flatten();
            let inherited = triggers
                .flat_map(|trigger| &trigger.references)
                .map(|reference| self.bind(reference));
            let sources = std::iter::once(self.base(stage.number).clone()).chain(inherited);
            entries.push(entry(&stage.from, &self.leads_to(sources)));
            for instruction in &stage.instructions {
                let sources = instruction.references.iter().map(|reference| self.bind(reference));
                entries.push(entry(instruction, &self.leads_to(sources)));
            }
        }
        entries
    }

    /// Writes down to which reached stages an instruction refers; empty when it refers to none.
    fn leads_to(&self, sources: impl Iterator<Item = Source>) -> String {
        let positions: Vec<String> = sources
            .map(|source| match source {
                Source::Stage(number) => self.reachable.binary_search(&number).unwrap_or(number).to_string(),
                Source::Image(_) | Source::Scratch => "-".to_owned(),
            })
            .collect();
        if positions.iter().all(|position| position == "-") {
            return String::new();
        }
        format!("\n[stages {}]", positions.join(" "))
    }
}

/// The joined line, then each heredoc with the name that ends it, then what the names lead to.
fn entry(instruction: &Instruction, leads_to: &str) -> Canonical {
    let mut text = instruction.text.clone();
    for heredoc in &instruction.heredocs {
        text.extend(["\n", &heredoc.content, &heredoc.name]);
    }
    text.push_str(leads_to);
    if let Some(bytes) = &instruction.undecoded {
        text.extend(["\n[bytes ", bytes, "]"]);
    }
    Canonical {
        line: instruction.first_line,
        text,
    }
}
