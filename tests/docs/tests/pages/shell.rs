//! Commands: the real programs are asked whether they know the words and flags that a page gives them.
//!
//! `--help` behind a command makes `cargo xtask`, `pulumi` and the provider read it whole and then do nothing. What installs a package
//! must name one of ours. A program that nobody knows how to check fails.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use docs::{Block, Page, code_spans, pages, prose};
use fastcontainer_lab::{Profile, Tool, Tools, build_program, workspace_root};
use pulumi_resource_fastcontainer::schema::package_schema;
use serde_json::Value;
use wire::provider_binary;

use crate::shown;

/// Programs that are on any machine, and that a page may use as it likes.
const ORDINARY: [&str; 14] = [
    ".", "cd", "cp", "curl", "done", "echo", "export", "for", "ls", "mkdir", "printenv", "python3", "source", "tar",
];
/// Subcommands of `docker` and of `aws` that pages use.
const DOCKER: [&str; 5] = ["build", "buildx", "context", "login", "run"];
const AWS: [&str; 6] = [
    "codebuild create-project",
    "ecr create-repository",
    "ecr get-login-password",
    "ecr put-lifecycle-policy",
    "ecr batch-delete-image",
    "sts get-caller-identity",
];

#[test]
fn every_command_is_one_that_its_program_knows() {
    let checker = Checker::new();
    let mut troubles = Vec::new();
    for (page, block) in shown(&["sh"]) {
        troubles.extend(checker.block(&page, &block));
    }
    assert!(troubles.is_empty(), "{troubles:#?}");
}

/// Commands of ours inside sentences; words in capitals and in brackets stand for anything.
#[test]
fn every_command_in_a_sentence_is_one_that_its_program_knows() {
    let checker = Checker::new();
    let ours = [
        "cargo xtask ",
        "cargo test ",
        "pulumi ",
        "pulumi-resource-fastcontainer ",
    ];
    let mut troubles = Vec::new();
    let mut seen = 0;
    for page in pages() {
        for (line, text) in prose(&page.text) {
            for span in code_spans(text)
                .iter()
                .filter(|span| ours.iter().any(|start| span.starts_with(start)))
            {
                seen += 1;
                let checked = checker.line(&without_placeholders(span));
                troubles.extend(checked.err().map(|trouble| format!("{}: {trouble}", page.place(line))));
            }
        }
    }
    assert!(troubles.is_empty() && seen > 20, "{seen} commands: {troubles:#?}");
}

