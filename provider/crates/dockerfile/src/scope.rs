//! Variables: what a word expands to at one place of the file, and whether that can be known at all.
//!
//! A variable may be unknown, because only the base image or the builder sets it. Whatever such a variable flows into is
//! unknown too, with the first reason kept; nothing is guessed. [`Budget`] bounds what all expansions of one file may
//! cost together, because arguments that double each other grow fast.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::expand::{ExpandError, Style, expand_styled};
use crate::reads::Why;

/// What an analysis may still cost, in bytes kept and characters compared.
#[derive(Debug)]
pub(crate) struct Budget(Cell<usize>);

impl Budget {
    pub(crate) fn new() -> Self {
        Self(Cell::new(1 << 26))
    }

    /// Takes from the budget; false when it is used up.
    pub(crate) fn spend(&self, cost: usize) -> bool {
        let left = self.0.get();
        self.0.set(left.saturating_sub(cost));
        left >= cost
    }

    /// Takes what it costs to keep `length` bytes.
    pub(crate) fn keep(&self, length: usize) -> bool {
        self.spend(length.saturating_mul(8).saturating_add(256))
    }
}

/// The value of a variable or word.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    pub(crate) text: Arc<str>,
    /// Why `text` may be wrong.
    pub(crate) unsure: Option<Why>,
}

impl Value {
    pub(crate) fn known(text: &str) -> Self {
        Self {
            text: text.into(),
            unsure: None,
        }
    }

    pub(crate) fn unknown(why: Why) -> Self {
        Self {
            text: "".into(),
            unsure: Some(why),
        }
    }
}

/// The variables at one place of a file.
#[derive(Clone)]
pub(crate) struct Scope {
    variables: BTreeMap<String, Value>,
    /// Those that the image's config holds, as `ENV` sets them.
    config: BTreeMap<String, Value>,
    /// Whether more variables may exist than are listed here.
    open: bool,
    /// Combines the digests of all variables, whatever their order.
    digest: [u8; 32],
}

impl Scope {
    /// No variables; `open` when a base image may bring some.
    pub(crate) fn new(open: bool) -> Self {
        Self {
            variables: BTreeMap::new(),
            config: BTreeMap::new(),
            open,
            digest: [0; 32],
        }
    }

    /// Whether variables may exist that are not known here.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    pub(crate) fn len(&self) -> usize {
        self.variables.len() + self.config.len()
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.variables.get(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.toggle(name, &value);
        if let Some(old) = self.variables.insert(name.to_owned(), value) {
            self.toggle(name, &old);
        }
    }

    /// Sets a variable that also goes into the image's config.
    pub(crate) fn set_in_config(&mut self, name: &str, value: Value) {
        self.config.insert(name.to_owned(), value.clone());
        self.set(name, value);
    }

    /// Turns the variables at the end of a stage into those at the beginning of a stage built on it.
    ///
    /// Arguments are inherited, but the config of the image is applied once more, so it wins over them; and what the
    /// config of a base image holds is not known.
    pub(crate) fn inherit(&mut self) {
        let config = std::mem::take(&mut self.config);
        for (name, value) in &config {
            let same = |current: &Value| Arc::ptr_eq(&current.text, &value.text);
            if !self.get(name).is_some_and(same) {
                self.set(name, value.clone());
            }
        }
        let open = self.open;
        let arguments = self
            .variables
            .iter_mut()
            .filter(|(name, _)| !config.contains_key(*name));
        for (name, value) in arguments.filter(|_| open) {
            value.unsure.get_or_insert_with(|| Why::UnknownVariable(name.clone()));
        }
        self.config = config;
    }

    /// Forgets everything that is known: any variable may have changed.
    pub(crate) fn forget(&mut self, why: &Why) {
        self.open = true;
        for value in self.variables.values_mut().chain(self.config.values_mut()) {
            value.unsure.get_or_insert_with(|| why.clone());
        }
    }

    /// Puts a variable into the digest, or takes it out again.
    fn toggle(&mut self, name: &str, value: &Value) {
        let mut hasher = Sha256::new();
        hasher.update((name.len() as u64).to_le_bytes());
        hasher.update(name);
        hasher.update(value.text.as_bytes());
        for (byte, one) in self.digest.iter_mut().zip(hasher.finalize()) {
            *byte ^= one;
        }
    }

    /// Expands a word; the value is unsure when an unknown variable was looked at.
    pub(crate) fn evaluate(&self, word: &str, style: Style, budget: &Budget) -> Result<Value, ExpandError> {
        let unsure: RefCell<Option<Why>> = RefCell::new(None);
        let doubt = |why: &Why| {
            unsure.borrow_mut().get_or_insert_with(|| why.clone());
        };
        let lookup = |name: &str| match self.variables.get(name) {
            Some(value) => {
                value.unsure.iter().for_each(doubt);
                budget.spend(value.text.len()).then(|| value.text.to_string())
            }
            None => {
                if self.open {
                    doubt(&Why::UnknownVariable(name.to_owned()));
                }
                None
            }
        };
        let (text, cost) = expand_styled(word, style, &lookup);
        if !budget.spend(cost.saturating_add(word.len())) {
            return Err(ExpandError::TooLong);
        }
        let unsure = unsure.into_inner();
        match (text, unsure) {
            (Err(_), Some(why)) => Ok(Value::unknown(why)),
            (text, unsure) => Ok(Value {
                text: text?.into(),
                unsure,
            }),
        }
    }

    /// Expands a word whose value has to be certain.
    pub(crate) fn certain(&self, word: &str, escape: char, budget: &Budget) -> Result<String, Why> {
        let style = Style {
            escape,
            ..Style::default()
        };
        let value = self.evaluate(word, style, budget).map_err(|error| Why::CannotExpand {
            word: shortened(word),
            error: Box::new(error),
        })?;
        match value.unsure {
            Some(why) => Err(why),
            None => Ok(value.text.to_string()),
        }
    }

    /// Expands a word to be shown; variables that are not known stay as written.
    pub(crate) fn shown(&self, word: &str, style: Style, masked: &[String], budget: &Budget) -> String {
        let lookup = |name: &str| match self.variables.get(name) {
            _ if masked.iter().any(|secret| secret == name) => Some("****".to_owned()),
            Some(value) if value.unsure.is_some() => Some(format!("${name}")),
            Some(value) => budget.spend(value.text.len()).then(|| value.text.to_string()),
            None => None,
        };
        let style = Style {
            keep_unset: style.keep_unset || self.open,
            ..style
        };
        let (text, cost) = expand_styled(word, style, &lookup);
        match text {
            Ok(text) if budget.spend(cost) && budget.keep(text.len()) => text,
            _ => word.to_owned(),
        }
    }
}

/// The beginning of a word, for messages.
pub(crate) fn shortened(word: &str) -> String {
    word.chars().take(64).collect()
}
