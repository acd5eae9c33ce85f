//! The value of `RUN --mount`: what is mounted, from where.
//!
//! The value is one line of CSV with `key=value` fields; the last one of a key counts. `from` is settled when the file is
//! read, because the frontend allows no variables there; the rest is read once variables are known. Fields that only
//! matter inside the container (sharing, owner) are not judged.

use crate::error::{Fault, Reason};
use crate::reads::Why;
use crate::scope::shortened;

/// What kind of mount it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Kind {
    #[default]
    Bind,
    Cache,
    Tmpfs,
    /// A secret or an SSH agent, which have nothing to do with any context.
    Credential,
}

/// A mount whose variables are known.
#[derive(Debug, Default)]
pub(crate) struct Mount {
    pub(crate) kind: Kind,
    pub(crate) source: String,
    /// The variable into which a secret goes.
    pub(crate) secret_variable: Option<String>,
    /// Whether it is a secret, and which one.
    pub(crate) secret: Option<Secret>,
}

/// What a mount says about a secret.
#[derive(Debug, Default)]
pub(crate) struct Secret {
    /// Its id; `None` when that cannot be told.
    pub(crate) id: Option<String>,
    pub(crate) required: bool,
}

/// Keys that have no influence on what is read.
const OTHER_KEYS: [&str; 10] = [
    "from",
    "readonly",
    "ro",
    "readwrite",
    "rw",
    "size",
    "sharing",
    "mode",
    "uid",
    "gid",
];

/// Reads a mount; `expand` settles the variables of the fields that matter.
pub(crate) fn read(value: &str, expand: &dyn Fn(&str) -> Result<String, Why>) -> Result<Mount, Why> {
    let mut mount = Mount::default();
    let (mut secret, mut id, mut target) = (false, Some(String::new()), Some(String::new()));
    let mut required = false;
    for field in fields(value).unwrap_or_default() {
        let (key, value) = field.split_once('=').unwrap_or((&field, ""));
        let key = key.to_ascii_lowercase();
        match key.as_str() {
            "type" => {
                let name = expand(value)?;
                mount.kind = kind(&name)?;
                secret = name.eq_ignore_ascii_case("secret");
            }
            "source" | "src" => mount.source = expand(value)?,
            "env" => mount.secret_variable = expand(value).ok(),
            "id" => id = expand(value).ok(),
            "target" | "dst" | "destination" => target = expand(value).ok(),
            "required" => required = !field.contains('=') || expand(value).is_ok_and(|value| is_true(&value)),
            known if OTHER_KEYS.contains(&known) => {}
            _ => return Err(Why::UnknownMountField(shortened(&key))),
        }
    }
    if secret {
        let id = secret_id(&mount.source, id, target);
        mount.secret = Some(Secret { id, required });
    }
    Ok(mount)
}

/// The source names a secret, else the id, else the last part of the target.
fn secret_id(source: &str, id: Option<String>, target: Option<String>) -> Option<String> {
    if !source.is_empty() {
        return Some(source.to_owned());
    }
    match id?.as_str() {
        "" => target?.trim_end_matches('/').rsplit('/').next().map(str::to_owned),
        id => Some(id.to_owned()),
    }
}

/// What Go takes for true.
fn is_true(text: &str) -> bool {
    ["1", "t", "T", "true", "TRUE", "True"].contains(&text)
}

fn kind(name: &str) -> Result<Kind, Why> {
    match name.to_ascii_lowercase().as_str() {
        "bind" => Ok(Kind::Bind),
        "cache" => Ok(Kind::Cache),
        "tmpfs" => Ok(Kind::Tmpfs),
        "secret" | "ssh" => Ok(Kind::Credential),
        _ => Err(Why::UnknownMountType(shortened(name))),
    }
}

/// Splits a mount into its CSV fields.
fn fields(value: &str) -> Option<Vec<String>> {
    let mut fields = Vec::new();
    let mut rest = value;
    loop {
        let Some(quoted) = rest.strip_prefix('"') else {
            let (field, next) = rest
                .split_once(',')
                .map_or((rest, None), |(field, next)| (field, Some(next)));
            if field.contains('"') {
                return None;
            }
            fields.push(field.to_owned());
            match next {
                Some(next) => rest = next,
                None => return Some(fields),
            }
            continue;
        };
        let (field, next) = quoted_field(quoted)?;
        fields.push(field);
        match next.strip_prefix(',') {
            Some(next) => rest = next,
            None => return next.is_empty().then_some(fields),
        }
    }
}

/// Reads a field behind its opening quote; returns it with the text behind its closing quote.
fn quoted_field(text: &str) -> Option<(String, &str)> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (part, next) = rest.split_once('"')?;
        field.push_str(part);
        let Some(after_pair) = next.strip_prefix('"') else {
            return Some((field, next));
        };
        field.push('"');
        rest = after_pair;
    }
}

/// Returns the stage or image that a mount names, if it names one.
pub(crate) fn source(value: &str) -> Result<Option<String>, Fault> {
    let fields = match fields(value) {
        Some(fields) if !value.is_empty() => fields,
        _ => {
            return Err(Reason::FlagValue {
                flag: "mount".to_owned(),
                expected: "comma separated fields",
            }
            .into());
        }
    };
    let mut from = None;
    for (key, value) in fields.iter().filter_map(|field| field.split_once('=')) {
        if !key.eq_ignore_ascii_case("from") {
            continue;
        }
        if value.find('$').is_some_and(|at| at + 1 != value.len()) {
            return Err(Fault::from(Reason::VariableInSource(format!("--mount=from={value}"))).hint(ALIAS));
        }
        from = Some(value.to_owned()).filter(|value| !value.is_empty());
    }
    Ok(from)
}

/// What to do instead of a variable in `--from`.
pub(crate) const ALIAS: &str = "add a stage `FROM <image> AS <name>` with the variable in it, and use that name";
