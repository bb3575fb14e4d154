//! Text as part of a request's path.

/// Percent-encodes all but the plainest characters.
pub(super) fn encode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_survive_a_query() {
        assert_eq!(encode("v1.0_a-b"), "v1.0_a-b");
        assert_eq!(encode("a b&c+ü"), "a%20b%26c%2B%C3%BC");
    }
}
