//! Which flags an instruction takes, and whether those given are among them.
//!
//! The table is that of the newest stable frontend. When the file names a frontend with `# syntax=`, that frontend may
//! know more flags than this table, so unknown ones are then kept without complaint.

use crate::error::{Fault, Reason};
use crate::keyword::Keyword;
use crate::nearest::nearest;

/// A flag of an instruction, such as `--from=build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// Name without dashes.
    pub name: String,
    /// Text behind the equals sign; nothing for a switch such as `--link`.
    pub value: Option<String>,
}

/// What a flag accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Switch,
    Once,
    Many,
}

/// The flags of an instruction; nothing when the instruction does not look at its flags.
fn known(keyword: Keyword) -> Option<&'static [(&'static str, Kind)]> {
    use Kind::{Many, Once, Switch};
    Some(match keyword {
        Keyword::Add => &[
            ("chown", Once),
            ("chmod", Once),
            ("link", Switch),
            ("keep-git-dir", Switch),
            ("checksum", Once),
            ("unpack", Switch),
            ("exclude", Many),
        ],
        Keyword::Copy => &[
            ("from", Once),
            ("chown", Once),
            ("chmod", Once),
            ("link", Switch),
            ("parents", Switch),
            ("exclude", Many),
        ],
        Keyword::From => &[("platform", Once)],
        Keyword::Healthcheck => &[
            ("interval", Once),
            ("timeout", Once),
            ("start-period", Once),
            ("start-interval", Once),
            ("retries", Once),
        ],
        Keyword::Run => &[("mount", Many), ("network", Once), ("security", Once), ("device", Many)],
        Keyword::Arg | Keyword::Stopsignal => return None,
        _ => &[],
    })
}

/// Whether an instruction takes a flag of this name; instructions that do not look at their flags take any.
pub(crate) fn is_known(keyword: Keyword, name: &str) -> bool {
    known(keyword).is_none_or(|table| table.iter().any(|(known, _)| *known == name))
}

/// Turns raw flags into names and values and checks them.
pub(crate) fn read(keyword: Keyword, raw: Vec<String>, tolerant: bool) -> Result<Vec<Flag>, Fault> {
    let mut flags: Vec<Flag> = Vec::new();
    for word in raw {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let flag = Flag {
            name: name.strip_prefix("--").unwrap_or(name).to_owned(),
            value,
        };
        check(keyword, &flag, &flags, tolerant)?;
        flags.push(flag);
    }
    Ok(flags)
}

/// Checks one flag against the table and against the flags before it.
fn check(keyword: Keyword, flag: &Flag, earlier: &[Flag], tolerant: bool) -> Result<(), Fault> {
    let Some(table) = known(keyword) else { return Ok(()) };
    let Some((_, kind)) = table.iter().find(|(name, _)| *name == flag.name) else {
        return if tolerant {
            Ok(())
        } else {
            Err(unknown(keyword, flag, table))
        };
    };
    if *kind != Kind::Many && earlier.iter().any(|other| other.name == flag.name) {
        return Err(Reason::RepeatedFlag(flag.name.clone()).into());
    }
    let value = flag.value.as_deref().map(str::to_ascii_lowercase);
    let expected = match (kind, value.as_deref()) {
        (Kind::Switch, None | Some("true" | "false")) | (Kind::Once | Kind::Many, Some(_)) => return Ok(()),
        (Kind::Switch, Some(_)) => "`true` or `false`, or no value",
        (Kind::Once | Kind::Many, None) => "a value",
    };
    Err(Reason::FlagValue {
        flag: flag.name.clone(),
        expected,
    }
    .into())
}

fn unknown(keyword: Keyword, flag: &Flag, table: &[(&str, Kind)]) -> Fault {
    let near = nearest(&flag.name, table.iter().map(|(name, _)| *name)).map(|name| format!("--{name}"));
    let fault = Fault::from(Reason::UnknownFlag {
        instruction: keyword.name(),
        flag: flag.name.clone(),
    });
    fault
        .hint("if a newer frontend knows it, name that frontend in a `# syntax=` line")
        .suggest(near)
}
