//! Rooms at rest: what the store says of them.

use playon_core::deploy::{RESTING_GROUPS_MAX, SLEEPERS_PER_GROUP, Search, Sleeper, Sleepers};

use super::World;

impl World {
    /// What rests that a deploy may be checked with.
    pub(super) fn find_sleepers(&mut self, search: &Search) -> Result<(), String> {
        let unreadable = self.in_trouble() && self.rng.below(2_000) < self.options.unreadable;
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let all = self.store.at_rest();
        let groups = search.groups(all.iter().map(|(_, need)| need.clone()));
        let mut rooms = Vec::new();
        for group in groups.iter().take(RESTING_GROUPS_MAX) {
            let of_group = all.iter().filter(|(_, need)| need == group).take(SLEEPERS_PER_GROUP);
            rooms.extend(of_group.map(|(room, need)| Sleeper {
                room: *room,
                shard: keeper.shard_of(*room),
                name: String::new(),
                need: need.clone(),
            }));
        }
        let groups = groups.len() as u64;
        let found = if unreadable {
            Err("the disk does not answer".to_owned())
        } else {
            keeper.audit.found_sleepers(search.deploy, groups);
            Ok(Sleepers { groups, rooms })
        };
        keeper.director.handle_sleepers(keeper.clock(self.now), search.deploy, found);
        self.drain()
    }
}
