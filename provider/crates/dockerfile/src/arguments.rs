//! Arguments: the forms in which instructions take them, and whether what is there fits.
//!
//! An array that is not valid JSON is no error for most instructions: it is text for the shell, as for the frontend.

use crate::error::Fault;
use crate::keyword::Keyword;
use crate::split::{blank_separated, json_strings, pairs, quoted_words};

/// The arguments of an instruction, in the form in which the instruction takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// A JSON array of strings (the exec form).
    Json(Vec<String>),
    /// Words separated by blanks.
    Words(Vec<String>),
    /// The text as written, without surrounding blanks (the shell form).
    Text(String),
    /// Names with optional values, quotes and escapes still in place.
    Pairs(Vec<(String, Option<String>)>),
}

/// Brings arguments into the form that the instruction takes.
pub(crate) fn read(keyword: Keyword, rest: &str, escape: char) -> Result<Arguments, Fault> {
    let plain = || Arguments::Text(rest.to_owned());
    Ok(match keyword {
        Keyword::Add | Keyword::Copy | Keyword::Volume => match json_strings(rest)? {
            Some(strings) => Arguments::Json(strings),
            None => Arguments::Words(blank_separated(rest)),
        },
        Keyword::Cmd | Keyword::Entrypoint | Keyword::Run | Keyword::Shell => {
            json_strings(rest)?.map_or_else(plain, Arguments::Json)
        }
        Keyword::Healthcheck => {
            json_strings(health_command(rest).1)?;
            plain()
        }
        Keyword::Env | Keyword::Label => Arguments::Pairs(pairs(rest, keyword.name(), escape)?),
        Keyword::Arg => Arguments::Pairs(
            quoted_words(rest, escape)
                .iter()
                .map(|word| optional_pair(word))
                .collect(),
        ),
        Keyword::Expose | Keyword::From => Arguments::Words(blank_separated(rest)),
        _ => plain(),
    })
}

fn optional_pair(word: &str) -> (String, Option<String>) {
    match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word.to_owned(), None),
    }
}

/// Splits the arguments of `HEALTHCHECK` into type and command.
fn health_command(rest: &str) -> (&str, &str) {
    rest.split_once(char::is_whitespace)
        .map_or((rest, ""), |(kind, command)| (kind, command.trim_start()))
}

/// Says what the instruction expects when its arguments do not have that form.
pub(crate) fn missing(keyword: Keyword, arguments: &Arguments) -> Option<&'static str> {
    let (fits, expected) = match (keyword, arguments) {
        (Keyword::Add | Keyword::Copy, Arguments::Words(list) | Arguments::Json(list)) => {
            (list.len() >= 2, "at least one source and a destination")
        }
        (Keyword::From, Arguments::Words(words)) => (
            words.len() == 1 || words.len() == 3 && words[1].eq_ignore_ascii_case("as"),
            "`<image>` or `<image> AS <name>`",
        ),
        (Keyword::Volume, Arguments::Words(list) | Arguments::Json(list)) => (
            !list.is_empty() && list.iter().all(|path| !path.trim().is_empty()),
            "at least one path, none of them empty",
        ),
        (Keyword::Expose, Arguments::Words(list)) => (!list.is_empty(), "at least one port"),
        (Keyword::Shell, Arguments::Json(list)) => (!list.is_empty(), "a JSON array with at least one string"),
        (Keyword::Shell, _) => (false, "a JSON array with at least one string"),
        (_, Arguments::Pairs(list)) => (
            !list.is_empty() && list.iter().all(|(name, _)| !name.is_empty()),
            "at least one name, and no empty name",
        ),
        (Keyword::Healthcheck, Arguments::Text(text)) => (health_fits(text), "`NONE`, or `CMD` and a command"),
        (Keyword::Cmd | Keyword::Entrypoint | Keyword::Run, _) => (true, ""),
        (_, Arguments::Text(text)) => (!text.is_empty(), "an argument"),
        _ => (true, ""),
    };
    (!fits).then_some(expected)
}

fn health_fits(text: &str) -> bool {
    let (kind, command) = health_command(text);
    match kind.to_ascii_uppercase().as_str() {
        "NONE" => command.is_empty(),
        "CMD" => !command.is_empty() && !matches!(json_strings(command), Ok(Some(list)) if list.is_empty()),
        _ => false,
    }
}
