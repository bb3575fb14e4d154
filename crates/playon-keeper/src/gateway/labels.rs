//! What players are told of the release that runs their room.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use playon_types::ids::ReleaseId;

/// Hexadecimal digits of a hash that stand in for a label.
const DIGITS: usize = 12;

/// The labels of all releases, shared by those who name them.
#[derive(Clone, Debug, Default)]
pub struct Labels(Arc<RwLock<BTreeMap<ReleaseId, String>>>);

impl Labels {
    /// Names a release, or names it anew.
    pub fn set(&self, release: ReleaseId, label: impl Into<String>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(release, label.into());
    }

    /// A release is not kept any more.
    pub fn forget(&self, release: ReleaseId) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&release);
    }

    /// The label of a release, or the beginning of its hash if it has none.
    pub fn of(&self, release: ReleaseId) -> String {
        let labels = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let hash = || release.to_string().chars().take(DIGITS).collect();
        labels.get(&release).cloned().unwrap_or_else(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_without_a_label_goes_by_its_hash() {
        let (labels, release) = (Labels::default(), ReleaseId([0xab; 32]));
        assert_eq!(labels.of(release), "abababababab");
        labels.set(release, "r1");
        assert_eq!(labels.of(release), "r1");
        labels.forget(release);
        assert_eq!(labels.of(release), "abababababab");
    }
}
