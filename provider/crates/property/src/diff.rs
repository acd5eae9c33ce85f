//! The structural difference of two property bags.
//!
//! Compares values, not wrappers: a secret equals the same value in plaintext, and an output equals its value. Null is
//! absent. An unknown new value always differs, because it may. Decides nothing about updates and replacements.
//! Follows what the engine shows as a detailed diff: the innermost paths that differ.

use crate::{PropertyMap, PropertyPath, PropertyValue};

/// How a place differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// Only in the new bag.
    Added,
    /// Only in the old bag.
    Deleted,
    /// In both, with different values; also when the new value is unknown.
    Updated,
}

/// A place where two bags differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The innermost place.
    pub path: PropertyPath,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// Compares two bags. Top-level names that begin with `__` are internal and never differ; nor does anything that a
/// pattern in `ignore` contains. The result is ordered by path.
pub fn diff(old: &PropertyMap, new: &PropertyMap, ignore: &[PropertyPath]) -> Vec<Difference> {
    let mut walk = Walk {
        ignore,
        found: Vec::new(),
    };
    let external = |bag: &PropertyMap| -> PropertyMap {
        bag.iter()
            .filter(|(name, _)| !name.starts_with("__"))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    };
    walk.objects(&external(old), &external(new), &PropertyPath::default());
    walk.found
}

struct Walk<'a> {
    ignore: &'a [PropertyPath],
    found: Vec<Difference>,
}

impl Walk<'_> {
    fn values(&mut self, old: Option<&PropertyValue>, new: Option<&PropertyValue>, path: PropertyPath) {
        if self.ignore.iter().any(|pattern| pattern.contains(&path)) {
            return;
        }
        let present = |value: Option<&'_ PropertyValue>| {
            !matches!(value.map(|value| value.unwrapped().0), None | Some(PropertyValue::Null))
        };
        let kind = match (present(old), present(new)) {
            (false, false) => return,
            (false, true) => DifferenceKind::Added,
            (true, false) => DifferenceKind::Deleted,
            (true, true) => match (old, new) {
                (Some(old), Some(new)) => return self.present(old.unwrapped().0, new.unwrapped().0, path),
                _ => return,
            },
        };
        self.found.push(Difference { path, kind });
    }

    fn present(&mut self, old: &PropertyValue, new: &PropertyValue, path: PropertyPath) {
        match (old, new) {
            (PropertyValue::Object(old), PropertyValue::Object(new)) => self.objects(old, new, &path),
            (PropertyValue::List(old), PropertyValue::List(new)) => {
                for index in 0..old.len().max(new.len()) {
                    self.values(old.get(index), new.get(index), path.item(index));
                }
            }
            (_, PropertyValue::Unknown) => self.found.push(Difference {
                path,
                kind: DifferenceKind::Updated,
            }),
            _ if old.strip_secrets() == new.strip_secrets() => {}
            _ => self.found.push(Difference {
                path,
                kind: DifferenceKind::Updated,
            }),
        }
    }

    fn objects(&mut self, old: &PropertyMap, new: &PropertyMap, path: &PropertyPath) {
        let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            self.values(old.get(name), new.get(name), path.child(name));
        }
    }
}
