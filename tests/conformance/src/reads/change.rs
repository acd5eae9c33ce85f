//! One edit of a context: what people and tools do to files between two builds.

use super::Case;
use crate::chance::Chance;
use crate::tree::{Node, Tree};

/// How a change of those permissions is described that do not count.
pub const READABLE: &str = "readable by others or not";

/// The case after one edit, and what the edit was.
pub fn change(case: &Case, chance: &mut Chance) -> (Case, String) {
    let mut after = case.clone();
    let what = if chance.percent(15) {
        format!("named context: {}", edit(&mut after.named, chance))
    } else if chance.percent(5) {
        let at = chance.below(after.instructions.len() + 1);
        after.instructions.insert(at, "# a comment\n".to_owned());
        "a comment in the Dockerfile".to_owned()
    } else {
        edit(&mut after.context, chance)
    };
    (after, what)
}

fn edit(tree: &mut Tree, chance: &mut Chance) -> String {
    if let Some(Node::File { content, .. }) = tree.0.get(".dockerignore").filter(|_| chance.percent(10)) {
        let mut content = content.clone();
        content.extend(
            chance
                .pick::<&str>(&["\nsrc", "\n!lib", "\n*.txt", "\n# a comment", "\n**/f"])
                .bytes(),
        );
        tree.put(".dockerignore", Node::File { content, mode: 0o644 });
        return "a line more in .dockerignore".to_owned();
    }
    let all: Vec<String> = tree.0.keys().filter(|path| *path != ".dockerignore").cloned().collect();
    if all.is_empty() || chance.percent(18) {
        return add(tree, chance);
    }
    let path = chance.pick(&all).clone();
    let node = tree.0[&path].clone();
    match (chance.below(10), node) {
        (0, _) => {
            tree.remove(&path);
            format!("{path} deleted")
        }
        (1, node) => {
            let other = format!("{path}{}", chance.pick(&["2", ".txt", "/../renamed"]))
                .replace(&renamed_from(&path), "renamed");
            tree.remove(&path);
            tree.put(&other, node);
            format!("{path} renamed to {other}")
        }
        (2, _) => {
            tree.put(&path, Node::Link("src".to_owned()));
            format!("{path} replaced by a link")
        }
        (_, Node::Directory) => {
            tree.put(&format!("{path}/new"), Node::file("new"));
            format!("{path}/new added")
        }
        (_, Node::Link(_)) => {
            tree.put(
                &path,
                Node::Link((*chance.pick(&["lib", "/docs", "../src", "f"])).to_owned()),
            );
            format!("{path} leads elsewhere")
        }
        (way, Node::File { content, mode }) => edit_file(tree, &path, (content, mode), way),
    }
}

/// What `path/../renamed` is without the detour.
fn renamed_from(path: &str) -> String {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    format!("{name}/../renamed")
}

fn edit_file(tree: &mut Tree, path: &str, (mut content, mut mode): (Vec<u8>, u32), way: usize) -> String {
    let what = match way {
        3 | 4 => {
            mode ^= 0o111;
            "executable or not"
        }
        5 => {
            mode ^= 0o044;
            READABLE
        }
        6 | 7 if !content.is_empty() => {
            content[0] ^= 1;
            "edited, same size"
        }
        _ => {
            content.extend(b" more");
            "edited"
        }
    };
    tree.put(path, Node::File { content, mode });
    format!("{path} {what}")
}

fn add(tree: &mut Tree, chance: &mut Chance) -> String {
    let folders: Vec<String> = tree
        .paths()
        .into_iter()
        .filter(|path| tree.0.get(path).is_none_or(|node| *node == Node::Directory))
        .collect();
    let folder = if folders.is_empty() || chance.percent(25) {
        ""
    } else {
        chance.pick(&folders).as_str()
    };
    let name = *chance.pick(&["new.txt", "f", "empty", "x.txt", "nowhere", "src", "link"]);
    let path = format!("{folder}/{name}").trim_start_matches('/').to_owned();
    let node = match chance.below(6) {
        0 => Node::Directory,
        1 => Node::Link("lib".to_owned()),
        _ => Node::file("added"),
    };
    if tree.paths().contains(&path) {
        return format!("{path} is there already");
    }
    tree.put(&path, node);
    format!("{path} added")
}
