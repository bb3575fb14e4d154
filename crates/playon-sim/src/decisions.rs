//! The model of what the store keeps of deploys, and of the named values that are decided with them.

use std::collections::BTreeMap;

use playon_types::ids::DeployId;

/// The last number that the rows of a table can have.
const DEPLOY_MAX: u64 = i64::MAX as u64;

/// Why a decision is not taken; nothing of it is written then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untaken {
    /// The value is another one than the decision goes out from.
    Conflict,
    /// The deploy has a number that cannot be stored.
    Number,
}

/// Deploys, and small values that are decided by comparing what is held.
#[derive(Clone, Debug)]
pub struct DecisionsModel<D, V> {
    deploys: BTreeMap<DeployId, D>,
    values: BTreeMap<String, V>,
}

impl<D, V> Default for DecisionsModel<D, V> {
    fn default() -> Self {
        Self { deploys: BTreeMap::new(), values: BTreeMap::new() }
    }
}

impl<D, V: PartialEq> DecisionsModel<D, V> {
    /// Nothing has been decided but that.
    pub fn of(name: &str, value: V) -> Self {
        Self { values: BTreeMap::from([(name.to_owned(), value)]), ..Self::default() }
    }

    /// How a deploy stands, if the decision is about one, and a value, if it changes: both, if the value is as expected before.
    ///
    /// # Errors
    /// See [`Untaken`].
    pub fn decide(
        &mut self,
        deploy: Option<(DeployId, D)>,
        name: &str,
        expected: Option<&V>,
        value: Option<V>,
    ) -> Result<(), Untaken> {
        if deploy.as_ref().is_some_and(|(id, _)| id.0 > DEPLOY_MAX) {
            return Err(Untaken::Number);
        }
        if self.value(name) != expected {
            return Err(Untaken::Conflict);
        }
        self.deploys.extend(deploy);
        self.values.extend(value.map(|value| (name.to_owned(), value)));
        Ok(())
    }

    /// A value, if it was ever decided.
    pub fn value(&self, name: &str) -> Option<&V> {
        self.values.get(name)
    }

    /// All deploys, the newest first.
    pub fn newest_first(&self) -> impl DoubleEndedIterator<Item = (DeployId, &D)> {
        self.deploys.iter().rev().map(|(id, deploy)| (*id, deploy))
    }
}
