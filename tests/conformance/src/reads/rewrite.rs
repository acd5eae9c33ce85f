//! One edit of a Dockerfile or of a build argument: what moves the first step that runs.

use super::Case;
use crate::chance::Chance;

/// The case after one edit of its Dockerfile or arguments, and what the edit was.
pub fn rewrite(case: &Case, chance: &mut Chance) -> (Case, String) {
    let mut after = case.clone();
    let steps: Vec<usize> = (0..case.instructions.len())
        .filter(|at| !case.instructions[*at].starts_with("FROM") && !case.instructions[*at].starts_with("ONBUILD"))
        .collect();
    let at = if steps.is_empty() { 0 } else { *chance.pick(&steps) };
    let what = match chance.below(7) {
        0 => {
            after.build_args.insert("A".to_owned(), "lib".to_owned());
            "build argument A".to_owned()
        }
        1 if after.build_args.remove("G").is_some() => "no build argument G".to_owned(),
        2 if !steps.is_empty() => format!("without {}", after.instructions.remove(at)),
        3 => insert(&mut after, chance, "COPY <<END /inserted\nhello\nEND"),
        4 => insert(&mut after, chance, "ENV INSERTED=1"),
        5 => insert(&mut after, chance, "WORKDIR /inserted"),
        _ => insert(&mut after, chance, "LABEL inserted=1"),
    };
    (after, what)
}

/// Puts a line somewhere after the first FROM.
fn insert(case: &mut Case, chance: &mut Chance, line: &str) -> String {
    let first = case
        .instructions
        .iter()
        .position(|line| line.starts_with("FROM"))
        .unwrap_or_default();
    let at = first + 1 + chance.below(case.instructions.len() - first);
    case.instructions.insert(at, line.to_owned());
    format!("{line:?} inserted at {at}")
}
