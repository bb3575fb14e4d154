//! Who may attach.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use playon_core::fleet::Berth;
use playon_types::ids::ReleaseId;
use playon_wire::attach::LinkSecret;

use super::fate::Fate;

/// One started process; unique within a keeper process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct SpawnId(pub(crate) u64);

/// What the bearer of a secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WorkerPass {
    /// A process that the keeper started.
    Spawned {
        /// Which one.
        spawn: SpawnId,
        /// The release it runs.
        release: ReleaseId,
        /// The release's label.
        label: String,
        /// What it is there for.
        berth: Berth,
        /// What becomes of it.
        fate: Fate,
    },
    /// A process started by somebody else, which says itself what it runs.
    External,
}

/// The secrets that may attach now. A started process has its own, good for one attach.
#[derive(Debug)]
pub(crate) struct Passes {
    external: LinkSecret,
    spawned: Mutex<HashMap<[u8; 32], WorkerPass>>,
}

impl Passes {
    pub(crate) fn new(external: LinkSecret) -> Self {
        Self { external, spawned: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], WorkerPass>> {
        self.spawned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn grant(&self, secret: LinkSecret, pass: WorkerPass) {
        self.lock().insert(secret.0, pass);
    }

    pub(crate) fn revoke(&self, secret: LinkSecret) {
        self.lock().remove(&secret.0);
    }

    /// Uses a secret up. Random secrets of 256 bits are looked up by value: what a guess learns from timing is useless.
    pub(crate) fn present(&self, secret: LinkSecret) -> Option<WorkerPass> {
        if secret == self.external {
            return Some(WorkerPass::External);
        }
        self.lock().remove(&secret.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: LinkSecret = LinkSecret([1; 32]);
    const ONE: LinkSecret = LinkSecret([2; 32]);
    const TWO: LinkSecret = LinkSecret([3; 32]);

    #[test]
    fn a_pass_is_good_for_one_attach() {
        let passes = Passes::new(SHARED);
        let (release, label) = (ReleaseId([1; 32]), "r1".into());
        let pass = WorkerPass::Spawned {
            spawn: SpawnId(1),
            release,
            label,
            berth: Berth::Common,
            fate: Fate::new(),
        };
        passes.grant(ONE, pass.clone());
        passes.grant(TWO, pass.clone());
        passes.revoke(TWO);
        assert_eq!(passes.present(ONE), Some(pass));
        assert_eq!(passes.present(ONE), None);
        assert_eq!(passes.present(TWO), None);
        assert_eq!(passes.present(SHARED), Some(WorkerPass::External));
        assert_eq!(passes.present(SHARED), Some(WorkerPass::External));
    }
}
