//! What of a Dockerfile counts in the content fingerprint.
//!
//! | counts | does not count |
//! |---|---|
//! | `syntax` and `escape` directives | comments, blank lines, `check` directives |
//! | global `ARG`s, used or not | stages that the target does not reach |
//! | each instruction of the reached stages: the joined line as the frontend keeps it | how a line was continued, line ends, a byte order mark, blanks before an instruction |
//! | heredoc bodies, byte for byte | the file's name and the line numbers |
//! | to which reached stage or named context a name or number leads | |
//!
//! The last row matters because a number, unlike a name, changes its meaning when an unreached stage is inserted. A file
//! for a frontend of its own counts byte for byte, because only that frontend knows what is a comment in it.

use crate::binding::Binding;
use crate::dockerfile::Dockerfile;
use crate::instruction::Instruction;
use crate::resolve::Resolved;

/// One entry of the canonical form. Only `text` belongs in a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    /// 1-based line on which the instruction begins.
    pub line: usize,
    /// The instruction in canonical form.
    pub text: String,
}

impl Dockerfile {
    /// Every byte of the file.
    fn verbatim(&self) -> Canonical {
        let digest: String = self.digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Canonical {
            line: 1,
            text: format!("[file {digest}]"),
        }
    }
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
        if dockerfile.custom_frontend(&self.build_args).is_some() {
            entries.push(dockerfile.verbatim());
        }
        entries.extend(dockerfile.global_args.iter().map(|argument| entry(argument, "")));
        // Where the builder's platform chooses a base, any stage may be needed.
        let all = self.unsure_bases().next().is_some();
        let counting = if all {
            (0..dockerfile.stages.len()).collect()
        } else {
            self.reachable.clone()
        };
        for number in &counting {
            let stage = &dockerfile.stages[*number];
            if let Some(key) = self.replaced.get(number) {
                entries.push(entry(&stage.from, &format!("\n[context {key}]")));
                continue;
            }
            let triggers = self.triggers.get(number).into_iter().flatten();
            let inherited = triggers
                .flat_map(|trigger| &trigger.references)
                .map(|reference| self.bind(reference));
            let bindings = std::iter::once(self.bases[*number].binding.clone()).chain(inherited);
            entries.push(entry(&stage.from, &leads_to(&counting, bindings)));
            for instruction in &stage.instructions {
                let bindings = instruction.references.iter().map(|reference| self.bind(reference));
                entries.push(entry(instruction, &leads_to(&counting, bindings)));
            }
        }
        entries
    }
}

/// Writes down to which counting stages and contexts an instruction refers; empty when it refers to none.
fn leads_to(counting: &[usize], bindings: impl Iterator<Item = Binding>) -> String {
    let positions: Vec<String> = bindings
        .map(|binding| match binding {
            Binding::Stage(number) => counting.binary_search(&number).unwrap_or(number).to_string(),
            Binding::Context(key) => format!("context:{key}"),
            Binding::Image(_) | Binding::Scratch => "-".to_owned(),
        })
        .collect();
    if positions.iter().all(|position| position == "-") {
        return String::new();
    }
    format!("\n[stages {}]", positions.join(" "))
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
