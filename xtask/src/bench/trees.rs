//! Source trees to build: many small files, as source files are, and the same in every run.

use std::path::PathBuf;
use std::time::Duration;

use e2e::Project;

/// Files in one directory.
const SIBLINGS: usize = 50;
/// Directories in one directory.
const FOLDERS: usize = 32;
/// The usual patterns; none of the planted files is excluded.
const RULES: &str = "\
**/.git
**/.gitignore
**/node_modules
**/__pycache__
**/*.pyc
**/*.log
**/.DS_Store
**/.env*
!**/.env.example
dist
coverage/**
tmp/*
*.md
";

/// Trees on which checks are measured.
pub(super) const TREES: [Tree; 2] = [
    Tree {
        label: "5,000 files",
        files: 5_000,
        directories: 645,
        mean: 10_300,
    },
    Tree {
        label: "50,000 files",
        files: 50_000,
        directories: 1_228,
        mean: 4_100,
    },
];

/// A tree of files of very different sizes in two levels of directories.
#[derive(Debug)]
pub(super) struct Tree {
    /// Its name in the table.
    pub(super) label: &'static str,
    files: usize,
    directories: usize,
    /// Bytes of a file on average.
    mean: usize,
}

impl Tree {
    /// Writes the tree, a Dockerfile that copies all of it and an ignore file; the answer is its root.
    pub(super) fn plant(&self, project: &Project) -> PathBuf {
        let root = format!("tree{}", self.files);
        project.write(&format!("{root}/Dockerfile"), "FROM scratch\nCOPY . /app/\n");
        project.write(&format!("{root}/.dockerignore"), RULES);
        for number in 0..self.files {
            let folder = number % self.directories;
            let path = format!("{root}/area{:02}/part{folder:04}/file{number:05}.txt", folder / FOLDERS);
            project.write(&path, &content(number, self.size(number)));
        }
        project.at(&root)
    }

    /// From a tenth of the mean to almost four times as much; most files are small.
    fn size(&self, number: usize) -> usize {
        let scattered = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let fraction = scattered as f64 / (1u64 << 24) as f64;
        let mean = self.mean as f64;
        (mean * (0.1 + 3.6 * fraction.powi(3))) as usize
    }
}

/// `size` bytes that no file with another number has.
pub(super) fn content(number: usize, size: usize) -> String {
    let line = format!("this is line after line of file {number:06}\n");
    let mut text = line.repeat(size / line.len() + 1);
    text.truncate(size.max(line.len()));
    text
}

/// Waits until files that were just written are old enough for a stat cache to trust their times.
pub(super) fn settle() {
    std::thread::sleep(Duration::from_secs(3));
}

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
