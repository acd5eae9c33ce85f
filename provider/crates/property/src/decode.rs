//! Typed reading of a property bag that finds everything that is wrong with it at once.
//!
//! A failure never stops the reading: the field counts as absent, and the failure is kept with its path and a sentence
//! that says what to do. Names that were not asked for are refused, with the nearest one that was. Unknown and secret
//! values are listed by path. Knows no resource: which fields there are is the caller's business.
//!
//! Provider configuration has a form of its own ([`Form::Config`]): there SDKs send lists, objects, numbers and booleans
//! as JSON text.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use crate::{Field, OpaqueKind, PropertyMap, PropertyPath, PropertyValue, nearest, wire};

/// The largest integer below which every integer has a number of its own.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Where a bag comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Inputs of a resource or arguments of a function.
    Inputs,
    /// Provider configuration: JSON text is accepted for everything that is not a string; the engine's own `version` and
    /// `pluginDownloadURL` are skipped.
    Config,
}

/// Something that is wrong with one property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which property.
    pub path: PropertyPath,
    /// What is wrong with it and what to do, for the user.
    pub reason: String,
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// The typed value; to be used only without failures.
    pub value: T,
    /// Everything that is wrong, in the order of reading.
    pub failures: Vec<Failure>,
    /// Every unknown value that was met.
    pub unknowns: Vec<PropertyPath>,
    /// Every secret that was met, outermost place.
    pub secrets: Vec<PropertyPath>,
}

/// Reads a bag: `read` asks for the fields it knows, and every other name is a failure.
pub fn decode<T>(bag: &PropertyMap, form: Form, read: impl FnOnce(&mut Decoder<'_>) -> T) -> Decoded<T> {
    let mut notes = Notes {
        form,
        failures: Vec::new(),
        unknowns: Vec::new(),
        secrets: Vec::new(),
    };
    let mut decoder = Decoder::new(
        bag,
        Place {
            path: PropertyPath::default(),
            secret: false,
        },
        &mut notes,
    );
    let value = read(&mut decoder);
    decoder.refuse_other_names();
    let Notes {
        failures,
        unknowns,
        secrets,
        ..
    } = notes;
    Decoded {
        value,
        failures,
        unknowns,
        secrets,
    }
}

struct Notes {
    form: Form,
    failures: Vec<Failure>,
    unknowns: Vec<PropertyPath>,
    secrets: Vec<PropertyPath>,
}

#[derive(Clone)]
struct Place {
    path: PropertyPath,
    secret: bool,
}

/// Reads the fields of one object.
pub struct Decoder<'a> {
    fields: &'a PropertyMap,
    place: Place,
    asked: BTreeSet<&'static str>,
    notes: &'a mut Notes,
}

impl<'a> Decoder<'a> {
    fn new(fields: &'a PropertyMap, place: Place, notes: &'a mut Notes) -> Self {
        Self {
            fields,
            place,
            asked: BTreeSet::new(),
            notes,
        }
    }

    /// Asks for one field; whatever the field holds, its name is known from now on.
    pub fn at(&mut self, name: &'static str) -> Cursor<'_> {
        self.asked.insert(name);
        let value = self.fields.get(name).unwrap_or(&PropertyValue::Null);
        Cursor::new(value, self.place.path.child(name), self.place.secret, self.notes)
    }

    /// True if the program set the field to anything but null.
    pub fn has(&self, name: &str) -> bool {
        self.fields
            .get(name)
            .is_some_and(|value| *value.unwrapped().0 != PropertyValue::Null)
    }

    /// Where this object is.
    pub fn path(&self) -> &PropertyPath {
        &self.place.path
    }

    /// Notes that the object as a whole is wrong; for one field use [`Cursor::fail`].
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.notes.failures.push(Failure {
            path: self.place.path.clone(),
            reason: reason.into(),
        });
    }

    fn refuse_other_names(self) {
        for name in self.fields.keys().filter(|name| !self.asked.contains(name.as_str())) {
            let top = self.place.path.segments().is_empty();
            if top && (name.starts_with("__") || self.notes.form == Form::Config && is_engines_own(name)) {
                continue;
            }
            let reason = match nearest(name, self.asked.iter().copied()) {
                Some(near) => format!("there is no property `{name}` here; did you mean `{near}`?"),
                None => format!(
                    "there is no property `{name}` in version {VERSION}; remove it, or use SDK and plugin of one version"
                ),
            };
            self.notes.failures.push(Failure {
                path: self.place.path.child(name),
                reason,
            });
        }
    }
}

/// All crates of the plugin have its version.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn is_engines_own(name: &str) -> bool {
    matches!(name, "version" | "pluginDownloadURL")
}

