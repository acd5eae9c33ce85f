//! Reading a Dockerfile: never a panic, and lines that lead back into the file.
//!
//! The input is the file. Every instruction knows its lines, they ascend, and an error names a line of the file.

#![no_main]

use fastcontainer_dockerfile::{Dockerfile, Instruction};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| check(file));

fn check(file: &[u8]) {
    let lines = file.split(|byte| *byte == b'\n').count();
    let dockerfile = match Dockerfile::parse("Dockerfile", file) {
        Ok(dockerfile) => dockerfile,
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "{error}");
            return;
        }
    };
    let stages = dockerfile.stages().iter();
    let instructions = stages.flat_map(|stage| std::iter::once(&stage.from).chain(&stage.instructions));
    let mut end = 0;
    for Instruction {
        first_line, last_line, ..
    } in dockerfile.global_args().iter().chain(instructions)
    {
        assert!(
            end < *first_line && first_line <= last_line && *last_line <= lines,
            "{first_line} to {last_line}"
        );
        end = *last_line;
    }
    for (number, stage) in dockerfile.stages().iter().enumerate() {
        assert_eq!(stage.number, number);
        assert!(!stage.label().is_empty());
    }
    assert!(dockerfile.snippet(0, usize::MAX).lines().count() <= lines);
    assert!(dockerfile.declared_args().iter().all(|name| !name.contains('=')));
}
