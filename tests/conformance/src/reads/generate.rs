//! From a seed to a Dockerfile with its contexts.
//!
//! Most stages begin with nothing, which makes a build quick; some have a shell, for RUN with bind mounts. Some sources
//! name what is not there: then both builds are refused, and a later change may cure that.

use std::collections::BTreeMap;

use super::steps::Writer;
use super::{Case, NAMED};
use crate::chance::Chance;
use crate::ignore::ordinary_line;
use crate::tree::{Node, Tree};

const FOLDERS: [&str; 6] = ["src", "lib", "docs", "a", "b", "src"];
const FILES: [&str; 9] = ["x.txt", "y.txt", "m.md", "f", "g.py", "z z.txt", "h", "main.c", "x.txt"];
const ODD_FILES: [&str; 8] = ["q*", "[x]", "a|b", "b\\c", "{a,b}", "^a", "é.txt", "$A"];
const TARGETS: [&str; 14] = [
    "src",
    "/src",
    "../lib",
    "x.txt",
    "a/b",
    "../a",
    "/lib/x.txt",
    ".",
    "..",
    "nowhere",
    "../../../docs",
    "lib/f",
    "/",
    "link",
];
const BUSYBOX: &str = "docker.io/library/busybox:1.36";

/// The case that belongs to `seed`.
#[must_use]
pub fn generate(seed: u64) -> Case {
    let mut chance = Chance::of(seed ^ 0x5eed);
    let mut context = tree(&mut chance, 14, seed);
    let mut named = tree(&mut chance, 5, seed);
    if chance.percent(15) {
        let node = Node::File {
            content: archive(),
            mode: 0o644,
        };
        context.put(if chance.percent(50) { "pack.tar" } else { "src/pack.tar" }, node);
    }
    let paths = context.paths();
    let named_paths = named.paths();
    let writer = Writer::new(&mut chance, &paths, &named_paths, seed);
    let (instructions, stages) = instructions(writer);
    let dockerfile_in_context = chance.percent(30);
    if chance.percent(30) {
        let beside = dockerfile_in_context && chance.percent(30);
        let name = if beside {
            "Dockerfile.dockerignore"
        } else {
            ".dockerignore"
        };
        context.put(name, ignore_file(&mut chance, &paths));
    }
    if chance.percent(15) {
        let paths = named.paths();
        named.put(".dockerignore", ignore_file(&mut chance, &paths));
    }
    let mut build_args = BTreeMap::new();
    for name in ["A", "G", "UNUSED"] {
        if chance.percent(20) {
            build_args.insert(name.to_owned(), (*chance.pick(&FOLDERS)).to_owned());
        }
    }
    Case {
        instructions,
        context,
        named,
        dockerfile_in_context,
        target: chance.percent(20).then(|| chance.pick(&stages).clone()),
        build_args,
    }
}

fn ignore_file(chance: &mut Chance, paths: &[String]) -> Node {
    let lines: Vec<_> = (0..1 + chance.below(4)).map(|_| ordinary_line(chance, paths)).collect();
    Node::file(&lines.join("\n"))
}

fn instructions(mut writer: Writer<'_>) -> (Vec<String>, Vec<String>) {
    if writer.chance.percent(40) {
        writer.lines.push("ARG G=src".to_owned());
    }
    let stages = 1 + [0, 0, 1, 1, 2][writer.chance.below(5)];
    let mut shells: Vec<bool> = Vec::new();
    for number in 0..stages {
        stage(&mut writer, number, &mut shells);
    }
    (writer.lines, writer.stages)
}

fn stage(writer: &mut Writer<'_>, number: usize, shells: &mut Vec<bool>) {
    writer.variables.clear();
    let parent = (number > 0 && writer.chance.percent(30)).then(|| writer.chance.below(number));
    let (base, has_shell) = match parent {
        Some(parent) => (writer.stages[parent].clone(), shells[parent]),
        None if writer.chance.percent(18) => (BUSYBOX.to_owned(), true),
        None if writer.chance.percent(5) => (NAMED.to_owned(), false),
        None => ("scratch".to_owned(), false),
    };
    let name = format!("s{number}");
    writer.lines.push(format!("FROM {base} AS {name}"));
    writer.has_shell = has_shell;
    for _ in 0..1 + writer.chance.below(4) {
        writer.step();
    }
    if writer.chance.percent(6) {
        writer.trigger();
    }
    if number > 0 && parent != Some(number - 1) && writer.chance.percent(75) {
        writer.lines.push(format!("COPY --from=s{} / /p{number}/", number - 1));
    }
    writer.stages.push(name);
    shells.push(has_shell);
}

/// A tree of about `size` entries with links that lead everywhere. No other seed has files of the same content: the
/// daemon would take the results of one build for another.
fn tree(chance: &mut Chance, size: usize, seed: u64) -> Tree {
    let mut tree = Tree::default();
    for number in 0..2 + chance.below(size) {
        let mut parts: Vec<&str> = (0..chance.below(4)).map(|_| *chance.pick(&FOLDERS)).collect();
        let node = match chance.below(14) {
            0 => Node::Directory,
            1..=3 => Node::Link(target(chance, &tree, parts.len())),
            4 => Node::File {
                content: format!("#!{seed} {number}").into_bytes(),
                mode: 0o755,
            },
            _ => Node::file(&format!("content {seed} {number}")),
        };
        let name = match node {
            Node::Link(_) => *chance.pick(&["link", "l.txt", "src", "lib", "a"]),
            Node::Directory => *chance.pick(&FOLDERS),
            Node::File { .. } if chance.percent(6) => *chance.pick(&ODD_FILES),
            Node::File { .. } => *chance.pick(&FILES),
        };
        parts.push(name);
        tree.put(&parts.join("/"), node);
    }
    tree
}

/// The text of a link that lies `depth` folders deep.
fn target(chance: &mut Chance, tree: &Tree, depth: usize) -> String {
    let paths = tree.paths();
    if paths.is_empty() || chance.percent(35) {
        return (*chance.pick(&TARGETS)).to_owned();
    }
    let path = chance.pick(&paths);
    match chance.below(4) {
        0 => format!("/{path}"),
        1 => format!("{}../{path}", "../".repeat(depth)),
        _ => format!("{}{path}", "../".repeat(depth)),
    }
}

/// A small archive, for ADD to unpack.
fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(3);
    header.set_mode(0o644);
    header.set_cksum();
    archive
        .append_data(&mut header, "inside/file", b"abc".as_slice())
        .expect("an archive in memory");
    archive.into_inner().expect("an archive in memory")
}
