//! Which workers should run, as the supervisor is told.

use crate::messages::Want;
use playon_core::fleet::Berth;
use playon_types::ids::ReleaseId;

use crate::control::thread::Control;

impl Control {
    /// A release that was given up, or waits to be tried again, is tried now. Whether there was anything to do.
    pub(crate) fn retry(&mut self, release: ReleaseId) -> bool {
        let attached = self.catalog().workers.values().any(|worker| worker.release == release);
        let count = self.wanted.get(&release).copied().filter(|count| *count > 0 && !attached);
        if let Some(count) = count {
            self.want_with(release, count, true);
        }
        count.is_some()
    }

    pub(crate) fn want(&mut self, release: ReleaseId, count: u32) {
        self.want_with(release, count, false);
    }

    pub(crate) fn want_with(&mut self, release: ReleaseId, count: u32, afresh: bool) {
        self.wanted.insert(release, count);
        self.staff(release, Berth::Common, count, afresh);
    }

    pub(crate) fn staff(&self, release: ReleaseId, berth: Berth, count: u32, afresh: bool) {
        let Some(executable) = self.setup.artifacts.path(release) else {
            // Workers of such a release come and go as somebody else decides.
            return;
        };
        let label = self.catalog().label(release);
        let needed = self.director.has_rooms(release);
        let want = Want { release, berth, label, executable, count, needed, afresh };
        self.setup.supervisor.want(want);
    }

    pub(crate) fn staff_berths(&mut self) {
        while let Some((release, berth, count)) = self.berths.poll() {
            self.staff(release, berth, count, false);
        }
    }
}
