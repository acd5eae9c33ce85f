//! Hides the values of secrets in text that a build prints.
//!
//! Responsible for finding a value as it is, line by line, and in the forms that programs print it in: base64 (also in
//! the middle of a longer text, and in wrapped lines), percent-encoding, JSON and shell strings, hexadecimal. What is
//! found becomes `***`. Long values are found piece by piece, so that a part of one is hidden too.
//!
//! Refuses to hide what is shorter than six bytes: hiding `a` everywhere hides nothing and spoils every text. A value
//! that a step has transformed in any other way cannot be found.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in place of a secret.
pub const HIDDEN: &str = "***";
/// Shorter values are not hidden.
pub const SHORTEST_HIDDEN: usize = 6;
/// Longer forms are looked for in pieces of this size.
const PIECE: usize = 1024;
/// Lengths at which programs wrap base64.
const WRAPPED_AT: [usize; 2] = [64, 76];
/// Bytes besides letters and digits that encoders for URLs leave alone, one set for each kind of encoder.
const UNESCAPED: [&[u8]; 4] = [b"-_.~", b"-_.~/", b"-_.!~*'()", b"-_.*"];

/// Finds and hides secrets.
#[derive(Clone, Default)]
pub struct Redactor(Arc<Forms>);

#[derive(Default)]
struct Forms {
    patterns: Vec<Vec<u8>>,
    finder: Finder,
}

#[derive(Default)]
enum Finder {
    #[default]
    Nothing,
    Patterns(Box<AhoCorasick>),
    /// There are too many patterns to look for, so nothing is shown.
    Everything,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// A redactor of these values.
    #[must_use]
    pub fn of<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let forms: BTreeSet<Vec<u8>> = values.into_iter().flat_map(forms).collect();
        let patterns: Vec<Vec<u8>> = forms.into_iter().collect();
        let finder = if patterns.is_empty() {
            Finder::Nothing
        } else {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostLongest)
                .kind(Some(AhoCorasickKind::NoncontiguousNFA))
                .build(&patterns)
                .map_or(Finder::Everything, |found| Finder::Patterns(Box::new(found)))
        };
        Self(Arc::new(Forms { patterns, finder }))
    }

    /// The text without secrets.
    #[must_use]
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0.finder {
            Finder::Nothing => Cow::Borrowed(text),
            Finder::Everything => Cow::Borrowed(HIDDEN),
            Finder::Patterns(finder) if !finder.is_match(text) => Cow::Borrowed(text),
            Finder::Patterns(_) => {
                Cow::Owned(String::from_utf8_lossy(&self.bytes(text.as_bytes().to_vec())).into_owned())
            }
        }
    }

    /// The bytes without secrets.
    pub(crate) fn bytes(&self, bytes: Vec<u8>) -> Vec<u8> {
        match &self.0.finder {
            Finder::Nothing => bytes,
            Finder::Everything => HIDDEN.as_bytes().to_vec(),
            Finder::Patterns(finder) => {
                let mut shown = Vec::with_capacity(bytes.len());
                let mut rest = 0;
                for found in finder.find_iter(&bytes) {
                    shown.extend_from_slice(&bytes[rest..found.start()]);
                    shown.extend_from_slice(HIDDEN.as_bytes());
                    rest = found.end();
                }
                shown.extend_from_slice(&bytes[rest..]);
                shown
            }
        }
    }

    /// How many bytes can be shown now, when more will follow: the rest may be the beginning of a secret.
    pub(crate) fn settled(&self, bytes: &[u8]) -> usize {
        let begun = |pattern: &Vec<u8>| {
            let longest = pattern.len().saturating_sub(1).min(bytes.len());
            (1..=longest).rev().find(|length| bytes.ends_with(&pattern[..*length]))
        };
        bytes.len() - self.0.patterns.iter().filter_map(begun).max().unwrap_or(0)
    }
}

/// Everything to look for.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let whole = value.trim_ascii();
    let lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut forms = Vec::new();
    for part in lines.chain([whole]) {
        if part.len() < SHORTEST_HIDDEN {
            continue;
        }
        if !part.contains(&b'\n') {
            forms.push(part.to_vec());
        }
        forms.extend(base64_forms(part));
        forms.extend(percent_forms(part));
        forms.extend(quoted_forms(part));
        forms.extend([hex::encode(part).into_bytes(), hex::encode_upper(part).into_bytes()]);
    }
    forms.into_iter().flat_map(pieces).collect()
}

/// Long forms in pieces; a short last piece stays with the one before.
fn pieces(form: Vec<u8>) -> Vec<Vec<u8>> {
    let mut pieces: Vec<Vec<u8>> = form.chunks(PIECE).map(<[u8]>::to_vec).collect();
    if let [.., before, last] = pieces.as_mut_slice()
        && last.len() < SHORTEST_HIDDEN
    {
        before.append(last);
    }
    pieces.retain(|piece| piece.len() >= SHORTEST_HIDDEN);
    pieces
}

/// The characters of base64 that the value alone decides, wherever in a longer text it stands.
fn base64_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let shifted = [&[0; 3][..before], value].concat();
        let (first, last) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            forms.extend(encoded.as_bytes().get(first..last).map(<[u8]>::to_vec));
            if before == 0 {
                let wrapped = WRAPPED_AT.iter().filter(|width| encoded.len() > **width);
                forms.extend(wrapped.flat_map(|width| encoded.as_bytes().chunks(*width).map(<[u8]>::to_vec)));
            }
        }
    }
    forms
}

