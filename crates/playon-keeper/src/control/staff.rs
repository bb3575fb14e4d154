//! How many workers of which release should run, as the supervisor is told.

use playon_core::fleet::Berth;
use playon_core::ids::ReleaseId;

use super::thread::Control;
use crate::workers::Want;

impl Control {
    pub(super) fn want(&mut self, release: ReleaseId, count: u32) {
        self.wanted.insert(release, count);
        self.staff(release, Berth::Common, count);
    }

    fn staff(&self, release: ReleaseId, berth: Berth, count: u32) {
        let Some(executable) = self.setup.artifacts.path(release) else {
            // Workers of such a release come and go as somebody else decides.
            return;
        };
        let label = self.catalog().label(release);
        self.setup.supervisor.want(Want { release, berth, label, executable, count });
    }

    pub(super) fn staff_berths(&mut self) {
        while let Some((release, berth, count)) = self.berths.poll() {
            self.staff(release, berth, count);
        }
    }
}
