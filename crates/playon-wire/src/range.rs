//! Which protocol versions a side speaks.

use std::fmt;

/// An unbroken range of protocol versions, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtocolRange {
    /// The oldest version spoken.
    pub min: u32,
    /// The newest version spoken.
    pub max: u32,
}

impl ProtocolRange {
    /// Exactly one version.
    pub const fn only(version: u32) -> Self {
        Self { min: version, max: version }
    }

    /// The newest version that both sides speak; nothing when the ranges do not meet or one is empty.
    pub fn common(self, other: Self) -> Option<u32> {
        let newest = self.max.min(other.max);
        let oldest = self.min.max(other.min);
        (oldest <= newest).then_some(newest)
    }
}

impl fmt::Display for ProtocolRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_chosen() {
        let range = |min, max| ProtocolRange { min, max };
        assert_eq!(range(1, 3).common(range(2, 5)), Some(3));
        assert_eq!(range(1, 3).common(range(3, 3)), Some(3));
        assert_eq!(range(1, 2).common(range(3, 4)), None);
        assert_eq!(range(4, 1).common(range(1, 4)), None);
    }
}
