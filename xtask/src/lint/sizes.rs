//! A file is one screen of responsibility: 500 lines at most, its tests included.

use std::path::Path;

use crate::shell::{Problems, rust_files};

const LONGEST_FILE: usize = 500;

/// Files that are too long.
pub(super) fn check(root: &Path) -> Problems {
    let mut found = Vec::new();
    for file in rust_files(root)? {
        let lines = std::fs::read_to_string(&file)?.lines().count();
        if lines > LONGEST_FILE {
            let name = file.strip_prefix(root).unwrap_or(&file).display();
            found.push(format!("{name}: {lines} lines; split it (at most {LONGEST_FILE})"));
        }
    }
    Ok(found)
}
