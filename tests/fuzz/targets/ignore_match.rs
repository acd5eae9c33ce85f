//! Matching paths against an ignore file.
//!
//! The input is the file, a NUL byte, and the path. What must hold: the verdict depends on these two only; a last line
//! that excludes or re-includes everything does so; what lies below an excluded directory is excluded unless a line
//! says otherwise; and a matcher of another kind agrees wherever it knows. Time is bounded by the fuzzer's own limit;
//! longer paths than `LONGEST_PATH` are left out, because a verdict on a path asks about each directory above it.

#![no_main]

use fastcontainer_build_context::IgnoreRules;
use fuzz::{parts, reference, text};
use libfuzzer_sys::fuzz_target;

/// In bytes. A matcher that tries one way after the other is stuck on much shorter ones.
const LONGEST_PATH: usize = 128;

fuzz_target!(|data: &[u8]| {
    let [file, path] = parts(data);
    if let Some(path) = text(path).filter(|path| path.len() <= LONGEST_PATH) {
        check(file, path);
    }
});

fn check(file: &[u8], path: &str) {
    let Ok(rules) = IgnoreRules::parse("one name", file) else {
        return;
    };
    let verdict = rules.excludes(path).ok();
    let again = IgnoreRules::parse("another name", file).map(|rules| rules.excludes(path).ok());
    assert_eq!(again.ok(), Some(verdict), "only the file and the path count");
    assert_eq!(rules.excludes(path).ok(), verdict, "asking changes nothing");
    for (last, everything) in [("\n**\n", true), ("\n!**\n", false)] {
        let with = [file, last.as_bytes()].concat();
        let with = IgnoreRules::parse("", &with).map(|rules| rules.excludes(path).ok());
        // A pattern that is not understood beside one that re-includes leaves everything in.
        let all_in = everything && file.contains(&b'!');
        assert!(
            with.is_ok_and(|with| with.is_none_or(|with| with == everything || (all_in && !with))),
            "the last line {last:?} decides about everything that can be decided"
        );
    }
    if verdict == Some(true) && !file.contains(&b'!') && !path.is_empty() {
        let below = rules.excludes(&format!("{path}/x")).ok();
        assert_eq!(below, verdict, "what an excluded directory holds is excluded");
    }
    if let Some(expected) = text(file).and_then(|file| reference::excludes(file, path)) {
        assert_eq!(verdict, Some(expected), "the reference matcher disagrees");
    }
}
