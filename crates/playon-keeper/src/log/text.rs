//! Text that others have chosen, on its way to a terminal or a log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character acts on a terminal or on the order in which text is read, instead of being read: control
/// characters, line separators, and the marks that turn the direction of text (Unicode UAX #9).
pub fn acts(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Whether text may be a name, a kind or a label: none of its characters [`acts`].
pub fn is_plain(text: &str) -> bool {
    !text.contains(acts)
}

/// Text with each character that [`acts`] written as JSON would write it: `\n`, `\t`, or `\u` and four digits. So one
/// line stays one line, and a string of JSON stays the same string.
pub fn escape(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    Cow::Owned(escaped)
}

/// As [`escape`], with the colours left in that a log or a command writes itself: `ESC [ digits m`.
pub fn escape_coloured(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match colour(rest) {
            Some(length) => {
                escaped.push_str(&rest[..length]);
                rest = &rest[length..];
            }
            None => {
                push_escaped(&mut escaped, c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    Cow::Owned(escaped)
}

/// The bytes of the colour that text begins with, if it begins with one.
fn colour(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("\x1b[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    digits[end..].starts_with('m').then_some(2 + end + 1)
}

fn push_escaped(text: &mut String, c: char) {
    match c {
        '\n' => text.push_str("\\n"),
        '\r' => text.push_str("\\r"),
        '\t' => text.push_str("\\t"),
        // All of them have four digits.
        c if acts(c) => _ = write!(text, "\\u{:04x}", u32::from(c)),
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_written_out_and_the_rest_is_left() {
        assert_eq!(escape("Großvater 🎲 \\ \""), "Großvater 🎲 \\ \"");
        let nasty = "a\nb\x1b[2J\u{202e}c\u{9b}31m\u{2028}\u{7f}";
        assert!(!is_plain(nasty));
        assert_eq!(escape(nasty), "a\\nb\\u001b[2J\\u202ec\\u009b31m\\u2028\\u007f");
        assert!(is_plain(&escape(nasty)));
    }

    #[test]
    fn an_escaped_string_of_json_is_the_same_string() {
        let nasty: String = (0..0x2070).filter_map(char::from_u32).collect();
        let json = serde_json::to_string(&nasty).unwrap();
        let escaped = escape(&json);
        assert!(is_plain(&escaped));
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), nasty);
    }

    #[test]
    fn of_all_that_a_terminal_obeys_a_log_keeps_its_colours() {
        let line = "\x1b[32mINFO\x1b[0m said=\x1b]0;title\x07\x1b[2J\x1b[1;31";
        let kept = "\x1b[32mINFO\x1b[0m said=\\u001b]0;title\\u0007\\u001b[2J\\u001b[1;31";
        assert_eq!(escape_coloured(line), kept);
    }
}
