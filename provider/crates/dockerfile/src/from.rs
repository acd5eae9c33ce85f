//! What build arguments decide: global variables, and the base and platform of each stage.
//!
//! Only the global scope is evaluated, because nothing else can stand in a `FROM`. A base name means an earlier stage of
//! exactly that name, else an image. Also finds the stage that a target names.

use crate::arguments::Arguments;
use crate::binding::{Binding, Contexts};
use crate::dockerfile::{Dockerfile, Stage};
use crate::error::{Fault, ParseError, Reason};
use crate::expand::{ExpandError, Style};
use crate::nearest::nearest;
use crate::predefined::depends_on_builder;
use crate::reads::Why;
use crate::resolve::ResolveRequest;
use crate::scope::{Budget, Scope, Value};

/// The base of a stage.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) binding: Binding,
    /// What `--platform` asks for.
    pub(crate) platform: Option<String>,
    /// Why the base may be another one.
    pub(crate) unsure: Option<Why>,
}

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
        request: &ResolveRequest<'_>,
        budget: &Budget,
    ) -> Result<Scope, ParseError> {
        let mut scope = Scope::new(false);
        let target = ("TARGETSTAGE", target_name.unwrap_or("default"));
        let predefined = request
            .platform
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        for (name, value) in predefined.chain([target]) {
            let value = match request.build_args.get(name) {
                Some(given) => Value::known(given),
                None => Value {
                    text: value.into(),
                    unsure: depends_on_builder(name).then(|| Why::BuilderVariable(name.to_owned())),
                },
            };
            scope.set(name, value);
        }
        for instruction in &self.global_args {
            let Arguments::Pairs(pairs) = &instruction.arguments else {
                continue;
            };
            for (name, default) in pairs {
                let value = match (request.build_args.get(name), default) {
                    (Some(given), _) => Value::known(given),
                    (None, Some(default)) => self.evaluated(default, &scope, instruction.first_line, budget)?,
                    (None, None) => continue,
                };
                scope.set(name, value);
            }
        }
        Ok(scope)
    }

    fn evaluated(&self, word: &str, scope: &Scope, line: usize, budget: &Budget) -> Result<Value, ParseError> {
        let style = Style {
            escape: self.escape(),
            ..Style::default()
        };
        let value = scope.evaluate(word, style, budget).and_then(|value| {
            let fits = budget.keep(value.text.len());
            if fits { Ok(value) } else { Err(ExpandError::TooLong) }
        });
        value.map_err(|error| {
            Fault::from(Reason::Expansion {
                word: word.to_owned(),
                error: Box::new(error),
            })
            .at(&self.file, line)
        })
    }

    pub(crate) fn escape(&self) -> char {
        let directive = self.directives.iter().find(|directive| directive.name == "escape");
        directive
            .and_then(|directive| directive.value.chars().next())
            .unwrap_or('\\')
    }

    /// Expands base and platform of a stage and decides what the base means.
    pub(crate) fn base(
        &self,
        stage: &Stage,
        variables: &Scope,
        contexts: &Contexts,
        budget: &Budget,
    ) -> Result<Base, ParseError> {
        let line = stage.from.first_line;
        let filled = |word: &str| {
            let value = self.evaluated(word, variables, line, budget)?;
            if value.text.is_empty() {
                let fault = Fault::from(Reason::BlankAfterExpansion(word.to_owned()));
                return Err(fault
                    .hint("declare the variable with `ARG` before the first `FROM`, or pass it")
                    .at(&self.file, line));
            }
            Ok(value)
        };
        let base = filled(stage.base())?;
        let platform = stage.from.flag("platform").filter(|word| !word.is_empty());
        let platform = platform.map(filled).transpose()?;
        Ok(Base {
            binding: self.base_binding(&base.text, stage, contexts)?,
            platform: platform.map(|platform| platform.text.to_string()),
            unsure: base.unsure,
        })
    }

    /// Decides what the name of a base means: an earlier stage of exactly that name, else an image.
    fn base_binding(&self, base: &str, stage: &Stage, contexts: &Contexts) -> Result<Binding, ParseError> {
        let earlier = |name: &str| self.names.get(name).copied().filter(|number| *number < stage.number);
        let lower = base.to_lowercase();
        if let Some(number) = earlier(base) {
            return Ok(Binding::Stage(number));
        }
        if earlier(&lower).is_some() {
            let base = base.to_owned();
            let fault = Fault::from(Reason::BaseDiffersInCase { base, stage: lower });
            return Err(fault.at(&self.file, stage.from.first_line));
        }
        Ok(contexts.image(base))
    }
}