/// Reads one value.
pub struct Cursor<'a> {
    value: &'a PropertyValue,
    place: Place,
    required: bool,
    notes: &'a mut Notes,
}

impl<'a> Cursor<'a> {
    fn new(value: &'a PropertyValue, path: PropertyPath, within_secret: bool, notes: &'a mut Notes) -> Self {
        let (value, secret) = value.unwrapped();
        if secret && !within_secret {
            notes.secrets.push(path.clone());
        }
        if *value == PropertyValue::Unknown {
            notes.unknowns.push(path.clone());
        }
        Self {
            value,
            place: Place {
                path,
                secret: secret || within_secret,
            },
            required: false,
            notes,
        }
    }

    /// Makes it a failure that the value is absent.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// True if the value is secret, or lies inside a secret.
    pub fn is_secret(&self) -> bool {
        self.place.secret
    }

    /// Where the value is.
    pub fn path(&self) -> &PropertyPath {
        &self.place.path
    }

    /// The text of the value, if it is a known string; for rules beyond its type.
    pub fn peek(&self) -> Option<&'a str> {
        self.value.as_str()
    }

    /// Notes that the value is wrong.
    pub fn fail(&mut self, reason: impl Into<String>) {
        self.notes.failures.push(Failure {
            path: self.place.path.clone(),
            reason: reason.into(),
        });
    }

    /// A string.
    pub fn string(self) -> Field<String> {
        self.read("a string", |value| match value {
            PropertyValue::String(text) => whole_text(text),
            PropertyValue::Number(_) => Err(quote_it()),
            other => Err(expected("a string", other)),
        })
    }

    /// A string, or a boolean or integer that stands for its own text. Other numbers are refused, since their text is
    /// lost before they arrive.
    pub fn text(self) -> Field<String> {
        self.read("a string", |value| match value {
            PropertyValue::String(text) => whole_text(text),
            PropertyValue::Bool(value) => Ok(value.to_string()),
            PropertyValue::Number(number) => whole(*number).map(|number| number.to_string()).ok_or_else(quote_it),
            other => Err(expected("a string", other)),
        })
    }

    /// A boolean.
    pub fn bool(self) -> Field<bool> {
        self.read("a boolean", |value| match value {
            PropertyValue::Bool(value) => Ok(*value),
            other => Err(expected("a boolean", other)),
        })
    }

    /// A number.
    pub fn number(self) -> Field<f64> {
        self.read("a number", |value| match value {
            PropertyValue::Number(value) => Ok(*value),
            other => Err(expected("a number", other)),
        })
    }

    /// A whole number within `range`.
    pub fn integer(self, range: std::ops::RangeInclusive<i64>) -> Field<i64> {
        self.read("a whole number", |value| {
            let PropertyValue::Number(number) = value else {
                return Err(expected("a whole number", value));
            };
            let fits = whole(*number).filter(|number| range.contains(number));
            fits.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// One of some words, each with its meaning.
    pub fn keyword<T: Copy>(self, words: &[(&str, T)]) -> Field<T> {
        let names: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let names = format!("one of {}", names.join(", "));
        self.read("a string", |value| {
            let PropertyValue::String(text) = value else {
                return Err(expected(&names, value));
            };
            let found = words.iter().find(|(word, _)| word == text).map(|(_, meaning)| *meaning);
            found.ok_or_else(|| format!("must be {names}"))
        })
    }

    /// The value as it is, without wrappers at its outside. Assets are let through.
    pub fn any(self) -> Field<PropertyValue> {
        self.presence().map(|cursor| cursor.value.clone())
    }

    /// A list. It is unknown as soon as one item is; all items are read in any case.
    pub fn list<T>(self, mut read: impl FnMut(Cursor<'_>) -> Field<T>) -> Field<Vec<T>> {
        let items = self.open(
            "a list",
            |value| matches!(value, PropertyValue::List(_)),
            |value, place, notes| {
                let PropertyValue::List(items) = value else {
                    return Vec::new();
                };
                let cursors = items.iter().enumerate();
                cursors
                    .map(|(index, item)| {
                        read(Cursor::new(item, place.path.item(index), place.secret, notes).required())
                    })
                    .collect::<Vec<_>>()
            },
        );
        items.all_known()
    }

    /// Named values, each known or unknown by itself; [`Field::all_known`] makes one of them.
    pub fn map<T>(self, mut read: impl FnMut(&str, Cursor<'_>) -> Field<T>) -> Field<BTreeMap<String, Field<T>>> {
        self.open(
            "an object",
            |value| matches!(value, PropertyValue::Object(_)),
            |value, place, notes| {
                let PropertyValue::Object(fields) = value else {
                    return BTreeMap::new();
                };
                let mut entries = BTreeMap::new();
                for (name, value) in fields {
                    let cursor = Cursor::new(value, place.path.child(name), place.secret, notes);
                    entries.insert(name.clone(), read(name, cursor));
                }
                entries
            },
        )
    }

    /// An object with fields of its own.
    pub fn object<T>(self, read: impl FnOnce(&mut Decoder<'_>) -> T) -> Field<T> {
        static EMPTY: PropertyMap = PropertyMap::new();
        self.open(
            "an object",
            |value| matches!(value, PropertyValue::Object(_)),
            |value, place, notes| {
                let fields = if let PropertyValue::Object(fields) = value {
                    fields
                } else {
                    &EMPTY
                };
                let mut decoder = Decoder::new(fields, place, notes);
                let value = read(&mut decoder);
                decoder.refuse_other_names();
                value
            },
        )
    }

    /// Sorts out absent and unknown values.
    fn presence(mut self) -> Field<Self> {
        match self.value {
            PropertyValue::Null => {
                if self.required {
                    self.fail("is missing; set it");
                }
                Field::Absent
            }
            PropertyValue::Unknown => Field::Unknown,
            _ => Field::Known(self),
        }
    }

    fn read<T>(self, kind: &str, convert: impl FnOnce(&PropertyValue) -> Result<T, String>) -> Field<T> {
        let mut cursor = match self.presence() {
            Field::Known(cursor) => cursor,
            Field::Unknown => return Field::Unknown,
            Field::Absent => return Field::Absent,
        };
        match convert(&cursor.said(kind != "a string")) {
            Ok(value) => Field::Known(value),
            Err(reason) => {
                cursor.fail(reason);
                Field::Absent
            }
        }
    }

    fn open<T>(
        self,
        kind: &str,
        fits: impl FnOnce(&PropertyValue) -> bool,
        read: impl FnOnce(&PropertyValue, Place, &mut Notes) -> T,
    ) -> Field<T> {
        let mut cursor = match self.presence() {
            Field::Known(cursor) => cursor,
            Field::Unknown => return Field::Unknown,
            Field::Absent => return Field::Absent,
        };
        let value = cursor.said(true);
        if !fits(&value) {
            cursor.fail(expected(kind, &value));
            return Field::Absent;
        }
        Field::Known(read(&value, cursor.place, cursor.notes))
    }

    /// The value, or what its text says if provider configuration was sent as JSON text.
    fn said(&self, wanted: bool) -> Cow<'a, PropertyValue> {
        let PropertyValue::String(text) = self.value else {
            return Cow::Borrowed(self.value);
        };
        if !wanted || self.notes.form != Form::Config {
            return Cow::Borrowed(self.value);
        }
        let parsed = serde_json::from_str(text).ok().map(json_value);
        let parsed = parsed.and_then(|value| wire::read(&value, &self.place.path).ok());
        parsed.map_or(Cow::Borrowed(self.value), Cow::Owned)
    }
}

fn json_value(json: serde_json::Value) -> prost_types::Value {
    use prost_types::{ListValue, Struct, value::Kind};
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(value) => Kind::BoolValue(value),
        serde_json::Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap_or(f64::NAN)),
        serde_json::Value::String(text) => Kind::StringValue(text),
        serde_json::Value::Array(items) => Kind::ListValue(ListValue {
            values: items.into_iter().map(json_value).collect(),
        }),
        serde_json::Value::Object(fields) => Kind::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, value)| (name, json_value(value)))
                .collect(),
        }),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Text that reaches programs, variables and files as it is: for all of them a NUL is its end.
fn whole_text(text: &str) -> Result<String, String> {
    match text.contains('\0') {
        true => Err("must not contain the character NUL; remove it".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn whole(number: f64) -> Option<i64> {
    let integer = number as i64;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(integer)
}

fn quote_it() -> String {
    "must be a string; put quotes around the number (unquoted, YAML reads 1.10 as 1.1)".to_owned()
}

fn expected(kind: &str, value: &PropertyValue) -> String {
    match value {
        PropertyValue::Opaque(OpaqueKind::Asset | OpaqueKind::Archive, _) => {
            format!("must be {kind}, not {}; pass the path as a string", value.kind())
        }
        PropertyValue::Opaque(OpaqueKind::ResourceReference, _) => {
            format!("must be {kind}, not a resource; pass one of its outputs")
        }
        _ => format!("must be {kind}, not {}", value.kind()),
    }
}
