//! Lines of an ignore file: what people write, and what nobody should.
//!
//! Most lines are made from a path of the tree, so that they match something. The odd ones try every character that
//! BuildKit's matcher treats in a way of its own.

use crate::chance::Chance;

const COMMENTS: [&str; 8] = ["# a", "#", "", "  ", "\t", "  # x", " #a", "#!a"];
const ODD_PARTS: [&str; 44] = [
    "[a-c]",
    "[^a]",
    "[^a-c]x",
    "[!a]",
    "[abc]*",
    "\\*",
    "\\a",
    "a\\b",
    "\\#",
    "\\!a",
    "[z-a]",
    "[a-",
    "[]",
    "[]a]",
    "[^]",
    "[-a]",
    "a\\",
    "\\o",
    "\\d",
    "\\.",
    "^a",
    "a^*",
    "*^",
    "a|b",
    "a|b*",
    "foo|*",
    "{a,b}",
    "{a,b}*",
    "a{2}*",
    "a+",
    "a+*",
    "(a)*",
    "(a",
    "$a",
    "a$*",
    "*$",
    "[[:alpha:]]",
    "[?]",
    "[*]",
    "[a/b]",
    "***",
    "a**",
    "é*",
    "?é",
];
const ODD_LINES: [&str; 30] = [
    "!",
    "! ",
    "!/",
    "/",
    ".",
    "..",
    "../a",
    "../..",
    "a/../b",
    "a/..",
    "./a",
    "a//b",
    "//a",
    "a/",
    "a/.",
    "!!a",
    "/!a",
    "! a",
    " !a",
    "\u{a0}a\u{a0}",
    "\u{3000}b",
    "**",
    "!**",
    "**/",
    "/**",
    "*/",
    "!*/*/",
    "**/**",
    "**/**/a",
    "\u{feff}a",
];

const NOISE: [&str; 24] = [
    "a", "b", "ab", "foo", "x", ".", "/", "/", "*", "*", "**", "**/", "?", "|", "^", "$", "+", "(", ")", "{", "}",
    "[a-c]", "[^b]", "\\*",
];

/// One line; `paths` are those of the tree. `odd` is how many in a hundred are not what people write.
pub(super) fn line(chance: &mut Chance, paths: &[String], odd: usize) -> String {
    if chance.percent(5) {
        return (*chance.pick(&COMMENTS)).to_owned();
    }
    if chance.percent(odd) && chance.percent(30) {
        return (*chance.pick(&ODD_LINES)).to_owned();
    }
    let mut line = if chance.percent(odd / 3) {
        noise(chance)
    } else {
        pattern(chance, paths, odd)
    };
    if chance.percent(38) {
        line.insert(0, '!');
    }
    if chance.percent(3) {
        line = format!(
            "{}{line}{}",
            chance.pick(&["", " ", "\t"]),
            chance.pick(&[" ", "\t ", "\r"])
        );
    }
    line
}

/// A line as people write it.
pub(crate) fn ordinary_line(chance: &mut Chance, paths: &[String]) -> String {
    line(chance, paths, 0)
}

fn pattern(chance: &mut Chance, paths: &[String], odd: usize) -> String {
    let path = if paths.is_empty() {
        "a/b"
    } else {
        chance.pick(paths).as_str()
    };
    let mut parts: Vec<String> = path.split('/').map(str::to_owned).collect();
    if chance.percent(30) {
        parts.truncate(1 + chance.below(parts.len()));
    }
    for part in &mut parts {
        if chance.percent(22) {
            *part = wildcard(chance, part);
        } else if chance.percent(odd) && chance.percent(40) {
            (*chance.pick(&ODD_PARTS)).clone_into(part);
        }
    }
    frame(chance, parts, odd)
}

/// Characters that mean something, in any order.
fn noise(chance: &mut Chance) -> String {
    let length = 1 + chance.below(7);
    (0..length).map(|_| *chance.pick(&NOISE)).collect()
}

/// A wildcard that could match `name`.
fn wildcard(chance: &mut Chance, name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let at = chance.below(characters.len().max(1));
    let (before, after) = characters.split_at(at.min(characters.len()));
    let (before, after): (String, String) = (before.iter().collect(), after.iter().collect());
    let rest: String = after.chars().skip(1).collect();
    match chance.below(9) {
        0 | 1 => "*".to_owned(),
        2 => format!("{before}*"),
        3 => format!("*{after}"),
        4 => format!("{before}?{rest}"),
        5 => format!("{before}[a-z]{rest}"),
        6 => format!("{before}*{rest}"),
        7 => "**".to_owned(),
        _ => format!("**{after}"),
    }
}

fn frame(chance: &mut Chance, mut parts: Vec<String>, odd: usize) -> String {
    match chance.below(12) {
        0 => parts.insert(0, "**".to_owned()),
        1 => parts.push("**".to_owned()),
        2 => parts.push("*".to_owned()),
        3 => {
            let at = chance.below(parts.len());
            parts.insert(at, (*chance.pick(&["**", "*"])).to_owned());
        }
        4 if parts.len() > 1 => drop(parts.remove(0)),
        _ => {}
    }
    let mut text = parts.join("/");
    if chance.percent(10) {
        text.push('/');
    }
    if chance.percent(10) {
        text.insert_str(0, chance.pick::<&str>(&["/", "./"]));
    }
    if chance.percent(odd) && chance.percent(10) {
        text.insert_str(0, chance.pick::<&str>(&["../", "x/../", "//", "**"]));
    }
    text
}
