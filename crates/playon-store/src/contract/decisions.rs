//! What is decided for all rooms, so that it stays decided.

use bytes::Bytes;
use playon_types::ids::DeployId;

use crate::error::StoreError;

/// Deploys, and small named values. There is one way to write: to compare what is held with what the decision goes out from, and
/// to put it only then. All methods may be called from any thread.
pub trait Decisions: Send + Sync {
    /// Writes a decision, all of it or nothing, if the value is as it expects. Returns when it is safe.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the value is another one; nothing is written then, and the store goes on. Or when it cannot
    /// be stored.
    fn decide(&self, decision: Decision) -> Result<(), StoreError>;

    /// One named value, if it was ever decided.
    ///
    /// # Errors
    /// When it cannot be read.
    fn setting(&self, name: &str) -> Result<Option<Bytes>, StoreError>;

    /// The newest deploys, newest first, at most `limit`.
    ///
    /// # Errors
    /// When they cannot be read.
    fn deploys(&self, limit: usize) -> Result<Vec<DeployRow>, StoreError>;
}

/// A compare-and-put of a named value, and the deploy that it is about, if it is about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// How the deploy stands from then on.
    pub deploy: Option<DeployRow>,
    /// The name of the value.
    pub name: String,
    /// What the value must be before; nothing if there must be none.
    pub expected: Option<Bytes>,
    /// What it is from then on; nothing if it does not change.
    pub value: Option<Bytes>,
}

/// A stored deploy, opaque to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeployRow {
    /// The deploy.
    pub id: DeployId,
    /// Its record, encoded by the keeper.
    pub body: Bytes,
}
