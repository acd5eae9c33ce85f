//! Sessions: blocks of `console` are run by a shell, and print what the page shows.
//!
//! Commands of the provider run in `examples/`, others in an empty folder. A page that shows how to start the emulator of AWS gets one
//! for each of its blocks, at a free port in place of the one on the page. In what is shown, `…` stands for anything on a line.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use docs::Block;
use fastcontainer_lab::{Profile, Tool, Tools, build_program, workspace_root};
use tempfile::TempDir;
use wire::provider_binary;

use crate::shown;

/// How a page starts the emulator, up to its address.
const START: &str = "cargo run --release -p aws-emulator -- --http ";

#[test]
fn sessions_print_what_the_page_shows() {
    let mut starts: BTreeMap<PathBuf, String> = BTreeMap::new();
    for (page, block) in shown(&["console"]) {
        let commands = commands(&block);
        let mut session = Session::new();
        let begins = commands.iter().find(|(command, _)| command.starts_with(START));
        match begins {
            Some((command, _)) => drop(starts.insert(page.path.clone(), command.clone())),
            None => starts.get(&page.path).iter().for_each(|start| drop(session.run(start))),
        }
        for (command, wanted) in commands {
            let (printed, place) = (session.run(&command), page.place(block.line));
            assert!(
                wanted.is_empty() || same(&printed, &wanted),
                "{place}: `{command}` prints\n{printed}"
            );
        }
    }
}

/// Commands behind `$ `, which go on as long as a quote is open, each with what is shown of its output.
fn commands(block: &Block) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in block.text.lines() {
        let open = |command: &str| command.matches('\'').count() % 2 == 1;
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((command, _))) if open(command) => *command = format!("{command}\n{line}"),
            (None, Some((_, output))) => *output = format!("{output}{line}\n"),
            (None, None) => panic!("a session begins with `$ `: {line}"),
        }
    }
    commands
}

/// A folder, variables, and the emulator when it runs.
struct Session {
    folder: TempDir,
    variables: Vec<(String, String)>,
    emulator: Option<Emulator>,
}

struct Emulator {
    process: Child,
    address: String,
    on_the_page: String,
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Session {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("archive.tar.gz"), "files").unwrap();
        fs::copy(
            workspace_root().join("docs/iam/codebuild-caller.json"),
            folder.path().join("policy.json"),
        )
        .unwrap();
        Self {
            folder,
            variables: Vec::new(),
            emulator: None,
        }
    }

    /// What a command prints, after it ended, or when it is the emulator and listens.
    fn run(&mut self, command: &str) -> String {
        if let Some(rest) = command.strip_prefix(START) {
            return self.start(rest.split(' ').next().unwrap_or_default());
        }
        let command = match &self.emulator {
            Some(emulator) => command.replace(&emulator.on_the_page, &emulator.address),
            None => command.to_owned(),
        };
        if let Some(variables) = command.strip_prefix("export ") {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            self.variables
                .extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            return String::new();
        }
        self.shell(&command)
    }

    fn shell(&self, command: &str) -> String {
        let aws = Tools::locate().unwrap().require(Tool::AwsCli).unwrap().join("bin");
        let provider = provider_binary().unwrap();
        let path = format!(
            "{}:{}:{}",
            provider.parent().unwrap().display(),
            aws.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let examples = workspace_root().join("examples");
        let of_the_provider = command.starts_with("pulumi-resource-fastcontainer ");
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", command])
            .current_dir(if of_the_provider { &examples } else { self.folder.path() })
            .env("PATH", path)
            .envs(self.variables.clone())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "`{command}`: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn start(&mut self, on_the_page: &str) -> String {
        let program = build_program("aws-emulator", "aws-emulator", Profile::Debug).unwrap();
        let mut process = Command::new(program)
            .args(["--http", "127.0.0.1:0", "--data"])
            .arg(self.folder.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line
            .split(['=', ' '])
            .find(|part| part.starts_with("127.0.0.1:"))
            .unwrap_or_default()
            .to_owned();
        let line = line.replace(&address, on_the_page);
        let on_the_page = on_the_page.to_owned();
        self.emulator = Some(Emulator {
            process,
            address,
            on_the_page,
        });
        line
    }
}

/// Whether a text has the lines that a page shows.
fn same(printed: &str, shown: &str) -> bool {
    let (printed, shown): (Vec<_>, Vec<_>) = (printed.trim().lines().collect(), shown.trim().lines().collect());
    printed.len() == shown.len() && printed.iter().zip(&shown).all(|(line, form)| fits(line, form))
}

fn fits(line: &str, form: &str) -> bool {
    let parts: Vec<_> = form.split('…').collect();
    if parts.len() == 1 {
        return line == form;
    }
    let mut rest = line;
    let in_order = parts.iter().all(|part| {
        let found = rest.find(part);
        rest = found.map_or("", |at| &rest[at + part.len()..]);
        found.is_some()
    });
    in_order && line.starts_with(parts[0]) && line.ends_with(parts[parts.len() - 1])
}

#[test]
fn another_output_is_noticed() {
    assert!(same("digest 12ab\ndone\n", "digest …\ndone"));
    assert!(!same("digest 12ab\n", "digest …\ndone"));
    assert!(!same("a digest 12ab", "digest …"));
}
