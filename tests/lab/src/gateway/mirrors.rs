//! Where this machine's own package managers ask, wherever their settings say so.
//!
//! pip, npm and go tell what is in effect. Cargo and Maven do not, so their files are read: `[source]` tables of the user's
//! `config.toml`, and mirrors of the user's `settings.xml`. Logins that those two keep apart from the address are not looked for.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The index of Python packages without `/simple`, which is part of what clients ask for.
pub(super) fn python_index() -> Option<String> {
    let index = env::var("PIP_INDEX_URL")
        .ok()
        .or_else(|| said("python3", &["-m", "pip", "config", "get", "global.index-url"]))?;
    let index = index.trim_end_matches('/');
    web(index.strip_suffix("/simple").unwrap_or(index))
}

pub(super) fn npm_registry() -> Option<String> {
    web(&said("npm", &["config", "get", "registry"])?)
}

/// The first of the proxies; `direct` and `off` are none.
pub(super) fn go_proxy() -> Option<String> {
    said("go", &["env", "GOPROXY"])?.split([',', '|']).find_map(web)
}

/// The sparse index that replaces the one of crates.io; an index in git is none.
pub(super) fn crate_index() -> Option<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let text = ["config.toml", "config"]
        .iter()
        .find_map(|name| fs::read_to_string(home.join(name)).ok())?;
    index_in(&text)
}

/// The mirror of Maven Central.
pub(super) fn maven_mirror() -> Option<String> {
    mirror_in(&fs::read_to_string(env::home_dir()?.join(".m2/settings.xml")).ok()?)
}

fn index_in(config: &str) -> Option<String> {
    let mut source = "crates-io".to_owned();
    // Replacements form chains, and a mistaken one may be a circle.
    for _ in 0..8 {
        match value_in(config, &[("source", &source, "replace-with")]) {
            Some(next) => source = next,
            None => break,
        }
    }
    let index = value_in(
        config,
        &[("source", &source, "registry"), ("registries", &source, "index")],
    )?;
    web(index.strip_prefix("sparse+")?)
}

/// The text that one of these keys of these tables has in a file of TOML.
fn value_in(config: &str, wanted: &[(&str, &str, &str)]) -> Option<String> {
    let unquoted = |text: &str| text.trim().trim_matches(['"', '\'']).to_owned();
    let mut table = (String::new(), String::new());
    for line in config.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            let (kind, name) = header.split_once('.').unwrap_or((header, ""));
            table = (unquoted(kind), unquoted(name));
        } else if let Some((key, value)) = line.split_once('=') {
            let key = unquoted(key);
            let found = (table.0.as_str(), table.1.as_str(), key.as_str());
            if wanted.contains(&found) {
                // Behind the text there may be a comment.
                return value.split(['"', '\'']).nth(1).map(str::to_owned);
            }
        }
    }
    None
}

fn mirror_in(settings: &str) -> Option<String> {
    let settings = without_comments(settings);
    settings
        .split("<mirror>")
        .skip(1)
        .filter_map(|rest| rest.split("</mirror>").next())
        .find(|mirror| element(mirror, "mirrorOf").is_some_and(stands_for_central))
        .and_then(|mirror| web(element(mirror, "url")?))
}

fn stands_for_central(patterns: &str) -> bool {
    let has = |wanted| patterns.split(',').any(|pattern| pattern.trim() == wanted);
    !has("!central") && ["central", "*", "external:*"].into_iter().any(has)
}

fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0.trim())
}

fn without_comments(xml: &str) -> String {
    let mut parts = xml.split("<!--");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("-->").map_or("", |(_, rest)| rest)
    })
}

fn web(address: &str) -> Option<String> {
    let is_web = address.starts_with("https://") || address.starts_with("http://");
    is_web.then(|| address.trim_end_matches('/').to_owned())
}

/// What a program says about its settings; nothing if it is not there or has nothing to say.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .current_dir(env::temp_dir())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_asks_the_index_at_the_end_of_the_chain() {
        let config = "[net]\nretry = 3\n\n[source.crates-io]\nreplace-with = 'near'\n[source.near]\nreplace-with = \"far\" # for now\n\
                      [source.\"far\"]\nregistry = \"sparse+https://crates.example/index/\"\n";
        assert_eq!(index_in(config).as_deref(), Some("https://crates.example/index"));
        let named = "[registries.far]\nindex = \"sparse+https://crates.example/\"\n[source.crates-io]\nreplace-with = \"far\"\n";
        assert_eq!(index_in(named).as_deref(), Some("https://crates.example"));
    }

    #[test]
    fn index_in_git_and_settings_of_others_are_no_mirror() {
        let git =
            "[source.crates-io]\nreplace-with = 'far'\n[source.far]\nregistry = 'https://crates.example/index.git'\n";
        assert_eq!(index_in(git), None);
        assert_eq!(
            index_in("[registries.own]\nindex = 'sparse+https://crates.example/'\n"),
            None
        );
        let circle = "[source.crates-io]\nreplace-with = 'a'\n[source.a]\nreplace-with = 'crates-io'\n";
        assert_eq!(index_in(circle), None);
    }

    #[test]
    fn maven_asks_the_mirror_that_stands_for_central() {
        let mirror = |of: &str, url: &str| format!("<mirror>\n <mirrorOf>{of}</mirrorOf><url> {url} </url></mirror>");
        let settings = |mirrors: &[String]| format!("<settings><mirrors>{}</mirrors></settings>", mirrors.concat());
        let found = |mirrors: &[String]| mirror_in(&settings(mirrors));
        let other = mirror("own,!central,*", "https://other.example/");
        assert_eq!(found(std::slice::from_ref(&other)), None);
        let all = mirror("external:*", "https://all.example/maven2/");
        assert_eq!(found(&[other, all]).as_deref(), Some("https://all.example/maven2"));
        let commented = format!("<!-- {} -->", mirror("central", "https://old.example"));
        let central = mirror("snapshots, central", "https://new.example");
        assert_eq!(found(&[commented, central]).as_deref(), Some("https://new.example"));
    }
}
