//! A decoded field: there, not there, or not known yet.
//!
//! Keeps the three apart, since a preview that takes unknown for absent promises what the update will not do. Says
//! nothing about secrets; those are listed beside the decoded whole.

use std::collections::BTreeMap;

/// The value of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// The program did not set it (or set it to null).
    #[default]
    Absent,
    /// The program set it to something that is not known in this preview.
    Unknown,
    /// The program set it.
    Known(T),
}

impl<T> Field<T> {
    /// The value, if it is known.
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// A reference to the value, if it is known.
    pub fn as_known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// True if the value will be known only later.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }

    /// True if the program did not set it.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Changes the value, if it is known.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::Unknown => Field::Unknown,
            Self::Known(value) => Field::Known(change(value)),
        }
    }

    /// Puts a value where there is none; unknown stays unknown.
    #[must_use]
    pub fn or_default(self, default: T) -> Self {
        match self {
            Self::Absent => Self::Known(default),
            other => other,
        }
    }
}

impl<T> Field<Vec<Field<T>>> {
    /// A list of values: unknown as soon as one of them is; absent ones are left out.
    pub fn all_known(self) -> Field<Vec<T>> {
        match self {
            Self::Known(items) if items.iter().any(Field::is_unknown) => Field::Unknown,
            other => other.map(|items| items.into_iter().filter_map(Field::known).collect()),
        }
    }
}

impl<T> Field<BTreeMap<String, Field<T>>> {
    /// Named values: unknown as soon as one of them is; absent ones are left out.
    pub fn all_known(self) -> Field<BTreeMap<String, T>> {
        match self {
            Self::Known(entries) if entries.values().any(Field::is_unknown) => Field::Unknown,
            other => other.map(|entries| {
                entries
                    .into_iter()
                    .filter_map(|(name, value)| value.known().map(|value| (name, value)))
                    .collect()
            }),
        }
    }
}