fn without_placeholders(span: &str) -> String {
    let (mut text, mut depth) = (String::new(), 0);
    for letter in span.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth -= 1,
            other if depth == 0 => text.push(other),
            _ => {}
        }
    }
    let stands_for_anything = |word: &&str| {
        let letters = word.rsplit(':').next().unwrap_or_default();
        !letters.is_empty() && letters.chars().all(|c| c.is_ascii_uppercase() || c == '…')
    };
    let words = text
        .split(' ')
        .map(|word| if stands_for_anything(&word) { "1" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_command_that_nobody_knows_is_noticed() {
    let checker = Checker::new();
    for command in [
        "cargo xtask tset",
        "cargo xtask test --onyl wire",
        "cargo xtask test --only wier",
        "cargo test -p no-such-crate",
        "pulumi preveiw",
        "pulumi stack initialise dev",
        "pulumi preview --save-paln plan",
        "pulumi config set fastcontainer:regoin eu-central-1",
        "pulumi-resource-fastcontainer explian ./api",
        "pulumi-resource-fastcontainer explain ./api --pletform linux/arm64",
        "npm install pulumi-fast-container",
        "frobnicate",
    ] {
        assert!(checker.line(command).is_err(), "{command}");
    }
}

/// Knows where the programs are.
pub(crate) struct Checker {
    xtask: PathBuf,
    pulumi: PathBuf,
    provider: PathBuf,
    schema: Value,
}

impl Checker {
    pub(crate) fn new() -> Self {
        let tools = Tools::locate().unwrap();
        Self {
            xtask: build_program("xtask", "xtask", Profile::Debug).unwrap(),
            pulumi: tools.require(Tool::Pulumi).unwrap().join("pulumi"),
            provider: provider_binary().unwrap(),
            schema: package_schema(),
        }
    }

    fn block(&self, page: &Page, block: &Block) -> Vec<String> {
        let joined = block.text.replace("\\\n", " ");
        let checked = joined.lines().map(|line| self.line(line));
        let troubles = checked.filter_map(Result::err);
        troubles
            .map(|trouble| format!("{}: {trouble}", page.place(block.line)))
            .collect()
    }

    /// Checks every command of a line.
    pub(crate) fn line(&self, line: &str) -> Result<(), String> {
        for command in commands(line)? {
            self.command(&command)
                .map_err(|trouble| format!("`{}`: {trouble}", command.join(" ")))?;
        }
        Ok(())
    }

    fn command(&self, words: &[String]) -> Result<(), String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            [] => Ok(()),
            ["cargo", "xtask", rest @ ..] => understands(Command::new(&self.xtask).args(rest)),
            ["cargo", "test" | "build" | "clippy" | "fmt", rest @ ..] => package(rest),
            ["pulumi", rest @ ..] => self.pulumi(rest),
            ["pulumi-resource-fastcontainer", rest @ ..] => understands(Command::new(&self.provider).args(rest)),
            ["npm", "install", names @ ..] => self.installs("nodejs", "packageName", names),
            ["npm", "run" | "ci", ..] | ["npx", ..] => Ok(()),
            ["pip", "install", "-r", "requirements.txt"] => Ok(()),
            ["pip", "install", names @ ..] | ["uv", "add", names @ ..] => self.installs(
                "python",
                "packageName",
                &names.iter().map(|name| name.replace('-', "_")).collect::<Vec<_>>(),
            ),
            ["go", "get", names @ ..] => self.installs("go", "modulePath", names),
            ["dotnet", "add", "package", "Pulumi.Fastcontainer"] => Ok(()),
            ["git", "clone", address, ..] if Some(*address) == self.schema["repository"].as_str() => Ok(()),
            ["docker", subcommand, ..] if DOCKER.contains(subcommand) => Ok(()),
            ["aws", service, operation, ..] if AWS.contains(&format!("{service} {operation}").as_str()) => Ok(()),
            [program, ..] if ORDINARY.contains(program) => Ok(()),
            _ => Err("nobody knows how to check this; teach tests/docs/tests/pages/shell.rs".to_owned()),
        }
    }

    /// The help of a command begins its usage with the command that was understood.
    fn pulumi(&self, words: &[&str]) -> Result<(), String> {
        let flags = words
            .iter()
            .position(|word| word.starts_with('-'))
            .unwrap_or(words.len());
        let asked = [&words[..flags], &["--help"], &words[flags..]].concat();
        let help = match answer(
            Command::new(&self.pulumi)
                .args(asked)
                .env("PULUMI_SKIP_UPDATE_CHECK", "true"),
        ) {
            // A sentence may name a flag without its value.
            Err(said) if said.contains("flag needs an argument") => return Ok(()),
            answer => answer?,
        };
        let mut usage = help.lines().skip_while(|line| line.trim() != "Usage:").skip(1);
        let first = usage.next().unwrap_or_default();
        let is_word = |word: &&str| !word.starts_with(['[', '<', '-']);
        let understood = first.split_whitespace().skip(1).take_while(is_word).count();
        let has_commands = first.contains("[command]") || usage.next().is_some_and(|line| line.contains("[command]"));
        let unknown = words
            .get(understood)
            .filter(|word| has_commands && !word.starts_with('-'));
        if let Some(word) = unknown {
            return Err(format!("`{word}` is no command of it"));
        }
        match words {
            ["config", "set", rest @ ..] => self.configuration(rest),
            _ => Ok(()),
        }
    }

    fn configuration(&self, words: &[&str]) -> Result<(), String> {
        let mut names = words.iter().filter(|word| !word.starts_with('-'));
        let ours = names.find_map(|name| name.strip_prefix("fastcontainer:"));
        match ours {
            Some(key) => self.has_setting(key),
            None => Ok(()),
        }
    }

    /// Whether the provider has such a setting; a path may follow its name.
    pub(crate) fn has_setting(&self, key: &str) -> Result<(), String> {
        let name = key.split(['.', '[']).next().unwrap_or_default();
        let known = self.schema["config"]["variables"].get(name).is_some();
        if known {
            Ok(())
        } else {
            Err(format!("the provider has no setting `{name}`"))
        }
    }

    fn installs(&self, language: &str, key: &str, names: &[impl AsRef<str>]) -> Result<(), String> {
        let ours = self.schema["language"][language][key].as_str().unwrap_or_default();
        let of_pulumi = |name: &str| name.starts_with("@pulumi/") || name.starts_with("pulumi_") || name == "pulumi";
        let registered =
            |name: &str| name == ours || name.starts_with(&format!("{ours}@")) || name.starts_with(&format!("{ours}/"));
        let known =
            |name: &str| registered(name) || is_packed(name, ours) || (of_pulumi(name) && !name.contains("fast"));
        match names
            .iter()
            .map(AsRef::as_ref)
            .find(|name| !name.starts_with('-') && !known(name))
        {
            Some(name) => Err(format!("`{name}` is not the package `{ours}`")),
            None => Ok(()),
        }
    }
}

