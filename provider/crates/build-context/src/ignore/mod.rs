//! `.dockerignore`: which paths of a context a build does not see.
//!
//! Follows BuildKit's walk, whose results differ from those of asking about each path alone: whether a pattern matched
//! a directory is carried down to what the directory holds, and a negated pattern is tried only where something was
//! excluded before it. Patterns that the daemon reads as a regular expression of another kind than the documented
//! grammar are not guessed at: they exclude nothing, or re-include everything, and give a warning. Beside a negated pattern
//! nothing is excluded then, because an exclusion too few can make the daemon re-include more.
//!
//! Refuses gitignore's rules: every pattern is anchored at the root of the context.

mod glob;
mod lines;
mod pattern;
mod program;
mod syntax;
mod wildcards;

use crate::error::ContextError;
use crate::snapshot::Warning;
use pattern::Pattern;
pub(crate) use wildcards::Wildcards;

/// The patterns of one ignore file.
#[derive(Debug, Clone)]
pub struct IgnoreRules {
    file: String,
    patterns: Vec<Pattern>,
    negations: bool,
    source: Option<Vec<u8>>,
    /// A pattern is not understood, and others re-include: nobody can say what those are tried on.
    undecidable: bool,
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
        Self::new(String::new(), Vec::new())
    }

    fn new(file: String, patterns: Vec<Pattern>) -> Self {
        let negations = patterns.iter().any(|pattern| pattern.negated);
        Self {
            undecidable: negations && patterns.iter().any(Pattern::is_not_modelled),
            file,
            patterns,
            negations,
            source: None,
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
        Ok(Self {
            source: Some(bytes.to_vec()),
            ..Self::new(file, patterns)
        })
    }

    /// The rules of `COPY --exclude`, which are not read from a file; none if they exclude nothing, or the daemon refuses
    /// one of them.
    pub(crate) fn of_excludes(excludes: &[String]) -> Option<Self> {
        let patterns: Result<Vec<_>, _> = excludes.iter().map(|text| lines::exclude(text)).collect();
        let patterns: Vec<Pattern> = patterns.ok()?.into_iter().flatten().collect();
        (!patterns.is_empty()).then(|| Self::new(String::new(), patterns))
    }

    /// The name of the ignore file, as it stands in messages; empty if there is none.
    #[must_use]
    pub fn file_name(&self) -> &str {
        &self.file
    }

    /// The pattern that decided, with its line; none if no pattern matched.
    pub(crate) fn decisive(&self, verdict: &Verdict) -> Option<(String, usize)> {
        let at = (0..self.patterns.len())
            .rev()
            .find(|at| verdict.matched.contains(*at))?;
        let pattern = &self.patterns[at];
        let sign = if pattern.negated { "!" } else { "" };
        Some((format!("{sign}{}", pattern.text), pattern.line))
    }

    /// Whether any rule includes again what others exclude.
    pub(crate) fn may_include_again(&self) -> bool {
        self.negations
    }

    /// The bytes of the ignore file; none without one.
    #[must_use]
    pub fn source(&self) -> Option<&[u8]> {
        self.source.as_deref()
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
        if self.undecidable {
            return Ok(verdict);
        }
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
