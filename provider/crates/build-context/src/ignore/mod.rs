//! `.dockerignore`: which paths of a context a build does not see.
//!
//! Follows BuildKit's walk, whose results differ from those of asking about each path alone: whether a pattern matched
//! a directory is carried down to what the directory holds, and a negated pattern is tried only where something was
//! excluded before it. Patterns that the daemon reads as a regular expression of another kind than the documented
//! grammar are not guessed at: they exclude nothing, or re-include everything, and give a warning.
//!
//! Refuses gitignore's rules: every pattern is anchored at the root of the context.

mod glob;
mod lines;
mod pattern;
mod program;
mod syntax;

use crate::error::ContextError;
use crate::snapshot::Warning;
use pattern::Pattern;

/// The patterns of one ignore file.
#[derive(Debug, Clone)]
pub struct IgnoreRules {
    file: String,
    patterns: Vec<Pattern>,
    negations: bool,
}

/// What the rules say about one path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict {
    /// Whether the path is excluded.
    pub(crate) excluded: bool,
    matched: MatchedPatterns,
}

impl IgnoreRules {
    /// Rules that exclude nothing.
    #[must_use]
    pub fn none() -> Self {
        Self {
            file: String::new(),
            patterns: Vec::new(),
            negations: false,
        }
    }

    /// Reads an ignore file; `file_name` is for messages only.
    ///
    /// # Errors
    /// [`ContextError::IgnorePattern`] for the first line that BuildKit refuses as soon as it reads it. A pattern that
    /// BuildKit refuses only where it is tried gives the same error from [`walk`](crate::walk).
    pub fn parse(file_name: &str, bytes: &[u8]) -> Result<Self, ContextError> {
        let file = file_name.to_owned();
        let invalid = |invalid: lines::InvalidLine| {
            let lines::InvalidLine { line, pattern, reason } = invalid;
            ContextError::IgnorePattern {
                file: file.clone(),
                line,
                pattern,
                reason,
            }
        };
        let patterns = lines::patterns(bytes).map_err(invalid)?;
        let negations = patterns.iter().any(|pattern| pattern.negated);
        Ok(Self {
            file,
            patterns,
            negations,
        })
    }

    /// Whether a file at `path` would be left out of the context. Looks at its parent directories as a walk does.
    ///
    /// # Errors
    /// [`ContextError::IgnorePattern`] if a pattern that had to be tried is invalid.
    pub fn excludes(&self, path: &str) -> Result<bool, ContextError> {
        let path = path.as_bytes();
        let ends = (0..=path.len()).filter(|at| path.get(*at).is_none_or(|byte| *byte == b'/'));
        let mut parent: Option<(&[u8], Verdict)> = None;
        for end in ends {
            if parent
                .as_ref()
                .is_some_and(|(above, verdict)| verdict.excluded && !self.may_include_below(above))
            {
                return Ok(true);
            }
            let verdict = self.judge(&path[..end], parent.as_ref().map(|(_, verdict)| verdict))?;
            parent = Some((&path[..end], verdict));
        }
        Ok(parent.is_some_and(|(_, verdict)| verdict.excluded))
    }

    /// Decides about `path`; `parent` is the verdict on its directory, none for names in the root.
    pub(crate) fn judge(&self, path: &[u8], parent: Option<&Verdict>) -> Result<Verdict, ContextError> {
        let mut verdict = Verdict::default();
        for (at, pattern) in self.patterns.iter().enumerate() {
            if !parent.is_some_and(|parent| parent.matched.contains(at)) {
                if pattern.negated != verdict.excluded {
                    continue;
                }
                if !pattern.matches(path).map_err(|reason| self.invalid(pattern, reason))? {
                    continue;
                }
            }
            verdict.matched.insert(at);
            verdict.excluded = !pattern.negated;
        }
        Ok(verdict)
    }

    /// Whether something below the excluded directory `path` may be included again, so that it must be walked.
    pub(crate) fn may_include_below(&self, path: &[u8]) -> bool {
        let negated = || self.patterns.iter().filter(|pattern| pattern.negated);
        self.negations
            && (negated().any(|pattern| pattern.fixed_part().is_none())
                || negated().filter_map(Pattern::fixed_part).any(|fixed| {
                    fixed
                        .strip_prefix(path)
                        .is_some_and(|rest| rest.first() == Some(&b'/') || rest.is_empty())
                }))
    }

    /// One warning for each pattern that is not understood.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let unknown = self.patterns.iter().filter(|pattern| pattern.is_not_modelled());
        let warning = |pattern: &Pattern| Warning::PatternNotModelled {
            file: self.file.clone(),
            line: pattern.line,
            pattern: pattern.text.clone(),
        };
        unknown.map(warning).collect()
    }

    fn invalid(&self, pattern: &Pattern, reason: &'static str) -> ContextError {
        let (file, line, pattern) = (self.file.clone(), pattern.line, pattern.text.clone());
        ContextError::IgnorePattern {
            file,
            line,
            pattern,
            reason,
        }
    }
}

/// The patterns that matched a path or a directory above it. Empty, and without memory, for most paths.
#[derive(Debug, Clone, Default)]
struct MatchedPatterns(Vec<u64>);

impl MatchedPatterns {
    fn contains(&self, at: usize) -> bool {
        self.0.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    fn insert(&mut self, at: usize) {
        if self.0.len() <= at / 64 {
            self.0.resize(at / 64 + 1, 0);
        }
        self.0[at / 64] |= 1 << (at % 64);
    }
}
