//! A check of a context beside what any program has to do with the same directory; measured in the program `floors`.

use std::path::Path;
use std::process::Command;

use e2e::Project;
use serde_json::Value;

use super::figures::{Figures, Goal};
use super::suite::built;
use super::trees::{TREES, settle};

/// The program that measures.
pub(super) const PROGRAM: &str = "floors";

pub(super) fn measure(figures: &mut Figures) {
    let project = Project::new("bench-floors", "");
    for tree in &TREES {
        let root = tree.plant(&project);
        settle();
        for line in floors(&root) {
            let name = line["measure"].as_str().expect("the name of a measure");
            let goal = if name.starts_with("cold") { 1.15 } else { 1.25 };
            figures.add(
                (&format!("walk of {}, {name}", tree.label), ("ms", 1)),
                line["ours"].as_f64().expect("our time"),
                line["beside"].as_f64(),
                Goal::TimesBeside(goal),
            );
        }
    }
}

fn floors(root: &Path) -> Vec<Value> {
    let output = Command::new(built(PROGRAM)).arg(root).output().expect("the program");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "`{PROGRAM}` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}
