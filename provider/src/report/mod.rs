//! How an error reads: headline, causes, hint. The one place that knows hints and gRPC codes.
//!
//! The crates below say what happened; this module says it once to a person and adds what to do next.

mod codebuild;
mod image;
mod registry;

use std::error::Error;
use std::fmt::Write as _;

use tonic::Code;

use crate::untrusted::neutralise;

pub use image::content_problem;

/// An error as it is shown to a person.
#[derive(Debug, Clone)]
pub struct Report {
    /// gRPC code. `Internal`, `Unknown` and `DataLoss` are never used: they would mark the user's state as suspect.
    pub code: Code,
    /// What failed, and where.
    pub headline: String,
    /// Why, outermost cause first.
    pub causes: Vec<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Report {
    /// A report about `error` and its chain of sources.
    pub fn new(code: Code, error: &(dyn Error + 'static)) -> Self {
        let mut causes = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if causes.last() != Some(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self {
            code,
            headline: error.to_string(),
            causes,
            hint: None,
        }
    }

    /// A report of one sentence.
    pub fn say(code: Code, headline: impl Into<String>) -> Self {
        Self {
            code,
            headline: headline.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// The same report with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = self.headline.clone();
        for cause in &self.causes {
            let _ = write!(text, "\n  caused by: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        neutralise(&text)
    }

    /// Headline and causes on one line, for use inside a sentence.
    #[must_use]
    pub fn line(&self) -> String {
        let causes = self.causes.iter().map(|cause| format!(": {cause}")).collect::<String>();
        neutralise(&format!("{}{causes}", self.headline)).replace('\n', " ")
    }
}
