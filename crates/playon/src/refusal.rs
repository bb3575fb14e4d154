//! A game's "no".

use std::{borrow::Cow, fmt};

/// Why a room refuses to be created or a player refuses to be seated.
///
/// The text is shown to the player. At most [`Refusal::BYTES_MAX`] bytes of it are kept.
///
/// ```
/// use playon::Refusal;
/// let refusal: Refusal = "the round is full".into();
/// assert_eq!(refusal.reason(), "the round is full");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    reason: Cow<'static, str>,
}

impl Refusal {
    /// Bytes of a reason; a longer one is cut. The reason of a WebSocket's close frame holds 123 bytes.
    pub const BYTES_MAX: usize = 100;

    /// With a reason that the player may read.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        let reason = reason.into();
        if reason.len() <= Self::BYTES_MAX {
            return Self { reason };
        }
        let end = (0..=Self::BYTES_MAX).rev().find(|at| reason.is_char_boundary(*at)).unwrap_or(0);
        Self { reason: Cow::Owned(reason[..end].to_owned()) }
    }

    /// The reason given.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

impl From<&'static str> for Refusal {
    fn from(reason: &'static str) -> Self {
        Self::new(reason)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::new(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_reasons_are_cut_between_characters() {
        let refusal = Refusal::new("ä".repeat(80));
        assert_eq!(refusal.reason(), "ä".repeat(50));
        assert_eq!(Refusal::new(format!("x{refusal}{refusal}")).reason().len(), 99);
    }
}
