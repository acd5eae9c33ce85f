//! From the bytes of an ignore file to its patterns.
//!
//! Follows BuildKit's reader and the second pass of its matcher: a byte-order mark is dropped from the first line only,
//! `#` is a comment in column 0 only, white space around a pattern and after `!` is dropped, paths are cleaned
//! lexically and lose one leading `/`. The matcher trims and cleans once more, before it looks for `!`, which is why
//! `/!x` is a negation and `!../../x` is none.

use super::pattern::Pattern;
use super::syntax::clean;

/// The reader's buffer: a line of this many bytes is refused.
const LONGEST_LINE: usize = 64 * 1024;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// A line that makes the whole file unusable.
#[derive(Debug)]
pub(super) struct InvalidLine {
    pub(super) line: usize,
    pub(super) pattern: String,
    pub(super) reason: &'static str,
}

/// All patterns of a file, in order.
pub(super) fn patterns(bytes: &[u8]) -> Result<Vec<Pattern>, InvalidLine> {
    let mut patterns = Vec::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.len() >= LONGEST_LINE {
            let pattern = format!("{}…", String::from_utf8_lossy(&line[..40]));
            return Err(InvalidLine {
                line: at + 1,
                pattern,
                reason: "the line is longer than 64 KiB",
            });
        }
        let line = if at == 0 {
            line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line)
        } else {
            line
        };
        patterns.extend(pattern(at + 1, line.strip_suffix(b"\r").unwrap_or(line))?);
    }
    Ok(patterns)
}

/// The pattern in one line, if there is one.
fn pattern(line: usize, bytes: &[u8]) -> Result<Option<Pattern>, InvalidLine> {
    let text = String::from_utf8_lossy(bytes);
    if text.starts_with('#') || text.trim().is_empty() {
        return Ok(None);
    }
    compile(
        line,
        &clean(read(text.trim()).trim()),
        std::str::from_utf8(bytes).is_ok(),
    )
}

/// The pattern in one value of `COPY --exclude`: the matcher takes it without the reader's changes.
pub(super) fn exclude(text: &str) -> Result<Option<Pattern>, InvalidLine> {
    match text.trim() {
        "" => Ok(None),
        text => compile(0, &clean(text), true),
    }
}

/// Compiles what is left of a line; `faithful` tells that no byte was replaced to make it text.
fn compile(line: usize, text: &str, faithful: bool) -> Result<Option<Pattern>, InvalidLine> {
    let negated = text.starts_with('!');
    let text = text.strip_prefix('!').unwrap_or(text);
    if text.is_empty() {
        return Err(InvalidLine {
            line,
            pattern: "!".to_owned(),
            reason: "`!` needs a pattern after it",
        });
    }
    let pattern = Pattern::new(line, negated, text.to_owned(), faithful);
    pattern.map(Some).map_err(|reason| InvalidLine {
        line,
        pattern: text.to_owned(),
        reason,
    })
}

/// What the reader makes of a line: a cleaned path without one leading `/`, behind `!` if it is negated.
fn read(text: &str) -> String {
    let (sign, path) = match text.strip_prefix('!') {
        Some(path) => ("!", path.trim()),
        None => ("", text),
    };
    if path.is_empty() {
        return sign.to_owned();
    }
    let path = clean(path);
    let rooted = path.strip_prefix('/').filter(|rest| !rest.is_empty());
    format!("{sign}{}", rooted.unwrap_or(&path))
}
