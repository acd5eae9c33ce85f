//! Reading the record of a build, which comes from a state that anybody may have written.
//!
//! The input is the body of a record, without its checksum and before base64: no invented text would pass the checksum.
//! The bytes are also read as a text. What must hold: what was read can be written and read again, and is then the same.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use fuzz::planning::record::ContentRecord;
use fuzz::text;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest as _, Sha256};

fuzz_target!(|data: &[u8]| {
    let sealed = [data, &Sha256::digest(data)[..8]].concat();
    check(&STANDARD_NO_PAD.encode(sealed));
    if let Some(text) = text(data) {
        check(text);
    }
});

fn check(text: &str) {
    if let Some(record) = ContentRecord::decode(text) {
        let written = record.encode();
        assert!(written.len() <= text.len(), "{written} is longer than {text}");
        assert_eq!(ContentRecord::decode(&written), Some(record));
    }
}
