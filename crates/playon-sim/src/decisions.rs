//! The model of what the store keeps of deploys, and of the decision that follows from them.

use std::collections::BTreeMap;

use playon_types::ids::DeployId;

/// Deploys, and one value that is decided with them.
#[derive(Clone, Debug)]
pub struct Decisions<D, V> {
    deploys: BTreeMap<DeployId, D>,
    value: Option<V>,
}

impl<D, V> Default for Decisions<D, V> {
    fn default() -> Self {
        Self { deploys: BTreeMap::new(), value: None }
    }
}

impl<D, V: PartialEq> Decisions<D, V> {
    /// Nothing has been decided but that.
    pub fn of(value: V) -> Self {
        Self { value: Some(value), ..Self::default() }
    }

    /// How a deploy stands.
    pub fn put(&mut self, id: DeployId, deploy: D) {
        self.deploys.insert(id, deploy);
    }

    /// How a deploy stands and, if there is one, the value that follows from it: both, if the value is as expected before.
    ///
    /// # Errors
    /// When it is another one; nothing is written then.
    pub fn decide(
        &mut self,
        (id, deploy): (DeployId, D),
        expected: Option<&V>,
        value: Option<V>,
    ) -> Result<(), String> {
        if self.value.as_ref() != expected {
            return Err("another decision was made meanwhile".to_owned());
        }
        self.put(id, deploy);
        self.value = value.or_else(|| self.value.take());
        Ok(())
    }

    /// The value, if one was ever decided.
    pub const fn value(&self) -> Option<&V> {
        self.value.as_ref()
    }

    /// All deploys, the newest first.
    pub fn newest_first(&self) -> impl DoubleEndedIterator<Item = (DeployId, &D)> {
        self.deploys.iter().rev().map(|(id, deploy)| (*id, deploy))
    }
}
