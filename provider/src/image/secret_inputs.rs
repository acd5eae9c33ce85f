//! The inputs `secrets` and `secretRefs`: how they are read, and how values are kept from view.
//!
//! The ids identify a build, the values do not: an id whose value is not known before the update is an id all the same,
//! so values never keep a preview from telling. Check itself marks the values as secret, whatever the program does, and
//! outputs do not repeat them.

use std::collections::BTreeMap;

use fastcontainer_buildkit::LARGEST_SECRET;
use fastcontainer_property::{Cursor, Decoder, Field, PropertyMap, PropertyPath, PropertyValue};
use secrecy::SecretString;

use crate::planning::secrets::SecretReference;

/// The input with the values.
pub const SECRETS: &str = "secrets";
/// The input with the references.
pub const SECRET_REFS: &str = "secretRefs";

/// Values by id; one that is not known yet has none.
pub type SecretValues = BTreeMap<String, Option<SecretString>>;
/// References by id; one that is not known yet has none.
pub type SecretReferences = BTreeMap<String, Option<SecretReference>>;

/// Reads both inputs.
#[must_use]
pub fn decode_secrets(inputs: &mut Decoder<'_>) -> (Option<SecretValues>, Option<SecretReferences>) {
    let values = inputs.at(SECRETS).map(|id, mut value| {
        check_id(id, &mut value);
        if let Some(text) = value.peek()
            && text.len() > LARGEST_SECRET
        {
            value.fail(format!(
                "is larger than {} KiB, the most that a builder takes",
                LARGEST_SECRET / 1024
            ));
        }
        later(value.required().string().map(SecretString::from))
    });
    let values = known(values);
    let references = inputs.at(SECRET_REFS).map(|id, mut value| {
        check_id(id, &mut value);
        if values.as_ref().is_some_and(|values| values.contains_key(id)) {
            value.fail("is also in `secrets`; remove one of them");
        }
        if let Some(text) = value.peek()
            && let Err(error) = SecretReference::parse(text)
        {
            value.fail(error.to_string());
        }
        let read = value.required().string().known();
        Field::Known(read.and_then(|text| SecretReference::parse(&text).ok()))
    });
    (values, known(references))
}

fn check_id(id: &str, value: &mut Cursor<'_>) {
    let fits =
        !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '"' | '='));
    if !fits {
        value.fail(
            "the id of a secret must be one word without `,`, `=` and `\"`, as `RUN --mount=type=secret,id=…` uses it",
        );
    }
}

fn later<T>(value: Field<T>) -> Field<Option<T>> {
    Field::Known(value.known())
}

fn known<T>(entries: Field<BTreeMap<String, Field<T>>>) -> Option<BTreeMap<String, T>> {
    let entries = entries.known()?.into_iter();
    Some(entries.filter_map(|(id, value)| Some((id, value.known()?))).collect())
}

/// Whether this is the place of one value or reference: whatever it is, it decides nothing.
#[must_use]
pub fn is_value(path: &PropertyPath) -> bool {
    path.segments().len() > 1 && matches!(path.root(), Some(SECRETS | SECRET_REFS))
}

/// Marks the values as secret, so that they enter the state encrypted whether or not the program marks them.
pub fn guard(inputs: &mut PropertyMap) {
    let guard = |value: &mut PropertyValue| {
        if !matches!(value, PropertyValue::Unknown | PropertyValue::Null) && !value.contains_secret() {
            *value = PropertyValue::secret(std::mem::replace(value, PropertyValue::Null));
        }
    };
    match inputs.get_mut(SECRETS) {
        Some(PropertyValue::Object(values)) => values.values_mut().for_each(guard),
        Some(other) => guard(other),
        None => {}
    }
}

/// The inputs that outputs repeat: all but the values of secrets.
#[must_use]
pub fn echoed(inputs: &PropertyMap) -> PropertyMap {
    let mut inputs = inputs.clone();
    inputs.remove(SECRETS);
    inputs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, PropertyValue)]) -> PropertyValue {
        let owned = |(name, value): &(&str, PropertyValue)| ((*name).to_owned(), value.clone());
        PropertyValue::Object(entries.iter().map(owned).collect())
    }

    fn text(text: &str) -> PropertyValue {
        PropertyValue::String(text.to_owned())
    }

    fn guarded(secrets: PropertyValue) -> PropertyValue {
        let mut inputs = PropertyMap::from([(SECRETS.to_owned(), secrets)]);
        guard(&mut inputs);
        inputs.remove(SECRETS).unwrap()
    }

    #[test]
    fn each_value_is_marked_once_and_ids_stay_readable() {
        let marked = map(&[("a", PropertyValue::secret(text("x"))), ("b", PropertyValue::Unknown)]);
        assert_eq!(guarded(map(&[("a", text("x")), ("b", PropertyValue::Unknown)])), marked);
        assert_eq!(guarded(marked.clone()), marked);
        let whole = PropertyValue::secret(map(&[("a", text("x"))]));
        assert_eq!(guarded(whole.clone()), whole);
        assert_eq!(guarded(text("no map")), PropertyValue::secret(text("no map")));
    }
}
