//! From a seed to an ignore file and a tree.
//!
//! Half of the pairs are ordinary: names and patterns as in projects. The other half is out to find mistakes: few short
//! names, so that patterns meet, and lines that BuildKit's matcher reads in its own way.

use super::patterns::line;
use super::{Pair, Place};
use crate::chance::Chance;
use crate::tree::{Node, Tree};

const ORDINARY: [&str; 22] = [
    "src",
    "lib",
    "node_modules",
    "dist",
    "docs",
    "test",
    "app",
    "main.py",
    "README.md",
    "go.mod",
    "package.json",
    ".env",
    ".git",
    "x.log",
    "a.pyc",
    "build",
    "Makefile",
    "index.ts",
    "LICENSE",
    ".dockerignore",
    "Dockerfile.dev",
    "cache.tmp",
];
const SHORT: [&str; 14] = [
    "a", "b", "c", "ab", "abc", "foo", "foo1", "bar", "xbar", "a.b", "x", "xfoo", "d", "bb",
];
const ODD: [&str; 22] = [
    "# x",
    "#a",
    " b",
    "é",
    "[",
    "]",
    "[a]",
    "{a,b}",
    "a|b",
    "^a",
    "a^",
    "!a",
    "a\\b",
    "$",
    "a+",
    "(a",
    "*",
    "?",
    "a*",
    "..a",
    "...",
    "\u{feff}a",
];

/// The pair that belongs to `seed`.
#[must_use]
pub fn generate(seed: u64) -> Pair {
    let mut chance = Chance::of(seed);
    let odd = if chance.percent(50) { 0 } else { 35 };
    let tree = tree(&mut chance, odd);
    let paths = tree.paths();
    let most = if chance.percent(70) { 4 } else { 12 };
    let count = 1 + chance.below(most);
    let mut lines: Vec<Vec<u8>> = (0..count)
        .map(|_| line(&mut chance, &paths, odd).into_bytes())
        .collect();
    if chance.percent(4) {
        lines[0].splice(0..0, "\u{feff}".bytes());
    }
    if odd > 0 && chance.percent(2) {
        lines.push(b"a\xffb*".to_vec());
    }
    if chance.percent(50) {
        lines.push(Vec::new());
    }
    Pair {
        lines,
        line_end: if chance.percent(10) { "\r\n" } else { "\n" },
        place: place(&mut chance),
        tree,
    }
}

fn place(chance: &mut Chance) -> Place {
    match chance.below(10) {
        0 | 1 => Place::InContext,
        2 => Place::BesideInContext,
        3 => Place::BesideElsewhere,
        _ => Place::Elsewhere,
    }
}

fn tree(chance: &mut Chance, odd: usize) -> Tree {
    let mut tree = Tree::default();
    let names: &[&str] = if odd == 0 && chance.percent(60) {
        &ORDINARY
    } else {
        &SHORT
    };
    for number in 0..4 + chance.below(14) {
        let depth = 1 + chance.below(4);
        let parts: Vec<&str> = (0..depth)
            .map(|_| {
                let names = if odd > 0 && chance.percent(12) { &ODD } else { names };
                *chance.pick(names)
            })
            .collect();
        let path = parts.join("/");
        if parts[0] == ".dockerignore" {
            continue;
        }
        let node = match chance.below(10) {
            0 => Node::Directory,
            1 => Node::Link((*chance.pick(&[".", "a", "../b", "/a", "nowhere", "a/b", ".."])).to_owned()),
            _ => Node::file(&format!("{number}")),
        };
        tree.put(&path, node);
    }
    tree
}