fn percent_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let encode = |kept: &[u8], space: &str, upper: bool| {
        let mut encoded = String::new();
        for byte in value {
            match byte {
                b' ' if !space.is_empty() => encoded.push_str(space),
                byte if byte.is_ascii_alphanumeric() || kept.contains(byte) => encoded.push(char::from(*byte)),
                byte if upper => encoded.push_str(&format!("%{byte:02X}")),
                byte => encoded.push_str(&format!("%{byte:02x}")),
            }
        }
        encoded.into_bytes()
    };
    let mut forms = Vec::new();
    for kept in UNESCAPED {
        for space in ["", "+"] {
            forms.extend([encode(kept, space, true), encode(kept, space, false)]);
        }
    }
    forms
}

/// As strings of JSON, and within single quotes of a shell.
fn quoted_forms(value: &[u8]) -> Vec<Vec<u8>> {
    let Ok(text) = std::str::from_utf8(value) else {
        return Vec::new();
    };
    let mut forms = vec![text.replace('\'', r"'\''")];
    if let Ok(json) = serde_json::to_string(text) {
        let json = json.get(1..json.len() - 1).unwrap_or_default().to_owned();
        forms.push(json.replace('/', r"\/"));
        forms.push(escaped(&json, |c| matches!(c, '<' | '>' | '&')));
        forms.push(escaped(&json, |c| !c.is_ascii()));
        forms.push(json);
    }
    // What holds line breaks is never seen in one line.
    forms.retain(|form| !form.contains('\n'));
    forms.into_iter().map(String::into_bytes).collect()
}

/// The characters as `\u003c`.
fn escaped(json: &str, which: impl Fn(char) -> bool) -> String {
    let mut text = String::new();
    for c in json.chars() {
        if which(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    fn hides(value: &str, text: &str) -> String {
        Redactor::of([value.as_bytes()]).text(text).into_owned()
    }

    #[test]
    fn a_value_is_hidden_in_every_form() {
        let value = "p@ss/w<r>d é \"x\"'y'";
        let json = serde_json::to_string(value).unwrap();
        let forms = [
            value.to_owned(),
            STANDARD.encode(value),
            URL_SAFE_NO_PAD.encode(value),
            STANDARD.encode(format!("user:{value}")),
            STANDARD.encode(format!("a{value}\n")),
            STANDARD.encode(format!("ab{value}tail")),
            json.clone(),
            json.replace('/', r"\/"),
            json.replace('<', r"\u003c").replace('>', r"\u003e"),
            json.replace('é', r"\u00e9"),
            "p%40ss%2Fw%3Cr%3Ed%20%C3%A9%20%22x%22%27y%27".to_owned(),
            "p%40ss%2fw%3cr%3ed%20%c3%a9%20%22x%22%27y%27".to_owned(),
            "p%40ss/w%3Cr%3Ed%20%C3%A9%20%22x%22%27y%27".to_owned(),
            "p%40ss%2Fw%3Cr%3Ed+%C3%A9+%22x%22%27y%27".to_owned(),
            "p%40ss%2Fw%3Cr%3Ed%20%C3%A9%20%22x%22'y'".to_owned(),
            hex::encode(value),
            format!("echo '{}'", value.replace('\'', r"'\''")),
        ];
        for form in forms {
            let shown = hides(value, &format!("before {form} after"));
            assert!(shown.contains(HIDDEN), "{form} is shown: {shown}");
            for part in ["p@ss", "w<r>", "40ss", "w%3", "702f"] {
                assert!(!shown.contains(part), "{form}: {shown}");
            }
        }
    }

    #[test]
    fn each_line_of_a_value_is_hidden_and_short_ones_are_not() {
        let value = "-----BEGIN KEY-----\r\nabcdefgh\nshort\n\nijklmnop\n";
        assert_eq!(hides(value, "x abcdefgh y short ijklmnop"), "x *** y short ***");
        let json = serde_json::to_string(value).unwrap();
        assert!(!hides(value, &json).contains("efgh"));
        assert_eq!(hides("12345", "12345"), "12345");
        assert_eq!(hides("123456\n", "123456"), "***");
    }

    #[test]
    fn wrapped_base64_of_a_long_value_is_hidden_line_by_line() {
        let value: String = (0..90).map(|n: u8| char::from(b'!' + n % 90)).collect();
        let encoded = STANDARD.encode(&value);
        for width in WRAPPED_AT {
            for line in encoded.as_bytes().chunks(width) {
                let line = std::str::from_utf8(line).unwrap().trim_end_matches('=');
                assert_eq!(hides(&value, line), HIDDEN, "{width}");
            }
        }
    }

    #[test]
    fn a_part_of_a_very_long_value_is_hidden_in_pieces() {
        let value: String = (0..3000_u32).map(|n| char::from(b'a' + (n * n % 26) as u8)).collect();
        let shown = hides(&value, &format!("x{}", &value[..2500]));
        assert!(shown.len() < 500 && shown.starts_with("x***"), "{shown}");
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Redactor::of([b"canary-value".as_slice()])), "Redactor");
    }

    proptest! {
        /// Shown in any two pieces, and held back where it has to be, a secret stays hidden.
        #[test]
        fn what_is_settled_ends_before_any_secret_that_has_begun(
            value in "[a-c]{6,12}", before in "[a-c ]{0,10}", at in 0_usize..30
        ) {
            let redactor = Redactor::of([value.as_bytes()]);
            let text = format!("{before}{value}");
            let first = &text.as_bytes()[..at.min(text.len())];
            let hidden = redactor.bytes(first.to_vec());
            let settled = redactor.settled(&hidden);
            let rest = [&hidden[settled..], &text.as_bytes()[first.len()..]].concat();
            let shown = [hidden[..settled].to_vec(), redactor.bytes(rest)].concat();
            prop_assert!(!shown.windows(value.len()).any(|window| window == value.as_bytes()));
            prop_assert!(shown.windows(3).any(|window| window == b"***"));
        }
    }
}
