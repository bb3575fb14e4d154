//! Rooms come from the store and go back to it: recovery, waking, creation, sleep.

use playon_types::gate::{Close, Create, Hello, Who};
use playon_types::ids::{DeployId, ReleaseId, RoomId};
use playon_types::image::{Image, StateCodec};
use playon_types::kind::OnDeploy;
use playon_types::reason;
use playon_types::reason::Reason;
use playon_types::time::{Time, WallTime};

use crate::creating::Creating;
use crate::effect::{Effect, Listing, Loaded, Report, Stored, Unprobed};
use crate::ensure::ensure;
use crate::fleet::Berth;
use crate::mutant::{Mutant, broken};
use crate::room::{MoveOrder, Room};

use super::loading::LoadFate;
use super::rest::release_for;
use super::{Halted, Loading, RoomSlot, Shard, ShardEntry};

/// Told to whoever comes back to a room that there is not.
pub(super) const NO_SUCH_ROOM: Reason = Reason::fixed("PLY-0121 there is no such room");

impl<C: StateCodec> Shard<C> {
    /// A room was read from the store at start.
    pub fn handle_recovered(&mut self, now: Time, mut image: Image) {
        image.release = release_for(&self.env, &image).unwrap_or(image.release);
        self.bring_back(now, image, false);
    }

    pub(super) fn bring_back(&mut self, now: Time, image: Image, asleep: bool) {
        let id = image.room;
        let mut room = Room::recovered(&mut self.env, now, image);
        if asleep {
            room.wake(&mut self.env, now);
        }
        room.list(&mut self.env);
        let slot = RoomSlot::Room(Box::new(room));
        let loading = self.put_for_loading(id, slot);
        loading.waiting.into_iter().for_each(|hello| self.handle_hello(now, hello));
        if let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(&id) {
            room.end_if_over(&mut self.env);
        }
        if loading.close {
            self.close(now, id);
        }
        self.settle(now, id);
    }

    /// Puts what was found in the place of what was looked for; gives who waited for it, and why.
    fn put_for_loading(&mut self, id: RoomId, slot: RoomSlot) -> Loading {
        match self.put(id, slot) {
            Some(ShardEntry { slot: RoomSlot::Loading(loading), .. }) => loading,
            _ => Loading::default(),
        }
    }

    /// A room was found damaged: it is halted, and says so.
    pub fn handle_damaged(&mut self, now: Time, room: RoomId, why: String) {
        if broken(Mutant::DamageForgotten) {
            return;
        }
        self.halt(now, room, why);
    }

    /// The room is not served, and not overwritten.
    pub(super) fn halt(&mut self, now: Time, room: RoomId, why: String) {
        self.env.end_copy(room, None);
        self.env.confine(room, ReleaseId::default(), Berth::Common);
        let slot = RoomSlot::Halted(Halted { why: why.clone(), given_up: false });
        let (waiting, close) = match self.put(room, slot) {
            Some(ShardEntry { slot: RoomSlot::Loading(loading), .. }) => {
                (loading.waiting, loading.close)
            }
            Some(ShardEntry { slot: RoomSlot::Creating(creating), .. }) => {
                (creating.waiting, false)
            }
            Some(ShardEntry { late, .. }) => (late, false),
            None => (Vec::new(), false),
        };
        for hello in waiting {
            let detail = reason!("PLY-0119 the room is halted: {why}");
            self.env.close(hello.conn, Close::RoomHalted, detail);
        }
        self.env.report(Report::Listing(Listing {
            room,
            kind: String::new(),
            name: String::new(),
            release: ReleaseId::default(),
            version: 0,
            players: 0,
            players_max: 0,
            live: false,
            halted: Some(why),
        }));
        if close {
            self.close(now, room);
        }
    }

    /// All hot rooms have been handed over: whoever still waits is looked for among the sleeping ones.
    pub fn handle_recovery_done(&mut self, _now: Time) {
        self.recovery_done = true;
        for (id, entry) in &self.rooms {
            if matches!(entry.slot, RoomSlot::Loading(_)) {
                self.env.emit(Effect::Load(*id));
            }
        }
    }

    /// What the store knows about a room that was asked for.
    pub fn handle_loaded(&mut self, now: Time, id: RoomId, loaded: Loaded) {
        let Some(ShardEntry { slot: RoomSlot::Loading(loading), .. }) = self.rooms.get_mut(&id)
        else {
            return;
        };
        match loaded {
            Loaded::Asleep { image, since } => match loading.fate(since) {
                LoadFate::Wakes => {
                    self.wake(now, *image);
                    self.probe_missed(now, id, Unprobed::Claimed);
                }
                LoadFate::Leaves { expired } => {
                    self.delete_at_rest(id, expired);
                    self.probe_missed(now, id, Unprobed::Claimed);
                }
                LoadFate::Stays => {
                    self.remove(id);
                    self.probe_found(now, &image);
                }
            },
            Loaded::Missing => {
                let loading = std::mem::take(loading);
                if loading.close {
                    self.env.report(Report::NotClosed { room: id, unreadable: None });
                }
                self.create_for(now, id, loading);
                self.probe_missed(now, id, Unprobed::Claimed);
            }
            Loaded::Damaged(why) => {
                self.handle_damaged(now, id, why);
                self.probe_missed(now, id, Unprobed::Damaged);
            }
            Loaded::Unreadable(_) if broken(Mutant::EmptyTwin) => {
                let loading = std::mem::take(loading);
                self.create_for(now, id, loading);
            }
            Loaded::Unreadable(why) => {
                let loading = std::mem::take(loading);
                self.remove(id);
                for hello in loading.waiting {
                    let detail = reason!("PLY-0120 cannot be read now: {why}");
                    self.env.close(hello.conn, Close::Busy, detail);
                }
                if loading.close {
                    self.env.report(Report::NotClosed { room: id, unreadable: Some(why) });
                }
                self.probe_missed(now, id, Unprobed::Unreadable);
            }
        }
    }

