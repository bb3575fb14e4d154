//! Executables: which are stored, and those that the director lets go.

use playon_types::ids::ReleaseId;

use crate::control::thread::Control;

impl Control {
    /// Tells the director which executables are stored.
    pub(crate) fn tell_executables(&mut self) {
        let stored = self.catalog().stored_by_age();
        self.director.handle_executables(stored);
        self.drain();
    }

    /// Deletes executables that nobody needs any more.
    pub(crate) fn discard(&mut self, executables: &[ReleaseId]) {
        for id in executables {
            let label = self.catalog().label(*id);
            match self.setup.artifacts.remove(*id) {
                Ok(()) => {
                    tracing::info!(release = label, "the executable of an old release is deleted")
                }
                Err(error) => tracing::warn!(release = label, %error, "an old executable stays"),
            }
            if let Some(entry) = self.catalog_mut().releases.get_mut(id) {
                entry.stored = self.setup.artifacts.path(*id).is_some();
            }
        }
        let stored = self.catalog().stored_by_age();
        self.director.handle_executables(stored);
    }
}
