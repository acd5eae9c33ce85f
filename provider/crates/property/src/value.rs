//! The property value: JSON's kinds, and the ones that Pulumi adds to them.
//!
//! Refuses to show secrets: `Debug` prints a placeholder for them. Assets, archives and resource references are carried
//! unread, so that they survive a round trip; decoding refuses them. Follows the value kinds of Pulumi's engine.

use std::{collections::BTreeMap, fmt};

/// A bag of named properties, in the order of their names.
pub type PropertyMap = BTreeMap<String, PropertyValue>;

/// One property value.
#[derive(Clone, PartialEq)]
pub enum PropertyValue {
    /// JSON's null. Most readers treat it as absent.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number. Integers above 2^53 lose digits.
    Number(f64),
    /// A text.
    String(String),
    /// A list.
    List(Vec<PropertyValue>),
    /// Named values.
    Object(PropertyMap),
    /// A value that will be known only when the program really runs.
    Unknown,
    /// A value that must not be shown or stored in plaintext.
    Secret(Box<PropertyValue>),
    /// A value with its origin.
    Output {
        /// The value; `None` when it is unknown.
        value: Option<Box<PropertyValue>>,
        /// True when the value is secret.
        secret: bool,
        /// URNs of the resources that it depends on.
        dependencies: Vec<String>,
    },
    /// A value of a kind that this crate only passes on, with its fields.
    Opaque(OpaqueKind, PropertyMap),
}

/// Kinds of values that are passed on unread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpaqueKind {
    /// A file, text or download.
    Asset,
    /// A directory or an archive file.
    Archive,
    /// A reference to another resource.
    ResourceReference,
}

impl PropertyValue {
    /// Marks a value as secret.
    pub fn secret(value: impl Into<PropertyValue>) -> Self {
        Self::Secret(Box::new(value.into()))
    }

    /// The value below all secret and output wrappers, and whether one of them said "secret".
    pub fn unwrapped(&self) -> (&Self, bool) {
        match self {
            Self::Secret(inner) => (inner.unwrapped().0, true),
            Self::Output {
                value: Some(inner),
                secret,
                ..
            } => {
                let (value, inner_secret) = inner.unwrapped();
                (value, *secret || inner_secret)
            }
            Self::Output {
                value: None, secret, ..
            } => (&Self::Unknown, *secret),
            other => (other, false),
        }
    }

    /// The text below all wrappers, if the value is one.
    pub fn as_str(&self) -> Option<&str> {
        match self.unwrapped().0 {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The named values below all wrappers, if the value has them.
    pub fn as_object(&self) -> Option<&PropertyMap> {
        match self.unwrapped().0 {
            Self::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// True if the value itself is unknown, wrapped or not.
    pub fn is_unknown(&self) -> bool {
        matches!(self.unwrapped().0, Self::Unknown)
    }

    /// True if the value is unknown, or something inside it is.
    pub fn contains_unknown(&self) -> bool {
        match self.unwrapped().0 {
            Self::Unknown => true,
            other => other.children().any(Self::contains_unknown),
        }
    }

    /// True if the value is secret, or something inside it is.
    pub fn contains_secret(&self) -> bool {
        let (value, secret) = self.unwrapped();
        secret || value.children().any(Self::contains_secret)
    }

    /// The same value without secret and output wrappers, at any depth.
    pub fn strip_secrets(&self) -> Self {
        match self.unwrapped().0 {
            Self::List(items) => Self::List(items.iter().map(Self::strip_secrets).collect()),
            Self::Object(fields) => Self::Object(map_fields(fields, Self::strip_secrets)),
            Self::Opaque(kind, fields) => Self::Opaque(*kind, map_fields(fields, Self::strip_secrets)),
            plain => plain.clone(),
        }
    }

    /// The same value for a receiver that knows secrets but no output values: dependencies are forgotten.
    pub fn flatten_outputs(&self) -> Self {
        match self {
            Self::Output { value, secret, .. } => {
                let inner = value.as_ref().map_or(Self::Unknown, |inner| inner.flatten_outputs());
                if *secret { Self::secret(inner) } else { inner }
            }
            Self::Secret(inner) => Self::secret(inner.flatten_outputs()),
            Self::List(items) => Self::List(items.iter().map(Self::flatten_outputs).collect()),
            Self::Object(fields) => Self::Object(map_fields(fields, Self::flatten_outputs)),
            Self::Opaque(kind, fields) => Self::Opaque(*kind, map_fields(fields, Self::flatten_outputs)),
            plain => plain.clone(),
        }
    }

    /// What the value is, with an article, for messages: `a number`.
    pub fn kind(&self) -> &'static str {
        match self.unwrapped().0 {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
            Self::Opaque(OpaqueKind::Asset, _) => "an asset",
            Self::Opaque(OpaqueKind::Archive, _) => "an archive",
            Self::Opaque(OpaqueKind::ResourceReference, _) => "a resource",
            Self::Unknown | Self::Secret(_) | Self::Output { .. } => "an unknown value",
        }
    }

    fn children(&self) -> Box<dyn Iterator<Item = &Self> + '_> {
        match self {
            Self::List(items) => Box::new(items.iter()),
            Self::Object(fields) | Self::Opaque(_, fields) => Box::new(fields.values()),
            _ => Box::new(std::iter::empty()),
        }
    }
}

fn map_fields(fields: &PropertyMap, change: impl Fn(&PropertyValue) -> PropertyValue) -> PropertyMap {
    fields
        .iter()
        .map(|(name, value)| (name.clone(), change(value)))
        .collect()
}

impl fmt::Debug for PropertyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::String(value) => value.fmt(f),
            Self::List(items) => items.fmt(f),
            Self::Object(fields) => fields.fmt(f),
            Self::Unknown | Self::Output { value: None, .. } => f.write_str("<unknown>"),
            Self::Secret(_) | Self::Output { secret: true, .. } => f.write_str("[secret]"),
            Self::Output { value: Some(value), .. } => value.fmt(f),
            Self::Opaque(kind, fields) => f.debug_tuple("Opaque").field(kind).field(fields).finish(),
        }
    }
}

impl From<bool> for PropertyValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for PropertyValue {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for PropertyValue {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl From<String> for PropertyValue {
    fn from(value: String) -> Self {
        Self::String(value)
    }
}

impl From<PropertyMap> for PropertyValue {
    fn from(value: PropertyMap) -> Self {
        Self::Object(value)
    }
}

impl<T: Into<PropertyValue>> From<Vec<T>> for PropertyValue {
    fn from(value: Vec<T>) -> Self {
        Self::List(value.into_iter().map(Into::into).collect())
    }
}