    /// A room at rest is asked for.
    fn wake(&mut self, now: Time, mut image: Image) {
        let id = image.room;
        match release_for(&self.env, &image) {
            None => return self.strand(id, image),
            Some(release) => image.release = release,
        }
        let home = self.home_of(&image);
        self.bring_back(now, image, true);
        if let Some(to) = home {
            self.order_move(now, id, MoveOrder::to(DeployId::NONE, to), true);
        }
    }

    /// Where a room that wakes is to be opened, if not where it was: nobody is in it, so it need not wait for the end of a
    /// round, but a kind that ends where it began does so.
    fn home_of(&self, image: &Image) -> Option<ReleaseId> {
        let to = self.env.prefer.filter(|to| self.env.bring_home && *to != image.release)?;
        let declared = |release| self.env.fleet.declared(release, &image.kind);
        let said = declared(image.release).or_else(|| declared(to));
        let ends_here = said.is_some_and(|kind| kind.policies.on_deploy == OnDeploy::Finish);
        (!ends_here || broken(Mutant::PolicyAssumed)).then_some(to)
    }

    /// The room certainly does not exist: it is created if somebody who waits says how.
    fn create_for(&mut self, now: Time, id: RoomId, loading: Loading) {
        let Loading { waiting, create, .. } = loading;
        let create = create.or_else(|| waiting.iter().find_map(|hello| hello.create.clone()));
        let (stay, go): (Vec<Hello>, Vec<Hello>) = waiting
            .into_iter()
            .partition(|hello| create.is_some() && !matches!(hello.who, Who::Known { .. }));
        for hello in go {
            self.env.close(hello.conn, Close::UnknownRoom, NO_SUCH_ROOM);
        }
        match create {
            Some(create) if !self.env.draining => {
                self.begin_create(now, id, create, stay);
                self.settle(now, id);
            }
            _ => {
                self.remove(id);
                for hello in stay {
                    self.env.close(
                        hello.conn,
                        Close::Busy,
                        reason!("PLY-0101 the server takes no new rooms"),
                    );
                }
            }
        }
    }

    fn begin_create(&mut self, now: Time, id: RoomId, create: Create, waiting: Vec<Hello>) {
        if let Some(detail) = self.env.no_such_kind(now, &create.kind) {
            self.remove(id);
            for hello in waiting {
                self.env.close(hello.conn, Close::Refused, detail.clone());
            }
            return;
        }
        let sought =
            matches!(self.rooms.get(&id), Some(ShardEntry { slot: RoomSlot::Loading(_), .. }));
        ensure!(self.env, id, sought, "it is made, and the store was not asked for it");
        let mut creating = Creating::new(id, create, waiting, &self.env.limits, now);
        creating.ask(&mut self.env, now);
        self.put(id, RoomSlot::Creating(creating));
    }

    /// An effect has become safe in the store.
    pub fn handle_stored(&mut self, now: Time, id: RoomId, stored: Stored) {
        let Some(entry) = self.rooms.get_mut(&id) else {
            return;
        };
        let room = match &mut entry.slot {
            RoomSlot::Room(room) => room,
            RoomSlot::Halted(Halted { given_up: true, .. }) if stored == Stored::Deleted => {
                self.remove(id);
                return self.env.report(Report::Gone { room: id, asleep: false });
            }
            RoomSlot::Leaving { expired } if stored == Stored::Deleted => {
                let expired = *expired;
                return self.gone_from_rest(now, id, expired);
            }
            _ => return,
        };
        match stored {
            Stored::Record(seq) | Stored::Snapshot(seq) => {
                let whole = matches!(stored, Stored::Snapshot(_));
                room.handle_safe(&mut self.env, now, seq, whole);
                self.settle(now, id);
            }
            Stored::Asleep | Stored::Deleted => {
                let late = std::mem::take(&mut entry.late);
                self.depart(now, id, stored == Stored::Asleep, late);
            }
        }
    }

    /// A room leaves memory; whoever came late wakes it again or starts afresh.
    fn depart(&mut self, now: Time, id: RoomId, asleep: bool, late: Vec<Hello>) {
        let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.remove(id) else {
            return;
        };
        self.env.report(Report::Gone { room: id, asleep });
        let loaded = if asleep {
            let image = Box::new(room.into_image());
            Loaded::Asleep { image, since: WallTime::default() }
        } else {
            Loaded::Missing
        };
        self.begin_again(now, id, late, loaded);
    }

    /// Whoever came while the room left finds it as it is now.
    pub(super) fn begin_again(&mut self, now: Time, id: RoomId, late: Vec<Hello>, loaded: Loaded) {
        if !late.is_empty() {
            self.put(id, RoomSlot::Loading(Loading::of(late)));
            self.handle_loaded(now, id, loaded);
        }
    }

    /// The store wants to cut its log and needs snapshots of these rooms.
    pub fn handle_snapshots_wanted(&mut self, now: Time, rooms: &[RoomId]) {
        for id in rooms {
            let Some(ShardEntry { slot: RoomSlot::Room(room), .. }) = self.rooms.get_mut(id) else {
                continue;
            };
            room.snapshot(&mut self.env, now);
            self.refresh(*id);
        }
    }
}
