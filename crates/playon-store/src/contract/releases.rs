//! Which releases there are.

use playon_types::ids::ReleaseId;

use crate::error::StoreError;

/// The releases that were uploaded, each under a label that no other has. All methods may be called from any thread.
pub trait Releases: Send + Sync {
    /// Adds or renames a release, and returns when it is safe.
    ///
    /// # Errors
    /// [`StoreError::LabelTaken`] when another release has the label; nothing is written then, and the store goes on. Or when it
    /// cannot be stored.
    fn put_release(&self, release: ReleaseRow) -> Result<(), StoreError>;

    /// All releases, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    fn releases(&self) -> Result<Vec<ReleaseRow>, StoreError>;
}

/// A stored release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Hash of its executable; the artifact lies under that name beside the database.
    pub id: ReleaseId,
    /// The name people use, unique.
    pub label: String,
    /// Wall-clock milliseconds since 1970, for people only.
    pub added_ms: u64,
}
