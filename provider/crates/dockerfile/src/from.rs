//! What build arguments decide: global variables, and the base and platform of each stage.
//!
//! Only the global scope is evaluated, because nothing else can stand in a `FROM`. A base name means an earlier stage of
//! exactly that name, else an image. Also finds the stage that a target names.

use std::collections::BTreeMap;

use crate::arguments::Arguments;
use crate::dockerfile::{Dockerfile, Stage};
use crate::error::{Fault, ParseError, Reason};
use crate::expand::expand;
use crate::nearest::nearest;
use crate::resolve::Source;

impl Dockerfile {
    pub(crate) fn find_target(&self, target: Option<&str>) -> Result<usize, ParseError> {
        let last = self.stages.len() - 1;
        let Some(target) = target.filter(|target| !target.is_empty()) else {
            return Ok(last);
        };
        if let Some(number) = self.names.get(&target.to_lowercase()) {
            return Ok(*number);
        }
        let numbered = target.parse::<usize>().ok().and_then(|number| self.stages.get(number));
        if let Some(stage) = numbered.filter(|stage| stage.name.is_some() || stage.number == last) {
            return Ok(stage.number);
        }
        if let Some(stage) = numbered {
            let action = "only a named stage can be a target: add `AS <name>` to its `FROM`";
            let fault = Fault::from(Reason::UnnamedTarget(stage.number));
            return Err(fault.hint(action).at(&self.file, stage.from.first_line));
        }
        let labels: Vec<String> = self
            .stages
            .iter()
            .take(50)
            .map(|stage| format!("`{}`", stage.label()))
            .collect();
        let near = nearest(target, self.names.keys().map(String::as_str)).map(str::to_owned);
        let fault = Fault::from(Reason::UnknownTarget {
            target: target.to_owned(),
            stages: labels.join(", "),
        });
        Err(fault.suggest(near).at(&self.file, 1))
    }

    /// Evaluates the `ARG` instructions before the first stage.
    pub(crate) fn global_variables(
        &self,
        target_name: Option<&str>,
        build_args: &BTreeMap<String, String>,
        platform: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, ParseError> {
        let mut variables = platform.clone();
        variables.insert("TARGETSTAGE".to_owned(), target_name.unwrap_or("default").to_owned());
        for (name, value) in &mut variables {
            if let Some(given) = build_args.get(name) {
                value.clone_from(given);
            }
        }
        for instruction in &self.global_args {
            let Arguments::Pairs(pairs) = &instruction.arguments else {
                continue;
            };
            for (name, default) in pairs {
                let value = match (build_args.get(name), default) {
                    (Some(given), _) => given.clone(),
                    (None, Some(default)) => self.expanded(default, &variables, instruction.first_line)?,
                    (None, None) => continue,
                };
                variables.insert(name.clone(), value);
            }
        }
        Ok(variables)
    }

    fn expanded(&self, word: &str, variables: &BTreeMap<String, String>, line: usize) -> Result<String, ParseError> {
        expand(word, self.escape(), &|name| variables.get(name).cloned()).map_err(|error| {
            Fault::from(Reason::Expansion {
                word: word.to_owned(),
                error: Box::new(error),
            })
            .at(&self.file, line)
        })
    }

    fn escape(&self) -> char {
        let directive = self.directives.iter().find(|directive| directive.name == "escape");
        directive
            .and_then(|directive| directive.value.chars().next())
            .unwrap_or('\\')
    }

    /// Expands base and platform of a stage and decides what the base means.
    pub(crate) fn base(
        &self,
        stage: &Stage,
        variables: &BTreeMap<String, String>,
    ) -> Result<(Source, Option<String>), ParseError> {
        let line = stage.from.first_line;
        let filled = |word: &str| match self.expanded(word, variables, line)? {
            text if text.is_empty() => {
                let fault = Fault::from(Reason::BlankAfterExpansion(word.to_owned()));
                Err(fault
                    .hint("declare the variable with `ARG` before the first `FROM`, or pass it")
                    .at(&self.file, line))
            }
            text => Ok(text),
        };
        let base = filled(stage.base())?;
        let platform = stage
            .from
            .flag("platform")
            .filter(|word| !word.is_empty())
            .map(filled)
            .transpose()?;
        let earlier = |name: &str| self.names.get(name).copied().filter(|number| *number < stage.number);
        let lower = base.to_lowercase();
        if let Some(number) = earlier(&base) {
            return Ok((Source::Stage(number), platform));
        }
        if earlier(&lower).is_some() {
            return Err(Fault::from(Reason::BaseDiffersInCase { base, stage: lower }).at(&self.file, line));
        }
        Ok((image_or_scratch(&base), platform))
    }
}

pub(crate) fn image_or_scratch(name: &str) -> Source {
    if name == "scratch" {
        Source::Scratch
    } else {
        Source::Image(name.to_owned())
    }
}
