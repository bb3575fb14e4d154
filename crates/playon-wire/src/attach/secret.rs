//! What a spawned worker shows, so that no other process can attach in its place.

use std::fmt;

/// A secret of 32 random bytes, one for each spawned worker.
#[derive(Clone, Copy, Eq)]
pub struct LinkSecret(pub [u8; 32]);

impl LinkSecret {
    /// Parses 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        let mut bytes = [0; 32];
        if text.len() != 2 * bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            for digit in pair {
                let value = char::from(*digit).to_digit(16)?;
                *byte = (*byte << 4) | u8::try_from(value).ok()?;
            }
        }
        Some(Self(bytes))
    }

    /// The form that [`LinkSecret::parse`] reads.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl PartialEq for LinkSecret {
    /// Takes the same time wherever the first difference lies.
    fn eq(&self, other: &Self) -> bool {
        let difference = self.0.iter().zip(&other.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for LinkSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_read_back_what_they_print() {
        let mut secret = LinkSecret([0xa7; 32]);
        secret.0[31] = 1;
        assert_eq!(LinkSecret::parse(&secret.to_hex()), Some(secret));
        assert_ne!(LinkSecret([0xa7; 32]), secret);
        assert_eq!(LinkSecret::parse("a7"), None);
        assert_eq!(LinkSecret::parse(&"+1".repeat(32)), None);
        assert!(!format!("{secret:?}").contains("a7"));
    }
}
