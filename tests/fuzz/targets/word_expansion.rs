//! Expanding variables, quotes and escapes in a word.
//!
//! The input is the word, a NUL byte, the value of `A`, a NUL byte, and the value of `B`. What must hold: only variables
//! that the word spells are asked for; a word without anything special stays as it is; and an escape character that
//! does not occur makes no difference. Time and memory are bounded by the fuzzer's own limits.

#![no_main]

use fastcontainer_dockerfile::expand;
use fuzz::{parts, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [word, a, b] = parts(data);
    if let (Some(word), Some(a), Some(b)) = (text(word), text(a), text(b)) {
        check(word, a, b);
    }
});

fn check(word: &str, a: &str, b: &str) {
    let lookup = |name: &str| {
        assert!(word.contains(name), "{name:?} was asked for");
        match name {
            "A" => Some(a.to_owned()),
            "B" => Some(b.to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        }
    };
    let with_backslash = expand(word, '\\', &lookup);
    let with_backtick = expand(word, '`', &lookup);
    if !word.contains(['\\', '`']) {
        assert_eq!(
            with_backslash, with_backtick,
            "an escape character that does not occur counts"
        );
    }
    if !word.contains(['$', '"', '\'', '\\']) {
        assert_eq!(with_backslash.as_deref(), Ok(word), "nothing special is changed");
    }
}
