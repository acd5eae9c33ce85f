//! Source trees to build: many files of 0.2 to 8 kB, as source files are.

use e2e::Project;

/// Files in one directory.
const SIBLINGS: usize = 50;

/// Writes `count` files and a Dockerfile that copies them below `directory`.
pub(super) fn plant(project: &Project, directory: &str, count: usize) {
    project.write(&format!("{directory}/Dockerfile"), "FROM scratch\nCOPY . /app/\n");
    for number in 0..count {
        edit(project, directory, number, 0);
    }
}

/// Replaces the content of one file by that of another `version`; the answer is its size in bytes.
pub(super) fn edit(project: &Project, directory: &str, number: usize, version: usize) -> usize {
    let size = 200 + number * 7919 % 7800;
    let mut text = String::with_capacity(size + 64);
    while text.len() < size {
        text.push_str(&format!(
            "file {number:05} version {version:06} offset {:06}\n",
            text.len()
        ));
    }
    project.write(
        &format!("{directory}/part{:03}/file{number:05}.txt", number / SIBLINGS),
        &text,
    );
    text.len()
}
