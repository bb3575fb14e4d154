//! Rooms at rest that a deploy is checked with, as the store has them.

use playon_core::deploy::{RESTING_GROUPS_MAX, SLEEPERS_PER_GROUP, Search, Sleeper, Sleepers};
use playon_store::{RestGroup, RestingRoom, StoreError};

use crate::control::effects::resting;
use crate::control::thread::Control;

impl Control {
    /// Looks for them and tells the director. Whatever wakes meanwhile is found out by its shard.
    pub(crate) fn find_sleepers(&mut self, search: &Search) {
        let deploy = search.deploy;
        let found = self.sleepers(search).map_err(|error| {
            tracing::error!(%deploy, %error, "rooms at rest cannot be looked through");
            error.to_string()
        });
        self.director.handle_sleepers(self.setup.clock.now(), deploy, found);
    }

    fn sleepers(&self, search: &Search) -> Result<Sleepers, StoreError> {
        let resting_rooms = &self.setup.resting_rooms;
        let rests = resting_rooms.rest_groups()?;
        let groups = search.groups(rests.iter().map(resting));
        let mut rooms = Vec::new();
        for need in groups.iter().take(RESTING_GROUPS_MAX) {
            let is = |group: &&RestGroup| resting(group) == *need;
            let Some(group) = rests.iter().find(is) else { continue };
            let of_group = resting_rooms.rests_of(group, None, u64::MAX, SLEEPERS_PER_GROUP)?;
            rooms.extend(of_group.into_iter().map(|RestingRoom { room, note, .. }| Sleeper {
                room,
                shard: self.setup.shards.number_of(room),
                name: note.name,
                need: need.clone(),
            }));
        }
        Ok(Sleepers { groups: groups.len() as u64, rooms })
    }
}
