//! What one stage carries from instruction to instruction, and how its steps are numbered.
//!
//! A stage built on another one begins where that one ends: with its variables (arguments included), its directory,
//! user and shell. The numbers are those that BuildKit prints, also where it counts more steps than it runs.

use crate::keyword::Keyword;
use crate::scope::Scope;

/// The state of a stage behind an instruction.
#[derive(Clone)]
pub(crate) struct StageState {
    pub(crate) number: usize,
    pub(crate) scope: Scope,
    /// Working directory; empty while only the base image knows it.
    pub(crate) workdir: String,
    pub(crate) user: String,
    pub(crate) shell: String,
    /// The step that ran last.
    pub(crate) last: Option<usize>,
    /// The named context that the stage is, as long as that is a directory with nothing on top.
    pub(crate) context: Option<String>,
    /// Whether the target needs the stage; the builder looks at others in vain.
    pub(crate) live: bool,
}

impl StageState {
    /// A stage that starts from an image, or without one when its scope is closed.
    pub(crate) fn new(number: usize, live: bool, scope: Scope) -> Self {
        Self {
            number,
            workdir: if scope.is_open() { String::new() } else { "/".to_owned() },
            scope,
            user: String::new(),
            shell: String::new(),
            last: None,
            context: None,
            live,
        }
    }
}

/// Numbers the steps of a stage.
pub(crate) struct Numbering {
    /// Stage name with a blank, or nothing when the file has one stage only.
    prefix: String,
    index: usize,
    total: usize,
    /// Whether the current instruction is an inherited trigger.
    pub(crate) trigger: bool,
}

impl Numbering {
    pub(crate) fn new(name: Option<String>, total: usize) -> Self {
        Self {
            prefix: name.map(|name| name + " ").unwrap_or_default(),
            index: 0,
            total,
            trigger: false,
        }
    }

    /// Whether an instruction counts in the total.
    pub(crate) fn counts(keyword: Keyword) -> bool {
        matches!(keyword, Keyword::Add | Keyword::Copy | Keyword::Run | Keyword::Workdir)
    }

    /// The label of the next step.
    pub(crate) fn next(&mut self, text: &str) -> String {
        self.index += 1;
        let width = self.total.to_string().len();
        let (prefix, index, total) = (&self.prefix, self.index, self.total);
        let trigger = if self.trigger { "ONBUILD " } else { "" };
        format!("[{prefix}{index:>width$}/{total}] {trigger}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::Numbering;

    #[test]
    fn numbers_are_as_wide_as_the_total() {
        let mut numbering = Numbering::new(Some("build".to_owned()), 12);
        assert_eq!(numbering.next("RUN a"), "[build  1/12] RUN a");
        assert_eq!(Numbering::new(None, 1).next("RUN a"), "[1/1] RUN a");
    }
}
