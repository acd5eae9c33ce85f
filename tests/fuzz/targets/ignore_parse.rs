//! Reading an ignore file: never a panic, and every line is judged by itself.
//!
//! The input is the file. A file is refused if one of its lines is, and the error names the first such line.

#![no_main]

use fastcontainer_build_context::{ContextError, IgnoreRules};
use libfuzzer_sys::fuzz_target;

/// Above this many lines a file is only read as a whole, or reading each line alone would take too long.
const MOST_LINES: usize = 64;

fuzz_target!(|file: &[u8]| check(file));

fn check(file: &[u8]) {
    let lines: Vec<&[u8]> = file.split(|byte| *byte == b'\n').collect();
    let refused = refused_line(file);
    if lines.len() > MOST_LINES {
        return;
    }
    // The comment keeps a line that is not the first from being read as one, which may have a byte order mark.
    let alone = |(at, line): (usize, &&[u8])| {
        let file = if at == 0 {
            line.to_vec()
        } else {
            [b"#\n", *line].concat()
        };
        refused_line(&file).is_some()
    };
    let first = lines.iter().enumerate().position(alone);
    assert_eq!(refused, first.map(|at| at + 1), "a line is judged by itself");
}

/// The 1-based number of the line for which a file is refused.
fn refused_line(file: &[u8]) -> Option<usize> {
    match IgnoreRules::parse("ignore", file) {
        Ok(_) => None,
        Err(ContextError::IgnorePattern { file, line, .. }) => {
            assert_eq!(file, "ignore");
            Some(line)
        }
        Err(other) => panic!("an ignore file cannot give this error: {other}"),
    }
}
