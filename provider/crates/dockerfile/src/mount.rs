//! The value of `RUN --mount`, as far as it says which stage or image is mounted.
//!
//! The value is one line of CSV with `key=value` fields; the last `from` counts. Only `from` is read here, because it
//! is the only field that the frontend settles before variables are known.

use crate::error::{Fault, Reason};

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
