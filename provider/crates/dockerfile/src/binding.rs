//! What a name means: a stage of the file, a named context, an image, or an empty file system.
//!
//! Stages go before images, and a named context replaces a stage or image of its name. Named contexts are looked up as
//! the frontend does it: by the short form of the name, and never for `scratch` and `context`.

use std::collections::BTreeMap;

use crate::dockerfile::Dockerfile;
use crate::instruction::Reference;
use crate::reference::context_key;

/// A build context with a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory on this machine.
    Directory,
    /// The image with this reference.
    Image(String),
}

/// What a name turned out to mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Binding {
    Stage(usize),
    Image(String),
    Scratch,
    /// The named context with this key.
    Context(String),
}

/// The named contexts of a build, by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Contexts(BTreeMap<String, NamedContext>);

impl Contexts {
    pub(crate) fn new(contexts: &BTreeMap<String, NamedContext>) -> Self {
        Self(contexts.clone())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&NamedContext> {
        self.0.get(key)
    }

    pub(crate) fn directories(&self) -> impl Iterator<Item = &String> {
        let directories = self.0.iter().filter(|(_, kind)| **kind == NamedContext::Directory);
        directories.map(|(key, _)| key)
    }

    /// The key of the context that replaces a stage or image of this name.
    pub(crate) fn replacing(&self, name: &str) -> Option<String> {
        if self.0.is_empty()
            || ["scratch", "context"]
                .iter()
                .any(|word| name.eq_ignore_ascii_case(word))
        {
            return None;
        }
        let key = context_key(name);
        self.0.contains_key(&key).then_some(key)
    }

    /// What a name means that is not the name of a stage.
    pub(crate) fn image(&self, name: &str) -> Binding {
        match self.replacing(name) {
            Some(key) => Binding::Context(key),
            None if name == "scratch" => Binding::Scratch,
            None => Binding::Image(name.to_owned()),
        }
    }
}

impl Dockerfile {
    /// Decides what `COPY --from` or `--mount=from=` means; a replaced stage still counts as that stage.
    pub(crate) fn bind(&self, reference: &Reference, contexts: &Contexts) -> Binding {
        let numbered = reference.number.and_then(|number| usize::try_from(number).ok());
        match numbered.or_else(|| self.names.get(&reference.name.to_lowercase()).copied()) {
            Some(stage) => Binding::Stage(stage),
            None => contexts.image(&reference.name),
        }
    }
}
