//! Text from elsewhere: build output, file names, messages of registries. It is data and must not steer a terminal.

/// Makes foreign text safe for a terminal and for Pulumi's display: control characters but line breaks and tabs are
/// replaced, and colour directives (`<{%…%}>`) are broken up.
#[must_use]
pub fn neutralise(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in strip_escapes(text).chars() {
        safe.push(if c.is_control() && c != '\n' && c != '\t' {
            '\u{fffd}'
        } else {
            c
        });
    }
    safe.replace("<{%", "<{ %").replace("%}>", "% }>")
}

/// Drops terminal escape sequences (CSI and OSC) whole, so that coloured build output stays readable.
fn strip_escapes(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            kept.push(c);
            continue;
        }
        match chars.next_if(|next| matches!(next, '[' | ']')) {
            Some('[') => while chars.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
            Some(_) => while chars.next_if(|next| *next != '\u{7}' && *next != '\u{1b}').is_some() {},
            None => {}
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_colour_directives_do_nothing() {
        assert_eq!(neutralise("\u{1b}[31mred\u{1b}[0m"), "red");
        assert_eq!(neutralise("<{%reset%}>"), "<{ %reset% }>");
        assert_eq!(neutralise("a\rb\u{8}c\n\td"), "a\u{fffd}b\u{fffd}c\n\td");
        assert_eq!(neutralise("\u{1b}]0;title\u{7}x"), "\u{fffd}x");
        assert_eq!(neutralise("\u{1b}["), "");
    }
}