/// Whether this is a file that `cargo xtask sdk --pack` makes of the package `ours`.
fn is_packed(path: &str, ours: &str) -> bool {
    let (folder, file) = path.rsplit_once('/').unwrap_or_default();
    let version = file.strip_prefix(ours).and_then(|rest| rest.get(1..));
    folder.ends_with("target/packages") && version.is_some_and(|rest| rest.starts_with(env!("CARGO_PKG_VERSION")))
}

/// `-p NAME` names a package of this workspace; a word in capitals stands for any.
fn package(words: &[&str]) -> Result<(), String> {
    let named = words.iter().position(|word| ["-p", "--package"].contains(word));
    let Some(name) = named
        .and_then(|at| words.get(at + 1))
        .filter(|name| !["CRATE", "1"].contains(name))
    else {
        return Ok(());
    };
    let lock = std::fs::read_to_string(workspace_root().join("Cargo.lock")).map_err(|error| error.to_string())?;
    let known = lock.contains(&format!("name = \"{name}\"\n"));
    if known {
        Ok(())
    } else {
        Err(format!("no package `{name}`"))
    }
}

/// With `--help` at its end, a command reads everything before it and then does nothing.
fn understands(command: &mut Command) -> Result<(), String> {
    answer(command.arg("--help")).map(|_| ())
}

/// What a command prints, or the first line of what it complains about.
fn answer(command: &mut Command) -> Result<String, String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    Err(text(&output.stderr).lines().next().unwrap_or_default().to_owned())
}

/// The simple commands of a line, without variables in front of them and words that stand for anything.
fn commands(line: &str) -> Result<Vec<Vec<String>>, String> {
    let mut all = vec![Vec::new()];
    for word in words(line)? {
        let last = all.len() - 1;
        match word.as_str() {
            "&&" | "|" | ";" | "do" | "||" => all.push(Vec::new()),
            // Optional words, as tables of commands write them.
            _ if all[last].is_empty() && word.contains('=') => {}
            _ => all[last].push(word),
        }
    }
    Ok(all)
}

/// Words as a shell splits them, without comments and redirections.
fn words(line: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in line.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(letter),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, ';') => {
                words.extend(word.take());
                words.push(";".to_owned());
            }
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (None, letter) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    if quote.is_some() {
        return Err(format!("`{line}` leaves a quote open"));
    }
    let end = words
        .iter()
        .position(|word| word.starts_with('>'))
        .unwrap_or(words.len());
    words.truncate(end);
    Ok(words)
}
